// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace twinpool::bench {
namespace {

void require_finite(std::span<const double> samples) {
  for (const double sample : samples) {
    if (!std::isfinite(sample)) throw std::invalid_argument("statistics: a sample is not a finite number");
  }
}

void require_some(std::span<const double> samples) {
  if (samples.empty()) throw std::invalid_argument("statistics: no samples");
  require_finite(samples);
}

void require_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1))
    throw std::invalid_argument("statistics: confidence lies between 0 and 1");
}

/// P(Binomial(n, 1/2) <= k).
double binomial_half_cdf(std::size_t n, std::size_t k) {
  return boost::math::cdf(boost::math::binomial(static_cast<double>(n), 0.5), static_cast<double>(k));
}

double median_in_place(std::vector<double>& samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  if (samples.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(samples.begin(), middle), *middle);
}

/// The standard deviation of a normal sample, untouched by outliers.
double robust_spread(std::span<const double> samples) { return 1.4826 * median_absolute_deviation(samples); }

/// How many more pairs shrink the interval to `distance`.
std::optional<std::size_t> estimate_more_pairs(std::span<const double> logs, double distance) {
  if (logs.size() < kFewestForInterval) return kFewestForInterval - logs.size();
  const double needed =
      boost::math::constants::half_pi<double>() * std::pow(1.96 * robust_spread(logs) / distance, 2);
  if (!(needed < static_cast<double>(kMostPairs))) return std::nullopt;
  const auto total = static_cast<std::size_t>(std::ceil(needed));
  return total > logs.size() ? total - logs.size() : 1;
}

/// P(U <= u) for samples of n and m without ties, by counting: f(n, m, u) = f(n-1, m, u-m) + f(n, m-1, u).
double mann_whitney_cdf(std::size_t n, std::size_t m, std::size_t u) {
  std::vector<std::vector<double>> shorter(m + 1, std::vector<double>(u + 1, 0.0));  // f(i-1, j, .)
  for (auto& counts : shorter) counts[0] = 1;                                        // f(0, j, 0) = 1
  std::vector<std::vector<double>> current = shorter;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t at = 0; at <= u; ++at) current[0][at] = at == 0 ? 1 : 0;
    for (std::size_t j = 1; j <= m; ++j) {
      for (std::size_t at = 0; at <= u; ++at) {
        current[j][at] = current[j - 1][at] + (at >= j ? shorter[j][at - j] : 0);
      }
    }
    shorter.swap(current);
  }
  const double favourable = std::accumulate(shorter[m].begin(), shorter[m].end(), 0.0);
  double arrangements = 1;
  for (std::size_t i = 1; i <= n; ++i)
    arrangements = arrangements * static_cast<double>(m + i) / static_cast<double>(i);
  return favourable / arrangements;
}

}  // namespace

double percentile(std::span<const double> sorted, double q) {
  require_some(sorted);
  if (!(q >= 0 && q <= 1))
    throw std::invalid_argument("statistics: a percentile's share lies between 0 and 1");
  if (!std::is_sorted(sorted.begin(), sorted.end()))
    throw std::invalid_argument("statistics: samples are not sorted");
  const double exact = q * static_cast<double>(sorted.size());
  // 0.07 * 100 is 7.000000000000001 in binary; without the allowance the rank would be one too high.
  const double rank = std::ceil(exact - 1e-9 * std::max(exact, 1.0));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

Percentiles percentiles(std::vector<double> samples) {
  require_some(samples);
  std::sort(samples.begin(), samples.end());
  Percentiles figures{.p50 = percentile(samples, 0.5),
                      .p90 = percentile(samples, 0.9),
                      .p99 = percentile(samples, 0.99),
                      .max = samples.back(),
                      .n = samples.size()};
  if (figures.n >= kFewestForP999) figures.p999 = percentile(samples, 0.999);
  return figures;
}

double median(std::span<const double> samples) {
  require_some(samples);
  std::vector<double> copy(samples.begin(), samples.end());
  return median_in_place(copy);
}

double mean(std::span<const double> samples) {
  require_some(samples);
  return std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
}

double standard_deviation(std::span<const double> samples) {
  if (samples.size() < 2) throw std::invalid_argument("statistics: a standard deviation needs two samples");
  const double centre = mean(samples);
  double squares = 0;
  for (const double sample : samples) squares += (sample - centre) * (sample - centre);
  return std::sqrt(squares / static_cast<double>(samples.size() - 1));
}

double median_absolute_deviation(std::span<const double> samples) {
  const double centre = median(samples);
  std::vector<double> deviations;
  deviations.reserve(samples.size());
  for (const double sample : samples) deviations.push_back(std::fabs(sample - centre));
  return median_in_place(deviations);
}

std::optional<Interval> sign_interval(std::span<const double> samples, double confidence) {
  require_finite(samples);
  require_confidence(confidence);
  if (samples.size() < kFewestForInterval) return std::nullopt;
  const double tail = (1 - confidence) / 2;
  std::size_t k = 0;
  while (k < samples.size() / 2 && binomial_half_cdf(samples.size(), k) <= tail) ++k;
  if (k == 0) return std::nullopt;
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  return Interval{sorted[k - 1], sorted[sorted.size() - k], 1 - 2 * binomial_half_cdf(samples.size(), k - 1)};
}

double sign_test(std::span<const double> samples) {
  require_finite(samples);
  std::size_t above = 0;
  std::size_t below = 0;
  for (const double sample : samples) {
    if (sample > 0) ++above;
    if (sample < 0) ++below;
  }
  if (above + below == 0) return 1;
  return std::min(1.0, 2 * binomial_half_cdf(above + below, std::min(above, below)));
}

std::optional<Interval> bootstrap_interval(std::span<const double> samples, std::uint64_t seed,
                                           double confidence, int resamples) {
  require_finite(samples);
  require_confidence(confidence);
  if (resamples < 1) throw std::invalid_argument("statistics: a bootstrap needs at least one resample");
  if (samples.size() < kFewestForInterval) return std::nullopt;
  // Boost's distribution, since the standard's gives other numbers with other libraries: a seed must mean one
  // result.
  boost::random::mt19937_64 engine(seed);
  boost::random::uniform_int_distribution<std::size_t> pick(0, samples.size() - 1);
  std::vector<double> medians;
  medians.reserve(static_cast<std::size_t>(resamples));
  std::vector<double> resample(samples.size());
  for (int i = 0; i < resamples; ++i) {
    for (double& value : resample) value = samples[pick(engine)];
    medians.push_back(median_in_place(resample));
  }
  std::sort(medians.begin(), medians.end());
  const double tail = (1 - confidence) / 2;
  return Interval{percentile(medians, tail), percentile(medians, 1 - tail), confidence};
}

std::vector<double> log_ratios(std::span<const PairedValue> pairs) {
  std::vector<double> logs;
  logs.reserve(pairs.size());
  for (const PairedValue& pair : pairs) {
    if (!(pair.threads > 0) || !(pair.processes > 0)) {
      throw std::invalid_argument("statistics: a ratio needs two values above 0");
    }
    logs.push_back(std::log(pair.processes) - std::log(pair.threads));
  }
  require_finite(logs);
  return logs;
}

std::string_view name_of(IntervalMethod method) {
  return method == IntervalMethod::kSign ? "sign" : "bootstrap";
}

std::optional<IntervalMethod> interval_method_named(std::string_view name) {
  for (const IntervalMethod method : {IntervalMethod::kSign, IntervalMethod::kBootstrap}) {
    if (name == name_of(method)) return method;
  }
  return std::nullopt;
}

std::optional<Interval> interval_of(std::span<const double> samples, const Judging& judging,
                                    double confidence) {
  return judging.interval == IntervalMethod::kSign ? sign_interval(samples, confidence)
                                                   : bootstrap_interval(samples, judging.seed, confidence);
}

std::optional<RatioEstimate> estimate_ratio(std::span<const PairedValue> pairs, const Judging& judging,
                                            double confidence) {
  const std::vector<double> logs = log_ratios(pairs);
  if (logs.empty()) return std::nullopt;
  RatioEstimate estimate;
  estimate.n = logs.size();
  estimate.ratio = std::exp(median(logs));
  if (const auto interval = interval_of(logs, judging, confidence)) {
    estimate.low = std::exp(interval->low);
    estimate.high = std::exp(interval->high);
    estimate.coverage = interval->coverage;
  }
  return estimate;
}

Judgement judge(std::span<const double> logs, const Judging& judging, double confidence) {
  if (!(judging.margin > 0) || !std::isfinite(judging.margin))
    throw std::invalid_argument("statistics: a margin is above 0");
  const double edge = std::log1p(judging.margin);
  if (const auto interval = interval_of(logs, judging, confidence)) {
    if (interval->low >= -edge && interval->high <= edge) return {Verdict::kSame, std::nullopt};
    if (interval->low > 0 || interval->high < 0) return {Verdict::kDiffers, std::nullopt};
  }
  if (logs.empty()) return {Verdict::kNotResolved, kFewestForInterval};
  const double off = std::fabs(median(logs));
  return {Verdict::kNotResolved, estimate_more_pairs(logs, std::max(off, edge - off))};
}

std::optional<double> smallest_effect(std::span<const double> logs, double confidence) {
  const auto interval = sign_interval(logs, confidence);
  if (!interval) return std::nullopt;
  const boost::math::normal normal;
  const double z =
      boost::math::quantile(normal, (1 + interval->coverage) / 2) + boost::math::quantile(normal, 0.8);
  return std::expm1(z *
                    std::sqrt(boost::math::constants::half_pi<double>() / static_cast<double>(logs.size())) *
                    robust_spread(logs));
}

std::size_t fewest_pairs_for(std::size_t tests, double alpha) {
  std::size_t pairs = 1;
  while (std::ldexp(static_cast<double>(tests), 1 - static_cast<int>(pairs)) > alpha) ++pairs;
  return pairs;
}

std::vector<double> adjust_holm(std::span<const double> p_values) {
  for (const double p : p_values) {
    if (!(p >= 0 && p <= 1)) throw std::invalid_argument("statistics: a p-value lies between 0 and 1");
  }
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest =
        std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second) {
  require_some(first);
  require_some(second);
  constexpr std::size_t kMostForExact = 50;
  MannWhitney result;
  bool ties = false;
  for (const double a : first) {
    for (const double b : second) result.u += a > b ? 1 : a == b ? 0.5 : 0;
  }
  std::vector<double> all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  std::sort(all.begin(), all.end());
  double tie_sum = 0;  // sum of t^3 - t over groups of t equal values
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;
    while (end < all.size() && all[end] == all[i]) ++end;
    const auto t = static_cast<double>(end - i);
    ties = ties || t > 1;
    tie_sum += t * t * t - t;
    i = end;
  }
  const auto n = static_cast<double>(first.size());
  const auto m = static_cast<double>(second.size());
  const double smaller = std::min(result.u, n * m - result.u);
  if (!ties && first.size() <= kMostForExact && second.size() <= kMostForExact) {
    result.exact = true;
    result.p =
        std::min(1.0, 2 * mann_whitney_cdf(first.size(), second.size(), static_cast<std::size_t>(smaller)));
    return result;
  }
  const double total = n + m;
  const double variance = n * m / 12 * (total + 1 - tie_sum / (total * (total - 1)));
  if (variance <= 0) return result;  // all values equal: p stays 1
  const double z = std::min(0.0, (smaller + 0.5 - n * m / 2) / std::sqrt(variance));
  result.p = std::min(1.0, 2 * boost::math::cdf(boost::math::normal(), z));
  return result;
}

}  // namespace twinpool::bench
