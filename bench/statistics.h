// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace twinpool::bench {

/// All functions here are pure. They throw std::invalid_argument when a sample is not a finite number or,
/// where a result cannot be given, when there are no samples: a wrong figure in a report is worse than none.

/// Gives:  the smallest sample such that at least the share `q` of all samples is not above it (nearest rank:
/// element
///         ceil(q n) of the sorted samples, the first for q = 0). Always a sample that was really observed.
/// Takes:  samples sorted upwards; 0 <= q <= 1.
/// Source: Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", definition 1.
double percentile(std::span<const double> sorted, double q);

/// The latency figures of one cell, exact from its samples.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
  std::size_t n = 0;
  std::optional<double> p999 = {};  ///< from kFewestForP999 samples on
};
/// Fewer samples have fewer than ten beyond their p99.9, which then is no figure to rely on.
inline constexpr std::size_t kFewestForP999 = 10'000;
Percentiles percentiles(std::vector<double> samples);

/// Gives: the middle sample, or the mean of the two middle ones.
double median(std::span<const double> samples);

[[nodiscard]] double mean(std::span<const double> samples);
/// The standard deviation of a sample (n - 1). Takes: two samples or more.
[[nodiscard]] double standard_deviation(std::span<const double> samples);

/// Gives:  the median absolute deviation from the median, unscaled (times 1.4826 it estimates a normal
/// standard deviation). Source: Rousseeuw & Croux 1993, "Alternatives to the Median Absolute Deviation".
double median_absolute_deviation(std::span<const double> samples);

/// An interval and how often such intervals contain the true value.
struct Interval {
  double low = 0;
  double high = 0;
  double coverage = 0;
};

/// Fewer samples than this give no interval of 95 % for a median: even the whole range of 5 covers only 93.75
/// %.
inline constexpr std::size_t kFewestForInterval = 6;

/// The exact interval of the median by the sign test: the k-th smallest to the k-th largest sample, k the
/// largest number with P(Binomial(n, 1/2) < k) <= (1 - confidence) / 2. Assumes independent samples, nothing
/// about their distribution.
///
/// Gives:  nothing for fewer than 6 samples or when no k exists; `coverage` is the actual one, never below
/// `confidence`. Source: Conover 1999, "Practical Nonparametric Statistics", 3.2; David & Nagaraja 2003,
/// "Order Statistics", 7.1.
std::optional<Interval> sign_interval(std::span<const double> samples, double confidence = 0.95);

/// The two-sided p-value of the sign test that the median is 0; samples equal to 0 are left out.
/// Gives:  1 when nothing is left.
/// Source: Conover 1999, 3.4.
double sign_test(std::span<const double> samples);

/// The percentile interval of the median by resampling with replacement.
///
/// Gives:  nothing for fewer than 6 samples; `coverage` is the nominal one - the real one is lower below
/// about 20 samples. Source: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", 13.3.
std::optional<Interval> bootstrap_interval(std::span<const double> samples, std::uint64_t seed,
                                           double confidence = 0.95, int resamples = 10000);

/// One pair: the same quantity of both twins in the same pair of rounds. Both above 0.
struct PairedValue {
  double threads = 0;
  double processes = 0;
};

/// Gives: ln(processes / threads) of each pair.
std::vector<double> log_ratios(std::span<const PairedValue> pairs);

/// The effect: how many times the processes' value is the threads' value.
struct RatioEstimate {
  double ratio = 1;  ///< exp of the median log-ratio
  double low = 0;    ///< 0 and infinity when there are too few pairs for an interval
  double high = std::numeric_limits<double>::infinity();
  double coverage = 0;  ///< 0 when there is no interval
  std::size_t n = 0;

  bool has_interval() const { return coverage > 0; }
};

enum class IntervalMethod { kSign, kBootstrap };
/// "sign" or "bootstrap".
[[nodiscard]] std::string_view name_of(IntervalMethod method);
[[nodiscard]] std::optional<IntervalMethod> interval_method_named(std::string_view name);

/// A smaller difference does not matter, unless told otherwise. Below the 5 % that a run of defaults has to
/// find.
inline constexpr double kDefaultMargin = 0.03;

/// How the pairs of a cell are judged; fixed before the run.
struct Judging {
  IntervalMethod interval = IntervalMethod::kSign;
  std::uint64_t seed = 0;          ///< of the bootstrap
  double margin = kDefaultMargin;  ///< a ratio surely within 1/(1+margin) and 1+margin is "same"
};

/// The interval of the median by the method asked for.
std::optional<Interval> interval_of(std::span<const double> samples, const Judging& judging,
                                    double confidence = 0.95);

/// Gives:  the median of the log-ratios with its interval, back on the scale of ratios; nothing without
/// pairs. Source: ratios of paired rounds as the effect: Kalibera & Jones 2013, "Rigorous Benchmarking in
/// Reasonable Time"; the
///         median commutes with exp, so the interval of the logarithms is that of the ratios.
std::optional<RatioEstimate> estimate_ratio(std::span<const PairedValue> pairs, const Judging& judging = {},
                                            double confidence = 0.95);

enum class Verdict { kSame, kDiffers, kNotResolved };

struct Judgement {
  Verdict verdict = Verdict::kNotResolved;
  /// Only for kNotResolved: how many more pairs would probably settle it; nothing when the pairs scatter so
  /// much that more than `kMostPairs` would be needed.
  std::optional<std::size_t> more_pairs;
};

inline constexpr std::size_t kMostPairs = 10000;

/// Judges log-ratios: an interval within the margin is "same"; else one that excludes 0, no effect, is
/// "differs"; else the pairs have not resolved it.
///
/// Takes:  a margin above 0, for example 0.05.
/// Gives:  `more_pairs` from the robust spread s = 1.4826 MAD: a 95 % interval of the median has about the
/// half-width
///         1.96 * sqrt(pi/2) * s / sqrt(n), which must shrink until the interval excludes 0 or lies within
///         the margin, whichever comes first.
/// Source: equivalence by interval inclusion: Schuirmann 1987 (TOST); the median's variance pi/2 s^2/n: David
/// & Nagaraja, 9.2.
Judgement judge(std::span<const double> log_ratios, const Judging& judging, double confidence = 0.95);

/// The smallest effect, as a share (0.03: 3 %), whose interval would exclude "no effect" in four of five such
/// runs: exp((z_c + z_0.8) * sqrt(pi/2) * s / sqrt(n)) - 1, s = 1.4826 MAD of the log-ratios, z_c the normal
/// quantile that belongs to the sign interval's actual coverage at n pairs.
///
/// Gives:  nothing for fewer than 6 pairs.
/// Source: as for judge(); power 0.8 by convention: Cohen 1988, "Statistical Power Analysis", 2.4.
std::optional<double> smallest_effect(std::span<const double> log_ratios, double confidence = 0.95);

/// Gives:  p-values adjusted for having been tested together, in the order given; below alpha still means
/// "differs" with a
///         family-wise error of at most alpha, whatever their dependence.
/// Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
std::vector<double> adjust_holm(std::span<const double> p_values);

/// The fewest pairs with which the sign test can pass Holm's first step among `tests`: 2^(1-n) * tests <=
/// alpha. Fewer cannot, however large the effect.
std::size_t fewest_pairs_for(std::size_t tests, double alpha = 0.05);

struct MannWhitney {
  double u = 0;  ///< pairs in which the first sample's value is larger, ties counted half
  double p = 1;  ///< two-sided
  bool exact = false;
};

/// The two-sided Mann-Whitney U test of two independent samples, for baselines measured in another run.
///
/// Gives:  the exact p without ties and up to 50 samples a side; otherwise the normal approximation with tie
/// correction and
///         continuity correction.
/// Source: Mann & Whitney 1947 (the recursion for the exact distribution); Lehmann 1975,
/// "Nonparametrics", 1.4 (ties).
MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second);

}  // namespace twinpool::bench
