// SPDX-License-Identifier: Apache-2.0
#include "bench/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/curve.h"
#include "bench/knee.h"
#include "bench/plan.h"
#include "bench/reporters/curves.h"
#include "tests/bench/fixed_results.h"

namespace twinpool::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr MachineRoom kRoom{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};

std::vector<std::string> values_of(const std::string& text) { return read_sweep(text).values; }

std::string refusal(const BenchOptions& options) {
  try {
    static_cast<void>(make_plan(options, kRoom));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}
std::string sweep_refusal(std::vector<std::string> sweeps) {
  return refusal({.workloads = {"echo"}, .sweeps = std::move(sweeps)});
}

TEST(Sweep, StepsAsItsAxisDoesUnlessTold) {
  EXPECT_THAT(values_of("workers=1..4"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(values_of("window=1..10"), ElementsAre("1", "2", "4", "8", "10"));
  EXPECT_THAT(values_of("payload=64..1MiB"),
              ElementsAre("64", "256", "1024", "4096", "16384", "65536", "262144", "1048576"));
  const auto rates = values_of("rate=10%..95%");
  EXPECT_THAT(rates, SizeIs(8));
  EXPECT_EQ(rates.front(), "10%");
  EXPECT_EQ(rates[1], "13.8%");
  EXPECT_EQ(rates.back(), "95%");
  EXPECT_FALSE(read_sweep("workers=1..4").geometric);
  EXPECT_TRUE(read_sweep("window=1..4").geometric);
}

TEST(Sweep, StepsAsTold) {
  EXPECT_THAT(values_of("workers=1..8*2"), ElementsAre("1", "2", "4", "8"));
  EXPECT_THAT(values_of("workers=1..8:3"), ElementsAre("1", "5", "8"));
  EXPECT_THAT(values_of("window=1..100:3"), ElementsAre("1", "10", "100"));
  EXPECT_THAT(values_of("payload=0..4k+1k"), ElementsAre("0", "1000", "2000", "3000", "4000"));
  EXPECT_THAT(values_of("rate=10%..40%+10%"), ElementsAre("10%", "20%", "30%", "40%"));
  EXPECT_THAT(values_of("rate=1k/s..8k/s*2"), ElementsAre("1000", "2000", "4000", "8000"));
  EXPECT_THAT(values_of("window=64,1,8"), ElementsAre("1", "8", "64"));
  EXPECT_FALSE(read_sweep("window=1..100+33").geometric);
  EXPECT_TRUE(read_sweep("workers=1..8*2").geometric);
}

TEST(Sweep, RefusesWhatIsNone) {
  EXPECT_THAT(sweep_refusal({"workers"}), HasSubstr("must be NAME=FIRST..LAST"));
  EXPECT_THAT(sweep_refusal({"worker=1..2"}), HasSubstr("did you mean 'workers'"));
  EXPECT_THAT(sweep_refusal({"workers=4..1"}), HasSubstr("write 1..4"));
  EXPECT_THAT(sweep_refusal({"workers=2..2"}), HasSubstr("does not rise"));
  EXPECT_THAT(sweep_refusal({"workers=0..2"}), HasSubstr("must be 1 or more"));
  EXPECT_THAT(sweep_refusal({"window=1..8*1"}), HasSubstr("no factor above 1"));
  EXPECT_THAT(sweep_refusal({"window=1..8*nan"}), HasSubstr("no factor above 1"));
  EXPECT_THAT(sweep_refusal({"window=1..8+0"}), HasSubstr("must be 1 or more"));
  EXPECT_THAT(sweep_refusal({"window=1..8:1"}), HasSubstr("must be 2 or more"));
  EXPECT_THAT(sweep_refusal({"payload=0..64"}), HasSubstr("no factor leads away from 0"));
  EXPECT_THAT(sweep_refusal({"rate=10%..5k"}), HasSubstr("mixes"));
  EXPECT_THAT(sweep_refusal({"rate=10%,5k"}), HasSubstr("mixes"));
  EXPECT_THAT(sweep_refusal({"rate=0%..5%"}), HasSubstr("is no share of the capacity"));
  EXPECT_THAT(sweep_refusal({"workers=1..2", "workers=3..4"}), HasSubstr("was given twice"));
  for (const char* text :
       {"workers=", "workers=1..", "workers=..2", "workers=1...2", "workers=1,", "payload=-1..5"})
    EXPECT_THAT(sweep_refusal({text}), HasSubstr("--sweep")) << text;
}

TEST(Sweep, ExcludesTheOptionOfItsAxis) {
  EXPECT_THAT(refusal({.workers = {"2"}, .sweeps = {"workers=1..2"}}),
              HasSubstr("--sweep workers and --workers exclude each other"));
  EXPECT_THAT(refusal({.rates = {"70%"}, .sweeps = {"rate=10%..90%"}}), HasSubstr("exclude each other"));
  EXPECT_THAT(refusal({.workloads = {"noop"}, .sweeps = {"payload=1..64"}}),
              HasSubstr("means nothing to workload"));
}

TEST(Sweep, SaysHowManyCellsAreTheMost) {
  EXPECT_THAT(sweep_refusal({"window=1..1000+1"}), HasSubstr("more than 256 values"));
  EXPECT_THAT(sweep_refusal({"window=1..64+1", "workers=1..5"}), HasSubstr("more than 256 cells"));
  EXPECT_THAT(refusal({.workloads = {"noop", "echo"}, .sweeps = {"window=1..200+1"}}),
              HasSubstr("makes 400 cells, and 256 are the most"));
}

TEST(Sweep, MakesACellOfEachCombination) {
  const Plan plan = make_plan({.workloads = {"echo"}, .sweeps = {"workers=1,2", "payload=64..1024"}}, kRoom);
  std::vector<std::string> names;
  for (const Cell& cell : plan.cells) names.push_back(name_of(cell));
  EXPECT_THAT(names, ElementsAre("echo/workers:1/payload:64", "echo/workers:1/payload:256",
                                 "echo/workers:1/payload:1024", "echo/workers:2/payload:64",
                                 "echo/workers:2/payload:256", "echo/workers:2/payload:1024"));
}

TEST(Sweep, MeasuresAWorkloadOnceThatItMeansNothingTo) {
  const Plan plan = make_plan({.workloads = {"noop", "echo"}, .sweeps = {"payload=64..1024"}}, kRoom);
  EXPECT_THAT(plan.cells, SizeIs(1 + 3));
}

TEST(Sweep, OfARateMakesOpenLoops) {
  const Plan plan =
      make_plan({.workloads = {"noop"}, .arrivals = "poisson", .sweeps = {"rate=10%..90%:3"}}, kRoom);
  ASSERT_THAT(plan.cells, SizeIs(3));
  EXPECT_EQ(plan.cells[1].open->percent, 30);
  EXPECT_EQ(plan.cells[1].open->arrivals, Arrivals::kPoisson);
}

Knee knee_of(const std::vector<double>& x, double (*y)(double), bool logarithmic) {
  std::vector<CurvePoint> points;
  for (const double at : x) points.push_back({at, y(at)});
  return find_knee(points, logarithmic);
}
const std::vector<double> kEven{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
const std::vector<double> kDoubling{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

TEST(Knee, OfAHyperbolaIsWhereItIsFarthestFromTheLineBetweenItsEnds) {
  // 5 - 1/x from 1 to 10: its slope is that of the line at the square root of 10.
  const Knee knee = knee_of(
      kEven, [](double x) { return 5 - 1 / x; }, false);
  ASSERT_EQ(knee.kind, Knee::Kind::kFound);
  EXPECT_EQ(kEven[knee.at], 3);
  EXPECT_TRUE(knee.rising);
}

TEST(Knee, IsWhereAddedWorkersStopToHelp) {
  const Knee knee = knee_of(
      kEven, [](double x) { return std::min(x, 4.0); }, false);
  ASSERT_EQ(knee.kind, Knee::Kind::kFound);
  EXPECT_EQ(kEven[knee.at], 4);
}

TEST(Knee, IsSeenOnALogarithmicAxisWhereSoAsked) {
  const Knee knee = knee_of(
      kDoubling, [](double x) { return std::log(std::min(x, 64.0)); }, true);
  ASSERT_EQ(knee.kind, Knee::Kind::kFound);
  EXPECT_EQ(kDoubling[knee.at], 64);
}

TEST(Knee, OfAFallingCurveIsWhereItBeginsToFall) {
  // Time a task = 1 + bytes / 128: flat, then down.
  const Knee knee = knee_of(
      kDoubling, [](double x) { return 1 / (1 + x / 128); }, true);
  ASSERT_EQ(knee.kind, Knee::Kind::kFound);
  EXPECT_FALSE(knee.rising);
  EXPECT_GE(kDoubling[knee.at], 16);
  EXPECT_LE(kDoubling[knee.at], 64);
}

TEST(Knee, IsNotThereInALineAFlatCurveOrTooFewPoints) {
  EXPECT_EQ(knee_of(
                kEven, [](double x) { return 3 * x; }, false)
                .kind,
            Knee::Kind::kStraight);
  EXPECT_EQ(knee_of(
                kEven, [](double x) { return 20 - x; }, false)
                .kind,
            Knee::Kind::kStraight);
  EXPECT_EQ(knee_of(
                kEven, [](double x) { return 100 + x; }, false)
                .kind,
            Knee::Kind::kFlat);
  EXPECT_EQ(knee_of(
                {1, 2, 3}, [](double x) { return std::min(x, 2.0); }, false)
                .kind,
            Knee::Kind::kTooFew);
}

TEST(Knee, IsNotMadeUpByNoiseOnALine) {
  const Knee knee = knee_of(
      kEven, [](double x) { return 10 * x + 3 * std::sin(x * 2.4); }, false);
  EXPECT_EQ(knee.kind, Knee::Kind::kStraight);
}

TEST(RateKnee, IsTheLastRateThatIsDoneInTime) {
  const std::vector<RatePoint> points{{1, 0.001}, {1, 0.002}, {0.995, 0.009}, {0.9, 0.1}};
  const RateKnee knee = find_rate_knee(points);
  EXPECT_EQ(knee.last_good, 2u);
  EXPECT_EQ(knee.limit, RateLimit::kNotAchieved);
}

TEST(RateKnee, IsBeforeTheRateWhoseLatencyGrowsBeyondAllMeasure) {
  const std::vector<RatePoint> points{{1, 0.001}, {1, 0.01}, {1, 0.0101}, {1, 0.001}};
  const RateKnee knee = find_rate_knee(points);
  EXPECT_EQ(knee.last_good, 1u);
  EXPECT_EQ(knee.limit, RateLimit::kLatency);
}

TEST(RateKnee, IsNotThereWhereAllGoesWellOrNothingDoes) {
  EXPECT_EQ(find_rate_knee(std::vector<RatePoint>{{1, 0.001}, {1, 0.002}}).limit, RateLimit::kNone);
  const RateKnee none = find_rate_knee(std::vector<RatePoint>{{0.5, 0.001}, {0.4, 0.002}});
  EXPECT_FALSE(none.last_good.has_value());
  EXPECT_EQ(none.limit, RateLimit::kNotAchieved);
}

/// Both backends gain until eight tasks are in flight; processes have half of the threads' throughput.
BenchResults swept_results() {
  BenchResults results = fixed_results();
  results.plan = make_plan({.workloads = {"noop"}, .workers = {"2"}, .sweeps = {"window=1..64"}}, kRoom);
  const CellResult like = results.cells.front();
  results.cells.clear();
  for (const Cell& cell : results.plan.cells) {
    CellResult result = like;
    result.cell = cell;
    const double rate = 1000 * static_cast<double>(std::min<std::uint64_t>(cell.window, 8));
    for (std::size_t side = 0; side < 2; ++side) {
      for (Sample& sample : result.sides[side].samples) sample = fixed_sample(side == 0 ? rate : rate / 2);
    }
    results.cells.push_back(result);
  }
  return results;
}

TEST(Curve, HasAPointOfEachCellAndNamesItsKnee) {
  const auto curves = find_curves(swept_results());
  ASSERT_THAT(curves, SizeIs(2));
  EXPECT_EQ(curves[0].backend, Backend::kThreads);
  ASSERT_THAT(curves[0].points, SizeIs(7));
  ASSERT_TRUE(curves[0].knee.has_value());
  EXPECT_EQ(curves[0].points[*curves[0].knee].x, 8);
  EXPECT_EQ(curves[1].points[*curves[1].knee].throughput_tasks_per_s, 4000);
  EXPECT_EQ(curves[0].sentence,
            "the knee is at 8 (8\u202f000 tasks/s, 100 % of the most); beyond it more brings little");
}

TEST(Curve, StandsInTheReportAndInTheJson) {
  const BenchResults results = swept_results();
  EXPECT_THAT(print_curves(results, {}), HasSubstr("8\u202f000/s <"));
  EXPECT_THAT(knee_sentences(results), HasSubstr("noop by window with processes: the knee is at 8 ("));
  EXPECT_THAT(markdown_of_curves(results), HasSubstr("| noop by window | threads | 8 |"));
  const nlohmann::json json(find_curves(results));
  EXPECT_EQ(json.at(1).at("knee"), 3);
  EXPECT_EQ(json.at(1).at("scale"), "logarithmic");
  EXPECT_EQ(json.at(1).at("points").at(3).at("cell"), 3);
  EXPECT_EQ(print_curves(fixed_results(), {}), "");
}

/// A ramp from 10 to 110 % of 1000 tasks/s that threads keep up with until 80 % and processes always.
BenchResults ramped_results() {
  BenchResults results = fixed_results();
  results.plan = make_plan({.workloads = {"noop"}, .workers = {"2"}, .ramp = "10%..110%"}, kRoom);
  CellResult& cell = results.cells.front();
  cell.cell = results.plan.cells.front();
  for (BackendResult& side : cell.sides) {
    for (Sample& sample : side.samples) {
      sample.open.emplace();
      for (std::size_t i = 0; i < kRampSteps; ++i) {
        const std::uint64_t offered = 15 + 10 * i;
        const std::uint64_t most = side.backend == Backend::kThreads ? 80 : 1000;
        RampStep step{.offered_tasks_per_s = static_cast<double>(10 * offered),
                      .offered = offered,
                      .done = std::min(offered, most),
                      .latency = {}};
        step.latency.add(1'000'000, offered);
        sample.open->ramp.push_back(step);
      }
    }
  }
  return results;
}

TEST(Curve, OfARampHasAPointOfEachStepAndNamesTheLastRateThatWasKeptUpWith) {
  const BenchResults results = ramped_results();
  const auto curves = find_curves(results);
  ASSERT_THAT(curves, SizeIs(2));
  EXPECT_TRUE(curves[0].ramp);
  EXPECT_EQ(curves[0].rest, "workers:2/rate:10%..110%");
  ASSERT_THAT(curves[0].points, SizeIs(kRampSteps));
  EXPECT_DOUBLE_EQ(curves[0].points[0].x, 15);
  EXPECT_DOUBLE_EQ(curves[0].points[9].x, 105);
  EXPECT_EQ(curves[0].knee, 6u);
  EXPECT_THAT(curves[0].sentence, HasSubstr("the knee is at 75 %, the last rate with at least 99 % done"));
  EXPECT_THAT(curves[0].sentence, HasSubstr("94.1 % of what was offered at 85 % was done"));
  EXPECT_FALSE(curves[1].knee.has_value());
  EXPECT_THAT(curves[1].sentence, HasSubstr("no knee up to 105 %"));
  EXPECT_THAT(print_curves(results, {}), HasSubstr("100.0 % <"));
}

TEST(Curve, OfTwoSweepsIsOneForEachValueOfTheOther) {
  BenchResults results = swept_results();
  results.plan = make_plan({.workloads = {"noop"}, .sweeps = {"workers=1,2", "window=1..8"}}, kRoom);
  const CellResult like = results.cells.front();
  results.cells.clear();
  for (const Cell& cell : results.plan.cells) {
    results.cells.push_back(like);
    results.cells.back().cell = cell;
  }
  std::vector<std::string> titles;
  for (const Curve& curve : find_curves(results)) {
    if (curve.backend == Backend::kThreads)
      titles.push_back(std::string(name_of(curve.axis)) + " " + curve.rest + " " +
                       std::to_string(curve.points.size()));
  }
  EXPECT_THAT(titles, ElementsAre("workers window=1 2", "workers window=2 2", "workers window=4 2",
                                  "workers window=8 2", "window workers=1 4", "window workers=2 4"));
}

}  // namespace
}  // namespace twinpool::bench
