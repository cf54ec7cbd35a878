// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace twinpool::bench {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> count_to(int n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(Percentile, TakesTheNearestRank) {
  const std::vector<double> five{15, 20, 35, 40, 50};  // the usual textbook example
  EXPECT_EQ(percentile(five, 0.05), 15);
  EXPECT_EQ(percentile(five, 0.30), 20);
  EXPECT_EQ(percentile(five, 0.40), 20);
  EXPECT_EQ(percentile(five, 0.50), 35);
  EXPECT_EQ(percentile(five, 1.00), 50);
  EXPECT_EQ(percentile(five, 0.00), 15);
}

TEST(Percentile, SuffersNoBinaryRounding) {
  const std::vector<double> hundred = count_to(100);
  for (int q = 1; q <= 100; ++q) EXPECT_EQ(percentile(hundred, q / 100.0), q);
}

TEST(Percentile, RefusesNonsense) {
  EXPECT_THROW(percentile({}, 0.5), std::invalid_argument);
  EXPECT_THROW(percentile(std::vector<double>{2, 1}, 0.5), std::invalid_argument);
  EXPECT_THROW(percentile(std::vector<double>{1, kNan}, 0.5), std::invalid_argument);
  EXPECT_THROW(percentile(std::vector<double>{1}, 1.5), std::invalid_argument);
}

TEST(Percentiles, SortThemselves) {
  std::vector<double> samples = count_to(1000);
  std::reverse(samples.begin(), samples.end());
  const Percentiles p = percentiles(samples);
  EXPECT_EQ(p.p50, 500);
  EXPECT_EQ(p.p90, 900);
  EXPECT_EQ(p.p99, 990);
  EXPECT_EQ(p.max, 1000);
  EXPECT_EQ(p.n, 1000u);
}

TEST(Median, OfOddAndEvenNumbers) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median(std::vector<double>{7}), 7);
  EXPECT_THROW(median({}), std::invalid_argument);
  EXPECT_THROW(median(std::vector<double>{1, kNan, 2}), std::invalid_argument);
}

TEST(MedianAbsoluteDeviation, OfTheTextbookExample) {
  EXPECT_EQ(median_absolute_deviation(std::vector<double>{1, 1, 2, 2, 4, 6, 9}), 1);
}

TEST(SignInterval, NeedsSix) {
  EXPECT_FALSE(sign_interval({}));
  EXPECT_FALSE(sign_interval(count_to(1)));
  EXPECT_FALSE(sign_interval(count_to(5)));
  const auto six = sign_interval(count_to(6));
  ASSERT_TRUE(six);
  EXPECT_EQ(six->low, 1);
  EXPECT_EQ(six->high, 6);
  EXPECT_DOUBLE_EQ(six->coverage, 1 - 2.0 / 64);
}

TEST(SignInterval, AgreesWithPublishedTables) {
  // Ranks and coverages as in tables of the sign interval: n = 10: 2..9, 97.85 %; n = 15: 4..12, 96.48 %; n =
  // 20: 6..15, 95.86 %.
  const auto ten = sign_interval(count_to(10));
  EXPECT_EQ(ten->low, 2);
  EXPECT_EQ(ten->high, 9);
  EXPECT_NEAR(ten->coverage, 0.978515625, 1e-12);
  const auto fifteen = sign_interval(count_to(15));
  EXPECT_EQ(fifteen->low, 4);
  EXPECT_EQ(fifteen->high, 12);
  EXPECT_NEAR(fifteen->coverage, 0.96484375, 1e-12);
  const auto twenty = sign_interval(count_to(20));
  EXPECT_EQ(twenty->low, 6);
  EXPECT_EQ(twenty->high, 15);
  EXPECT_NEAR(twenty->coverage, 0.958610534667969, 1e-12);
}

TEST(SignInterval, RefusesNan) {
  EXPECT_THROW(sign_interval(std::vector<double>{1, 2, 3, 4, 5, kNan}), std::invalid_argument);
}

TEST(SignInterval, CoversTheTrueMedianOfASkewedDistribution) {
  boost::random::mt19937_64 engine(42);
  boost::random::exponential_distribution<double> draw(1.0);
  constexpr int kTrials = 5000;
  for (const std::size_t n : {6u, 10u, 25u}) {
    int covered = 0;
    double stated = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> samples(n);
      for (double& sample : samples) sample = draw(engine);
      const auto interval = sign_interval(samples);
      ASSERT_TRUE(interval);
      stated = interval->coverage;
      covered += interval->low <= std::log(2.0) && std::log(2.0) <= interval->high ? 1 : 0;
    }
    const double share = static_cast<double>(covered) / kTrials;
    const double error = std::sqrt(stated * (1 - stated) / kTrials);
    EXPECT_GE(stated, 0.95);
    EXPECT_NEAR(share, stated, 4 * error) << n;
  }
}

TEST(SignTest, AgreesWithTheBinomial) {
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{1, 1, 1, 1, 1}), 2.0 / 32);
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{1, 1, 1, 1, -1, 0}), 2 * 6.0 / 32);
  EXPECT_EQ(sign_test(std::vector<double>{0, 0}), 1);
  EXPECT_EQ(sign_test({}), 1);
}

TEST(BootstrapInterval, RepeatsWithItsSeedAndContainsTheMedian) {
  const std::vector<double> samples = count_to(25);
  const auto first = bootstrap_interval(samples, 7);
  const auto again = bootstrap_interval(samples, 7);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->low, again->low);
  EXPECT_EQ(first->high, again->high);
  EXPECT_LT(first->low, 13);
  EXPECT_GT(first->high, 13);
  EXPECT_LE(sign_interval(samples)->low, first->low);  // the bootstrap is the narrower one
  EXPECT_FALSE(bootstrap_interval(count_to(5), 7));
}

TEST(EstimateRatio, GivesTheMedianRatioWithItsInterval) {
  std::vector<PairedValue> pairs;
  for (const double ratio : {0.50, 0.60, 0.61, 0.62, 0.63, 0.70}) pairs.push_back({100, 100 * ratio});
  const auto estimate = estimate_ratio(pairs);
  ASSERT_TRUE(estimate);
  EXPECT_NEAR(estimate->ratio, std::sqrt(0.61 * 0.62), 1e-12);
  EXPECT_NEAR(estimate->low, 0.50, 1e-12);
  EXPECT_NEAR(estimate->high, 0.70, 1e-12);
  EXPECT_TRUE(estimate->has_interval());
  EXPECT_EQ(estimate->n, 6u);
}

TEST(EstimateRatio, ClaimsNoIntervalForFewPairs) {
  EXPECT_FALSE(estimate_ratio({}));
  const std::vector<PairedValue> one{{2, 1}};
  EXPECT_DOUBLE_EQ(estimate_ratio(one)->ratio, 0.5);
  EXPECT_FALSE(estimate_ratio(one)->has_interval());
  const std::vector<PairedValue> five(5, PairedValue{1, 1});
  EXPECT_FALSE(estimate_ratio(five)->has_interval());
}

TEST(EstimateRatio, RefusesWhatHasNoLogarithm) {
  EXPECT_THROW(estimate_ratio(std::vector<PairedValue>{{0, 1}}), std::invalid_argument);
  EXPECT_THROW(estimate_ratio(std::vector<PairedValue>{{1, -1}}), std::invalid_argument);
  EXPECT_THROW(estimate_ratio(std::vector<PairedValue>{{1, kNan}}), std::invalid_argument);
  EXPECT_THROW(estimate_ratio(std::vector<PairedValue>{{1, INFINITY}}), std::invalid_argument);
}

TEST(Judge, HasThreeVerdicts) {
  EXPECT_EQ(judge(std::vector<double>{-.02, -.01, 0, 0, .01, .02}, {.margin = 0.05}).verdict, Verdict::kSame);
  EXPECT_EQ(judge(std::vector<double>{.2, .21, .22, .23, .24, .25}, {.margin = 0.05}).verdict,
            Verdict::kDiffers);
  EXPECT_EQ(judge(std::vector<double>{-.2, -.21, -.22, -.23, -.24, -.25}, {.margin = 0.05}).verdict,
            Verdict::kDiffers);
  EXPECT_EQ(judge(std::vector<double>{-.2, -.1, 0, .01, .1, .2}, {.margin = 0.05}).verdict,
            Verdict::kNotResolved);
  EXPECT_THROW(judge(std::vector<double>{0}, {.margin = 0}), std::invalid_argument);
}

TEST(Judge, AsksForSixPairsFirst) {
  EXPECT_EQ(judge({}, {.margin = 0.05}).more_pairs, 6u);
  EXPECT_EQ(judge(std::vector<double>(5, 0.0), {.margin = 0.05}).verdict, Verdict::kNotResolved);
  EXPECT_EQ(judge(std::vector<double>(5, 0.0), {.margin = 0.05}).more_pairs, 1u);
}

TEST(Judge, EstimatesPairsFromTheRobustSpread) {
  // Median 0, MAD 0.1: pi/2 * (1.96 * 0.14826 / ln 1.05)^2 = 55.7, so 56 in all.
  const std::vector<double> logs{-.2, -.1, -.1, 0, .1, .1, .2};
  EXPECT_EQ(judge(logs, {.margin = 0.05}).more_pairs, 56u - 7u);
  // Beyond the margin only 0 has to be excluded: at 0.1, pi/2 * (1.96 * 0.14826 / 0.1)^2 = 13.3.
  std::vector<double> beyond;
  for (const double log : logs) beyond.push_back(log + 0.1);
  EXPECT_EQ(judge(beyond, {.margin = 0.05}).verdict, Verdict::kNotResolved);
  EXPECT_EQ(judge(beyond, {.margin = 0.05}).more_pairs, 14u - 7u);
}

TEST(Judge, CallsASmallEffectDifferentThatIsSurelyOneAndNotSurelyWithinTheMargin) {
  EXPECT_EQ(judge(std::vector<double>{.04, .045, .05, .05, .055, .06}, {.margin = 0.05}).verdict,
            Verdict::kDiffers);
  EXPECT_EQ(judge(std::vector<double>{.01, .02, .02, .03, .03, .04}, {.margin = 0.05}).verdict,
            Verdict::kSame);
}

TEST(Judge, TakesTheBootstrapWhenAsked) {
  // The sign interval of 6 is their whole range; resampled medians hardly ever reach its ends.
  const std::vector<double> logs{-.02, .03, .03, .03, .03, .2};
  EXPECT_EQ(judge(logs, {.margin = 0.05}).verdict, Verdict::kNotResolved);
  const Judging bootstrap{.interval = IntervalMethod::kBootstrap, .seed = 1, .margin = 0.05};
  const auto interval = interval_of(logs, bootstrap);
  ASSERT_TRUE(interval);
  EXPECT_GT(interval->low, -.02);
  EXPECT_LT(interval->high, .2);
  EXPECT_DOUBLE_EQ(interval->coverage, 0.95);
}

/// The share of simulated cells of ten pairs that differ, where single pairs scatter by `spread` around
/// `effect`.
double share_that_differs(double effect, double spread, const Judging& judging) {
  constexpr int kCells = 2000;
  boost::random::mt19937_64 engine(1);
  boost::random::normal_distribution<double> noise(effect, spread);
  int differ = 0;
  for (int cell = 0; cell < kCells; ++cell) {
    std::vector<double> logs(10);
    for (double& log : logs) log = noise(engine);
    if (judge(logs, judging).verdict == Verdict::kDiffers) ++differ;
  }
  return static_cast<double>(differ) / kCells;
}

TEST(Judge, FindsASlowdownOfFivePercentAndHardlyEverOneThatIsNone) {
  for (const double spread : {0.01, 0.03, 0.1}) EXPECT_LE(share_that_differs(0, spread, {}), 0.03) << spread;
  EXPECT_GE(share_that_differs(-std::log(1.05), 0.015, {}), 0.97);
  EXPECT_GE(share_that_differs(-std::log(1.05), 0.03, {}),
            0.88);                                               // 3.0 % is what STATISTICS.md says for 90 %
  EXPECT_LE(share_that_differs(-std::log(1.05), 0.1, {}), 0.5);  // no method finds what noise has buried
}

TEST(IntervalMethods, HaveTheNamesOfTheFlag) {
  EXPECT_EQ(interval_method_named("sign"), IntervalMethod::kSign);
  EXPECT_EQ(interval_method_named("bootstrap"), IntervalMethod::kBootstrap);
  EXPECT_EQ(interval_method_named("wilcoxon"), std::nullopt);
}

TEST(SmallestEffect, ComesFromSpreadAndNumberOfPairs) {
  EXPECT_EQ(smallest_effect(std::vector<double>(5, 0.1)), std::nullopt);
  EXPECT_DOUBLE_EQ(*smallest_effect(std::vector<double>(6, 0.1)), 0);
  // n = 7: the interval covers 1 - 2/128 = 0.984375, z = 2.4176; MAD 0.01, s = 0.014826;
  // (2.4176 + 0.8416) * sqrt(pi / 2 / 7) * 0.014826 = 0.022890, and its exponential less 1 is 0.023154.
  EXPECT_NEAR(*smallest_effect(std::vector<double>{-.02, -.01, -.01, 0, .01, .01, .02}), 0.023154, 1e-5);
}

TEST(FewestPairs, GrowWithTheNumberOfTests) {
  EXPECT_EQ(fewest_pairs_for(1), 6u);    // 2/2^6 = 0.031
  EXPECT_EQ(fewest_pairs_for(25), 10u);  // 25 * 2/2^10 = 0.0488
  EXPECT_EQ(fewest_pairs_for(26), 11u);
}

TEST(AdjustHolm, AgreesWithR) {
  // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") -> 0.03 0.06 0.06 0.02
  const auto adjusted = adjust_holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(adjusted[0], 0.03);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[3], 0.02);
  EXPECT_TRUE(adjust_holm({}).empty());
  EXPECT_EQ(adjust_holm(std::vector<double>{0.9, 0.9})[0], 1);
  EXPECT_THROW(adjust_holm(std::vector<double>{kNan}), std::invalid_argument);
}

TEST(MannWhitneyTest, IsExactForSmallSamplesWithoutTies) {
  const auto separate = mann_whitney(std::vector<double>{1, 2, 3, 4, 5}, std::vector<double>{6, 7, 8, 9, 10});
  EXPECT_TRUE(separate.exact);
  EXPECT_EQ(separate.u, 0);
  EXPECT_DOUBLE_EQ(separate.p, 2.0 / 252);
  // Table for n = m = 5: P(U <= 2) = 4/252, two-sided 8/252.
  EXPECT_DOUBLE_EQ(mann_whitney(std::vector<double>{1, 2, 3, 4, 7}, std::vector<double>{5, 6, 8, 9, 10}).p,
                   8.0 / 252);
  // P(U <= 2) for 3 and 4: 1 + 1 + 2 = 4 of 35 arrangements.
  EXPECT_DOUBLE_EQ(mann_whitney(std::vector<double>{1, 2, 5}, std::vector<double>{3, 4, 6, 7}).p, 8.0 / 35);
  EXPECT_EQ(mann_whitney(std::vector<double>{1}, std::vector<double>{2}).p, 1);
}

TEST(MannWhitneyTest, IsSymmetric) {
  const std::vector<double> a{1, 4, 6, 9, 13, 20};
  const std::vector<double> b{2, 3, 5, 11, 17};
  EXPECT_DOUBLE_EQ(mann_whitney(a, b).p, mann_whitney(b, a).p);
  EXPECT_DOUBLE_EQ(mann_whitney(a, b).u + mann_whitney(b, a).u, 30);
}

TEST(MannWhitneyTest, AgreesWithSciPyAndApproximatesWithTies) {
  // Males 19 22 16 29 24, females 20 11 17 12 (SciPy's documented example): U 17, exact p 14 / 126.
  const std::vector<double> males{19, 22, 16, 29, 24};
  const std::vector<double> females{20, 11, 17, 12};
  EXPECT_EQ(mann_whitney(males, females).u, 17);
  EXPECT_NEAR(mann_whitney(males, females).p, 14.0 / 126, 1e-12);
  const auto tied = mann_whitney(std::vector<double>{1, 2, 2, 3}, std::vector<double>{2, 3, 4, 4});
  EXPECT_FALSE(tied.exact);
  EXPECT_EQ(tied.u, 2.5);
  // variance 16/12 * (9 - (24 + 6 + 6) / 56) = 11.142857..., z = (2.5 + 0.5 - 8) / sqrt(variance) = -1.49787
  EXPECT_NEAR(tied.p, 0.13416, 5e-5);
  EXPECT_EQ(mann_whitney(std::vector<double>{1, 1}, std::vector<double>{1, 1}).p, 1);
}

TEST(MannWhitneyTest, ApproximationMeetsTheExactValueAtTheLimit) {
  std::vector<double> a, b;
  for (int i = 0; i < 51; ++i) {
    a.push_back(2 * i);
    b.push_back(2 * i + 15);
  }
  const auto approximate = mann_whitney(a, b);
  EXPECT_FALSE(approximate.exact);
  a.pop_back();
  b.pop_back();
  const auto exact = mann_whitney(a, b);
  EXPECT_TRUE(exact.exact);
  EXPECT_NEAR(exact.p, approximate.p, 0.02);
}

TEST(MannWhitneyTest, RefusesNothingAndNan) {
  EXPECT_THROW(mann_whitney({}, std::vector<double>{1}), std::invalid_argument);
  EXPECT_THROW(mann_whitney(std::vector<double>{kNan}, std::vector<double>{1}), std::invalid_argument);
}

}  // namespace
}  // namespace twinpool::bench
