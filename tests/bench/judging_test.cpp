// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <vector>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/precision.h"
#include "bench/reporters/json.h"
#include "bench/reporters/verdict.h"
#include "bench/suite_test.h"
#include "tests/bench/fixed_results.h"

namespace twinpool::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::size_t> looks_up_to(std::size_t most, std::size_t first) {
  std::vector<std::size_t> looks;
  for (std::size_t pairs = 1; pairs <= most; ++pairs) {
    if (is_look(pairs, first)) looks.push_back(pairs);
  }
  return looks;
}

TEST(Precision, IsLookedAtSeldomAndAfterWholeBlocks) {
  EXPECT_THAT(looks_up_to(50, 10), ElementsAre(10, 12, 16, 20, 26, 32, 40, 50));
  EXPECT_THAT(looks_up_to(14, 7), ElementsAre(8, 10, 12));
}

TEST(Precision, IsHalfTheWidthOfTheInterval) {
  const std::vector<double> logs{.07, .08, .1, .1, .1, .13};  // the interval of 6 is their range: 0.1 +- 0.03
  EXPECT_TRUE(is_precise(logs, {}, std::expm1(0.03) + 1e-9));
  EXPECT_FALSE(is_precise(logs, {}, std::expm1(0.03) - 1e-9));
  EXPECT_FALSE(is_precise(std::vector<double>(5, 0.0), {}, 0.5));  // no interval
}

/// A fixed run with a plan that asks for that precision.
BenchResults precise_results(double precision, FixedRun run = {}) {
  BenchResults results = fixed_results(run);
  results.plan.precision = precision;
  results.plan.precision_asked = true;
  return results;
}

TEST(Precision, IsReportedWhetherItWasReachedOrNot) {
  EXPECT_THAT(describe_precision(fixed_results()), IsEmpty());
  const BenchResults good = precise_results(0.03);
  EXPECT_THAT(describe_precision(good), HasSubstr("Precision of 3 %: reached in 1 of 1 cell."));
  EXPECT_THAT(describe_precision(good), Not(HasSubstr("NOT REACHED")));
  EXPECT_TRUE(every_cell_is_precise(good));
  const BenchResults bad = precise_results(0.0001);
  EXPECT_THAT(print_verdict(bad), HasSubstr("reached in 0 of 1 cell"));
  EXPECT_THAT(describe_precision(bad), HasSubstr("NOT REACHED within 100 pairs: noop/workers:2 ("));
  EXPECT_THAT(describe_precision(bad), HasSubstr("after 10 pairs)"));
  EXPECT_FALSE(every_cell_is_precise(bad));
  EXPECT_EQ(make_report(good, {}).at("cells")[0].at("judgement").at("precision_reached"), true);
  EXPECT_EQ(make_report(bad, {}).at("cells")[0].at("judgement").at("precision_reached"), false);
  EXPECT_TRUE(
      make_report(fixed_results(), {}).at("cells")[0].at("judgement").at("precision_reached").is_null());
}

/// Of 4000 cells whose pairs scatter like that around 0, measured by the rule of the defaults: the share
/// whose interval holds the truth.
template <typename Draw>
double coverage_of_defaults(Draw draw) {
  constexpr int kCells = 4000;
  constexpr std::size_t kMost = kDefaultFactor * kDefaultTrials;
  int held = 0;
  for (int cell = 0; cell < kCells; ++cell) {
    std::vector<double> logs;
    do {
      logs.push_back(draw());
    } while (logs.size() < kMost &&
             !(is_look(logs.size(), kDefaultTrials) && is_precise(logs, {}, kDefaultPrecision)));
    const auto interval = interval_of(logs, {});
    held += interval->low <= 0 && interval->high >= 0 ? 1 : 0;
  }
  return static_cast<double>(held) / kCells;
}

TEST(Precision, KeepsItsCoverageAlthoughItStopsWhenItIsReached) {
  boost::random::mt19937_64 engine(7);
  boost::random::normal_distribution<double> normal;
  boost::random::uniform_int_distribution<int> lump(-1, 1);
  // The standard error of each share is 0.35 %.
  for (const double spread : {0.04, 0.05, 0.07})
    EXPECT_GE(coverage_of_defaults([&] { return spread * normal(engine); }), 0.938) << spread;
  EXPECT_GE(coverage_of_defaults([&] { return 0.04 * lump(engine) + 0.005 * normal(engine); }), 0.935);
}

TEST(Precision, OfTheDefaultIsAimedAtAndNotComplainedOf) {
  BenchResults results = precise_results(0.0001);
  results.plan.precision_asked = false;
  EXPECT_THAT(describe_precision(results), IsEmpty());
  EXPECT_TRUE(every_cell_is_precise(results));
  EXPECT_EQ(reached_precision(results.cells[0], results.plan), false);
}

std::string refusal(const BenchOptions& options) {
  try {
    (void)make_plan(options, {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  } catch (const UsageError& error) {
    return error.what();
  }
  return "it was accepted";
}

TEST(Precision, IsRefusedWhereItCannotBeMeant) {
  EXPECT_THAT(refusal({.precision = "0%"}), HasSubstr("--precision must be above 0 %"));
  EXPECT_THAT(refusal({.precision = "3"}), HasSubstr("for example 5%, not '3'"));
  EXPECT_THAT(refusal({.backend = "threads", .precision = "3%"}), HasSubstr("ratio of the two backends"));
  EXPECT_THAT(refusal({.trials = "5", .precision = "3%"}), HasSubstr("--trials 6 or more"));
  EXPECT_THAT(refusal({.interval = "bootstrp"}), HasSubstr("did you mean 'bootstrap'?"));
  EXPECT_THAT(refusal({.margin = "5"}), HasSubstr("--margin"));
  EXPECT_THAT(refusal({.aa = "both"}), HasSubstr("--aa runs one backend on both sides"));
  EXPECT_THAT(refusal({.backend = "threads", .aa = "threads"}), HasSubstr("leave out --backend"));
}

TEST(Plan, AimsAtTheDefaultPrecisionUnlessTheTrialsAreGiven) {
  const MachineRoom room{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};
  const Plan plan = make_plan({}, room);
  EXPECT_EQ(plan.precision, kDefaultPrecision);
  EXPECT_FALSE(plan.precision_asked);
  EXPECT_EQ(plan.most_pairs(), 120u);
  EXPECT_THAT(looks_up_to(plan.most_pairs(), static_cast<std::size_t>(plan.trials)),
              ElementsAre(30, 38, 48, 60, 76, 96, 120));
  EXPECT_EQ(make_plan({.trials = "30"}, room).precision, std::nullopt);
  EXPECT_EQ(make_plan({.backend = "threads"}, room).precision, std::nullopt);  // no ratio
  EXPECT_EQ(make_plan({.rates = {"70%"}}, room).precision, std::nullopt);
  EXPECT_TRUE(make_plan({.precision = "2%"}, room).precision_asked);
}

TEST(Plan, NeverMeasuresMoreThanTenTimesThePairs) {
  const MachineRoom room{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};
  EXPECT_EQ(make_plan({.trials = "8"}, room).most_pairs(), 8u);
  EXPECT_EQ(make_plan({.trials = "8", .precision = "1%"}, room).most_pairs(), 80u);
  EXPECT_EQ(make_plan({.trials = "5000", .precision = "1%"}, room).most_pairs(), 10'000u);
}

/// `cells` cells, the first `differing` of which have processes at 60 % of the threads, the others none.
BenchResults suite_of(int cells, int differing, int pairs = 10) {
  BenchResults results;
  for (int i = 0; i < cells; ++i) {
    BenchResults one = fixed_results({.processes = i < differing ? 600.0 : 1000.0, .pairs = pairs});
    one.cells[0].cell.workers = i + 1;
    if (i == 0) results = one;
    if (i > 0) {
      results.cells.push_back(one.cells[0]);
      results.plan.cells.push_back(one.cells[0].cell);
    }
  }
  return results;
}

TEST(Suite, ListsTheCellsThatDifferAlsoTogether) {
  const BenchResults results = suite_of(5, 2);
  const SuiteTest suite = test_suite(results);
  EXPECT_EQ(suite.tests, 5u);
  EXPECT_EQ(suite.fewest_pairs, 10u);
  ASSERT_TRUE(suite.cells[0]);
  EXPECT_NEAR(suite.cells[0]->p, 2.0 / 1024, 1e-12);
  EXPECT_NEAR(suite.cells[0]->adjusted, 5 * 2.0 / 1024, 1e-12);
  EXPECT_TRUE(suite.cells[1]->differs);
  EXPECT_FALSE(suite.cells[2]->differs);
  EXPECT_THAT(describe_suite(results), HasSubstr("Holm over 5 cells"));
  EXPECT_THAT(describe_suite(results), HasSubstr("these differ: noop/workers:1, noop/workers:2."));
}

TEST(Suite, SaysWhenThePairsAreTooFewForItsSize) {
  const BenchResults results = suite_of(26, 26);
  EXPECT_FALSE(test_suite(results).cells[0]->differs);
  EXPECT_THAT(describe_suite(results), HasSubstr("none differs beyond doubt"));
  EXPECT_THAT(describe_suite(results),
              HasSubstr("needs 11 pairs to be in this list, and the one with fewest has 10"));
  EXPECT_TRUE(test_suite(suite_of(26, 26, 11)).cells[0]->differs);
}

TEST(Suite, LeavesOutWhatGotNoVerdict) {
  BenchResults results = suite_of(3, 1);
  results.cells[0].foreign_cpu = 0.5;
  for (BackendResult& side : results.cells[0].sides) {
    for (Sample& sample : side.samples) sample.cpu_user_s = sample.cpu_system_s = 0.1 * sample.wall_s;
  }
  const SuiteTest suite = test_suite(results);
  EXPECT_EQ(suite.tests, 2u);
  EXPECT_FALSE(suite.cells[0]);
  EXPECT_THAT(describe_suite(fixed_results()), IsEmpty());  // one cell says it all itself
}

TEST(Judgement, StandsInTheReport) {
  const auto judgement = make_report(fixed_results(), {}).at("cells")[0].at("judgement");
  EXPECT_EQ(judgement.at("verdict"), "differs");
  EXPECT_TRUE(judgement.at("more_pairs").is_null());
  EXPECT_GT(judgement.at("smallest_effect").get<double>(), 0);
  EXPECT_LT(judgement.at("smallest_effect").get<double>(), 0.1);
  EXPECT_GT(judgement.at("half_width").get<double>(), 0);
  EXPECT_NEAR(judgement.at("p").get<double>(), 2.0 / 1024, 1e-12);
  const auto scattered = make_report(fixed_results({.processes = 1000, .jitter = 0.3}), {}).at("cells")[0];
  EXPECT_EQ(scattered.at("judgement").at("verdict"), "not resolved");
  EXPECT_GT(scattered.at("judgement").at("more_pairs"), 0);
  EXPECT_EQ(make_report(fixed_results({.processes = 1000}), {}).at("cells")[0].at("finding"), "same");
}

TEST(Judgement, TakesTheMarginOfTheRun) {
  BenchResults results = fixed_results({.processes = 980, .jitter = 0.001});
  EXPECT_EQ(find(results.cells[0], 2), CellFinding::kSame);
  results.cells[0].judging.margin = 0.01;
  EXPECT_EQ(find(results.cells[0], 2), CellFinding::kThreads);
}

TEST(SelfTest, IsNamedAndExpectsNothing) {
  BenchResults results = fixed_results();
  results.plan.cells[0].twice = results.cells[0].cell.twice = Backend::kThreads;
  EXPECT_EQ(name_of(results.cells[0].cell), "noop/workers:2/aa:threads");
  EXPECT_EQ(compare_with_expectation(results.cells[0], CellFinding::kThreads), "");
  EXPECT_THAT(print_verdict(results), HasSubstr("A/A test: threads ran on both sides"));
  const RoundSpec spec = make_round_spec(results.cells[0].cell, Backend::kProcesses, 1, {});
  EXPECT_EQ(spec.backend, Backend::kThreads);
}

}  // namespace
}  // namespace twinpool::bench
