// SPDX-License-Identifier: Apache-2.0
#include "bench/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/cli.h"
#include "bench/strategies.h"

namespace twinpool::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr MachineRoom kRoom{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};

std::string refusal(const BenchOptions& options, const MachineRoom& room = kRoom) {
  try {
    static_cast<void>(make_plan(options, room));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Plan, WithoutFlagsRunsAllWorkloadsOnBothTwinsWithOneWorkerAUsableCpu) {
  const Plan plan = make_plan({}, kRoom);
  EXPECT_EQ(plan.cells.size(), workloads_of_suite("default").size());
  EXPECT_THAT(plan.backends, ::testing::ElementsAre(Backend::kThreads, Backend::kProcesses));
  for (const Cell& cell : plan.cells) {
    EXPECT_EQ(cell.workers, 2);
    EXPECT_EQ(cell.window, kDefaultWindow);
  }
  EXPECT_EQ(plan.trials, kDefaultTrials);
  EXPECT_EQ(plan.round_length, kRoundLength);
  EXPECT_EQ(plan.stretched_round, kStretchedRound);
  EXPECT_EQ(make_plan({.duration = "70ms"}, kRoom).stretched_round, std::chrono::milliseconds(70));
  EXPECT_FALSE(plan.tasks.has_value());
}

TEST(Plan, MakesOneCellForEachWorkloadAndNumberOfWorkersOnce) {
  const Plan plan = make_plan({.workloads = {"noop", "echo", "noop"}, .workers = {"1,2", "4", "2"}}, kRoom);
  ASSERT_EQ(plan.cells.size(), 6u);
  EXPECT_EQ(plan.cells[0].workload->name, "noop");
  EXPECT_EQ(plan.cells[2].workers, 4);
  EXPECT_EQ(plan.cells[3].workload->name, "echo");
}

TEST(Plan, TakesRangesOfWorkersAmongThem) {
  const auto workers_of = [](std::vector<std::string> lists) {
    std::vector<int> workers;
    for (const Cell& cell : make_plan({.workloads = {"noop"}, .workers = std::move(lists)}, kRoom).cells)
      workers.push_back(cell.workers);
    return workers;
  };
  EXPECT_THAT(workers_of({"1..4"}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(workers_of({"8,2..3", "3..4"}), ElementsAre(8, 2, 3, 4));
  EXPECT_THAT(workers_of({"5..5"}), ElementsAre(5));
}

TEST(Plan, RefusesRangesThatAreNone) {
  EXPECT_THAT(refusal({.workers = {"4..1"}}), HasSubstr("the range '4..1' runs backwards; write 1..4"));
  EXPECT_THAT(refusal({.workers = {"0..2"}}), HasSubstr("--workers must be 1 or more, not 0"));
  EXPECT_THAT(refusal({.workers = {"1..257"}}), HasSubstr("--workers can be 256 at most, not 257"));
  for (const char* text : {"1..", "..4", "..", "1...4", "1..2..3", "1-4", "1.5..2"})
    EXPECT_THAT(refusal({.workers = {text}}), HasSubstr("--workers")) << text;
}

TEST(Plan, MakesAnOpenLoopOfEachRateOnce) {
  const Plan plan =
      make_plan({.workloads = {"noop"}, .rates = {"20k,70%", "20000/s"}, .arrivals = "poisson"}, kRoom);
  ASSERT_EQ(plan.cells.size(), 2u);
  EXPECT_EQ(plan.cells[0].open, (OpenLoad{.tasks_per_s = 20'000, .arrivals = Arrivals::kPoisson}));
  EXPECT_EQ(plan.cells[1].open, (OpenLoad{.percent = 70, .arrivals = Arrivals::kPoisson}));
  EXPECT_EQ(plan.cells[1].window, kDefaultOpenWindow);
  EXPECT_EQ(plan.round_length, kOpenRoundLength);
  EXPECT_EQ(plan.trials, kOpenLoopTrials);
  EXPECT_FALSE(make_plan({.workloads = {"noop"}}, kRoom).cells[0].open.has_value());
}

TEST(Plan, OfTheTailsIsThreeRatesWithAndWithoutACrashASecond) {
  const Plan plan = make_plan({.suite = "tails"}, kRoom);
  ASSERT_EQ(plan.cells.size(), 6u);
  EXPECT_EQ(plan.cells[0].open, OpenLoad{.percent = 50});
  EXPECT_EQ(plan.cells[5].open, (OpenLoad{.percent = 95, .crash_every = std::chrono::seconds(1)}));
  EXPECT_EQ(make_plan({.suite = "tails", .rates = {"10%"}}, kRoom).cells.size(), 1u);
}

TEST(Plan, MakesRoundsLongEnoughForTheirStalls) {
  using namespace std::chrono_literals;
  const auto length = [](BenchOptions options) {
    options.workloads = {"noop"};
    options.rates = {"70%"};
    return make_plan(options, kRoom).round_length;
  };
  EXPECT_EQ(length({.stall = "200ms"}), 1600ms);
  EXPECT_EQ(length({.stall = "10ms", .stall_every = "2s"}), 4s);
  EXPECT_EQ(length({.duration = "400ms", .stall = "200ms"}), 400ms);
}

TEST(Plan, MakesOneOpenLoopOfARamp) {
  using namespace std::chrono_literals;
  const Plan plan = make_plan({.workloads = {"noop"}, .ramp = "10%..120%", .arrivals = "poisson"}, kRoom);
  ASSERT_EQ(plan.cells.size(), 1u);
  EXPECT_EQ(plan.cells[0].open, (OpenLoad{.percent = 10, .rise_to = 120, .arrivals = Arrivals::kPoisson}));
  EXPECT_DOUBLE_EQ(plan.cells[0].open->mean(), 6.5);
  EXPECT_EQ(plan.round_length, 2s);
  EXPECT_EQ(plan.trials, kOpenLoopTrials);
  const Plan absolute = make_plan({.workloads = {"noop"}, .ramp = "1k..50k/s"}, kRoom);
  EXPECT_EQ(absolute.cells[0].open, (OpenLoad{.tasks_per_s = 1000, .rise_to = 50'000}));
}

TEST(Plan, RefusesRampsThatAreNone) {
  const auto of = [](BenchOptions options) {
    options.workloads = {"noop"};
    if (options.ramp.empty()) options.ramp = "10%..120%";
    return refusal(options);
  };
  EXPECT_THAT(of({.ramp = "70%"}), HasSubstr("for example 10%..120%, not '70%'"));
  EXPECT_THAT(of({.ramp = "120%..10%"}), HasSubstr("does not rise"));
  EXPECT_THAT(of({.ramp = "10%..10%"}), HasSubstr("does not rise"));
  EXPECT_THAT(of({.ramp = "10%..20k"}), HasSubstr("different units"));
  EXPECT_THAT(of({.ramp = "1k..20M"}), HasSubstr("--ramp can be 10000000 tasks/s at most"));
  EXPECT_THAT(of({.ramp = "0..5"}), HasSubstr("'0' is not a rate above 0"));
  EXPECT_THAT(of({.ramp = "1/s..2/s"}), HasSubstr("--ramp, on average 1.50 tasks/s gives 3.00 tasks"));
  EXPECT_THAT(of({.rates = {"70%"}}), HasSubstr("--ramp and --rate exclude each other"));
  EXPECT_THAT(of({.sweeps = {"rate=10%..90%"}}), HasSubstr("--ramp and --rate exclude each other"));
  EXPECT_THAT(of({.stall = "200ms"}), HasSubstr("which a --stall or --crash-every would hide"));
  EXPECT_THAT(of({.plant = "threads:20%"}), HasSubstr("leave out --ramp"));
  EXPECT_THAT(of({.tasks = "1000"}), HasSubstr("--ramp needs a round of known length"));
}

TEST(Plan, RefusesLoadsThatAreNone) {
  const auto of_rate = [](const char* rate) { return refusal({.workloads = {"noop"}, .rates = {rate}}); };
  EXPECT_THAT(of_rate("0"), HasSubstr("'0' is not a rate above 0"));
  EXPECT_THAT(of_rate("0%"), HasSubstr("'0%' is no share of the capacity"));
  EXPECT_THAT(of_rate("1001%"), HasSubstr("at most 1000%"));
  EXPECT_THAT(of_rate("20M"), HasSubstr("--rate can be 10000000 tasks/s at most"));
  EXPECT_THAT(of_rate("1/s"),
              HasSubstr("gives 0.500 tasks in a round of 500 ms, and a round has 10 to 10000000"));
  for (const char* text : {"-5", "nan", "nan%", "inf", "", "%", "-70%", "70 %%", "1e3", "20k,", "20k/h"})
    EXPECT_THAT(of_rate(text), HasSubstr("--rate")) << text;
  EXPECT_THAT(refusal({.workloads = {"noop"}, .duration = "10s", .rates = {"2M"}}),
              HasSubstr("a shorter --duration"));
  EXPECT_THAT(refusal({.workloads = {"noop"}, .tasks = "20M", .rates = {"70%"}}),
              HasSubstr("--tasks can be 10000000 at most with --rate"));
  EXPECT_THAT(refusal({.workloads = {"noop"}, .tasks = "100k", .rates = {"10/s"}}),
              HasSubstr("can be 600 s at most"));
  EXPECT_THAT(refusal({.workloads = {"noop"}, .rates = {"1k"}, .arrivals = "poison"}),
              HasSubstr("did you mean 'poisson'"));
  EXPECT_THAT(refusal({.plant = "threads:20%", .rates = {"1k"}}), HasSubstr("leave out --rate"));
}

TEST(Plan, RefusesStallsThatAreNone) {
  const auto of = [](BenchOptions options) {
    options.workloads = {"noop"};
    options.rates = {"70%"};
    return refusal(options);
  };
  EXPECT_THAT(of({.stall = "0ms"}), HasSubstr("at least 1ns"));
  EXPECT_THAT(of({.stall = "200"}), HasSubstr("is not a duration"));
  EXPECT_THAT(of({.stall = "2min"}), HasSubstr("can be 600 s at most"));
  EXPECT_THAT(of({.duration = "300ms", .stall = "200ms"}), HasSubstr("write a longer --duration"));
  EXPECT_THAT(of({.stall_every = "1s"}), HasSubstr("add --stall T"));
  EXPECT_THAT(of({.stall = "200ms", .stall_every = "300ms"}), HasSubstr("at least twice --stall, 400 ms"));
  EXPECT_THAT(of({.tasks = "1000", .stall = "200ms"}), HasSubstr("write --duration instead of --tasks"));
  EXPECT_THAT(of({.stall = "200ms", .crash_every = "1s"}),
              HasSubstr("--crash-every and --stall exclude each other"));
  EXPECT_THAT(of({.crash_every = "1ms"}), HasSubstr("--crash-every must be 100 ms or more"));
  EXPECT_THAT(of({.duration = "1s", .crash_every = "1s"}), HasSubstr("does not suit a crash every 1.00 s"));
  EXPECT_THAT(refusal({.crash_every = "1s"}), HasSubstr("--crash-every belongs to an open loop"));
  EXPECT_THAT(refusal({.stall = "200ms"}), HasSubstr("--stall belongs to an open loop; add --rate"));
  EXPECT_THAT(refusal({.arrivals = "fixed"}), HasSubstr("--arrivals belongs to an open loop"));
}

TEST(Plan, GivesEveryCellPriorityStrategyAndStealing) {
  const Plan plain = make_plan({.workloads = {"noop"}}, kRoom);
  EXPECT_FALSE(plain.cells[0].priority.has_value());
  EXPECT_EQ(plain.cells[0].strategy, Strategy::kSharedQueue);
  const Plan plan = make_plan(
      {.workloads = {"noop", "echo"}, .priority = "-20", .strategy = "fair-share", .stealing = "off"}, kRoom);
  for (const Cell& cell : plan.cells) {
    EXPECT_EQ(cell.priority, kLowestPriority);
    EXPECT_EQ(cell.strategy, Strategy::kFairShare);
    EXPECT_FALSE(cell.stealing);
  }
}

TEST(Plan, RefusesPrioritiesStrategiesAndSwitchesThatAreNone) {
  for (const char* text : {"20", "-21", "1.5", "high", "+1", "5 "}) {
    EXPECT_THAT(refusal({.priority = text}), HasSubstr("--priority must be a whole number from -20 to 19"))
        << text;
  }
  EXPECT_THAT(refusal({.strategy = "leastbusy"}),
              HasSubstr("unknown strategy 'leastbusy'; did you mean 'least-busy'?"));
  EXPECT_THAT(refusal({.strategy = "custom"}), HasSubstr("a function that a program gives its pool"));
  EXPECT_THAT(refusal({.strategy = "round-robin", .stealing = "onn"}),
              HasSubstr("--stealing cannot be 'onn'; did you mean 'on'?"));
  EXPECT_THAT(refusal({.stealing = "off"}), HasSubstr("--stealing means nothing to strategy 'shared-queue'"));
}

TEST(Strategies, AllMakeOptionsThatAPoolAccepts) {
  for (const std::string& name : strategy_names()) {
    const Strategy strategy = read_strategy(name);
    EXPECT_EQ(name_of(strategy), name);
    EXPECT_FALSE(sentence_of(strategy).empty());
    for (const int workers : {1, 3, kMaxWorkers}) {
      PoolOptions options{.workers = workers, .dispatch = dispatch_by(strategy, false, workers)};
      EXPECT_NO_THROW(options = validate(options)) << name;
      EXPECT_FALSE(options.dispatch.stealing);
    }
  }
  EXPECT_THAT(dispatch_by(Strategy::kWeightedRoundRobin, true, 3).weights, ElementsAre(1, 2, 3));
}

TEST(Plan, SuggestsTheNearestName) {
  EXPECT_THAT(refusal({.workloads = {"prims"}}),
              AllOf(HasSubstr("unknown workload 'prims'"), HasSubstr("'primes'")));
  EXPECT_THAT(refusal({.backend = "thread"}),
              AllOf(HasSubstr("unknown backend 'thread'"), HasSubstr("'threads'")));
}

TEST(Plan, RefusesNumbersOutOfRange) {
  EXPECT_THAT(refusal({.workers = {"0"}}), HasSubstr("--workers must be 1 or more, not 0"));
  EXPECT_THAT(refusal({.workers = {"-3"}}), HasSubstr("--workers must be 1 or more, not -3"));
  EXPECT_THAT(refusal({.workers = {"257"}}), HasSubstr("--workers can be 256 at most"));
  EXPECT_THAT(refusal({.workers = {"1,,2"}}), HasSubstr("--workers"));
  EXPECT_THAT(refusal({.workers = {"two"}}), HasSubstr("--workers"));
  EXPECT_THAT(refusal({.tasks = "0"}), HasSubstr("--tasks must be 1 or more"));
  EXPECT_THAT(refusal({.window = "0"}), HasSubstr("--window must be 1 or more"));
  EXPECT_THAT(refusal({.window = "1048577"}), HasSubstr("--window can be 1048576 at most"));
  EXPECT_THAT(refusal({.trials = "0"}), HasSubstr("--trials must be 1 or more"));
  EXPECT_THAT(refusal({.duration = "2h"}), HasSubstr("--duration"));
  EXPECT_THAT(refusal({.duration = "601s"}), HasSubstr("600 s at most"));
  EXPECT_THAT(refusal({.seed = "-1"}), HasSubstr("--seed"));
}

TEST(Plan, RefusesTasksTogetherWithDuration) {
  EXPECT_THAT(refusal({.tasks = "5", .duration = "1s"}), HasSubstr("exclude each other"));
}

TEST(Plan, RefusesFlagsThatWouldMeanNothing) {
  EXPECT_THAT(refusal({.workloads = {"noop"}, .payload = "1KiB"}),
              HasSubstr("means nothing to workload 'noop'"));
  EXPECT_THAT(refusal({.workloads = {"noop"}, .input = "/dev/null"}), HasSubstr("wordcount"));
}

TEST(Plan, NarrowsTheWindowUntilHugePayloadsFit) {
  const Plan plan = make_plan({.workloads = {"echo"}, .payload = "64MiB"}, kRoom);
  EXPECT_EQ(plan.cells[0].window, 8u);  // in and out: 8 x 2 x 64 MiB are 1 GiB
  EXPECT_GT(plan.cells[0].max_shared_bytes, std::uint64_t{1} << 30);
}

TEST(Plan, RefusesAPayloadThatCannotFit) {
  EXPECT_THAT(
      refusal({.workloads = {"echo"}, .window = "64", .payload = "256MiB"}),
      AllOf(HasSubstr("--payload 256 MiB is too much"), HasSubstr("take a smaller payload or --window")));
  EXPECT_THAT(refusal({.workloads = {"echo"}, .payload = "64GiB"}), HasSubstr("--payload"));
  EXPECT_THAT(refusal({.workloads = {"shared-sum"}, .payload = "5GiB"}), HasSubstr("too much"));
  EXPECT_THAT(refusal({.workloads = {"sort"}, .payload = "3GiB"}), HasSubstr("too much for 2 workers"));
}

TEST(Plan, RefusesAPayloadBelowTheLeast) {
  EXPECT_THAT(refusal({.workloads = {"sort"}, .payload = "8"}),
              HasSubstr("--payload must be 16 bytes or more"));
}

TEST(Plan, ReadsTheRoomOfThisMachine) {
  const MachineRoom room = read_machine_room();
  EXPECT_GE(room.usable_cpus, 1);
  EXPECT_GT(room.available_bytes, std::uint64_t{1} << 20);
}

}  // namespace
}  // namespace twinpool::bench
