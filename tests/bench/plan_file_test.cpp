// SPDX-License-Identifier: Apache-2.0
#include "bench/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/plan_report.h"
#include "tests/bench/scratch_directory.h"

namespace twinpool::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr MachineRoom kRoom{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};

class PlanFiles : public ::testing::Test {
 protected:

  [[nodiscard]] std::string path() const { return (directory_ / "plan.json").string(); }
  [[nodiscard]] Plan plan_of(const std::string& text, const BenchOptions& typed = {}) const {
    std::ofstream(path()) << text;
    return make_plan(read_plan_file(path(), typed), kRoom);
  }
  /// A plan that says `text` beside its kind.
  [[nodiscard]] Plan plan_with(const std::string& text, const BenchOptions& typed = {}) const {
    return plan_of(R"({"kind": "plan", "schema_version": 1, )" + text + "}", typed);
  }
  [[nodiscard]] std::string refusal(const std::string& text, const BenchOptions& typed = {}) const {
    try {
      (void)plan_of(text, typed);
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'" + path() + "'"));
      return error.what();
    }
    return "it was accepted";
  }
  [[nodiscard]] std::string refusal_with(const std::string& text, const BenchOptions& typed = {}) const {
    return refusal(R"({"kind": "plan", "schema_version": 1, )" + text + "}", typed);
  }

  const ScratchDirectory directory_;
};

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Cell& cell : plan.cells) names.push_back(name_of(cell));
  return names;
}

TEST_F(PlanFiles, SayTheSameAsFlags) {
  const Plan plan =
      plan_with(R"("workload": ["noop", "echo"], "workers": [1, "2..3"], "trials": 12, "duration": "20ms",
      "seed": 7, "interval": "bootstrap", "precision": "3%", "margin": "2%", "max-time": "1min", "backend": "both")");
  EXPECT_THAT(names_of(plan), ElementsAre("noop/workers:1", "noop/workers:2", "noop/workers:3",
                                          "echo/workers:1", "echo/workers:2", "echo/workers:3"));
  EXPECT_EQ(plan.trials, 12);
  EXPECT_EQ(plan.round_length, std::chrono::milliseconds(20));
  EXPECT_EQ(plan.seed, 7u);
  EXPECT_EQ(plan.judging.interval, IntervalMethod::kBootstrap);
  EXPECT_DOUBLE_EQ(plan.judging.margin, 0.02);
  EXPECT_DOUBLE_EQ(plan.precision.value(), 0.03);
  EXPECT_DOUBLE_EQ(plan.max_time_s.value(), 60);
}

TEST_F(PlanFiles, HaveGroupsOfCellsThatSayMoreThanTheWhole) {
  const Plan plan = plan_with(R"("workload": "noop", "workers": 2, "cells": [
      {},
      {"workload": "cow-dirty", "param": {"megabytes": 8}},
      {"strategy": "round-robin", "stealing": false, "window": 8, "priority": -5},
      {"suite": "quick", "workers": 1}])");
  const auto names = names_of(plan);
  ASSERT_GT(names.size(), 3u);
  EXPECT_EQ(names[0], "noop/workers:2");
  EXPECT_EQ(names[1], "cow-dirty/workers:2/megabytes:8");
  EXPECT_EQ(names[2], "noop/workers:2/window:8/strategy:round-robin/stealing:off/priority:-5");
  EXPECT_EQ(plan.cells.back().workers, 1);
}

TEST_F(PlanFiles, LeaveToTheCommandLineWhatTheyDoNotSay) {
  const Plan plan = plan_with(R"("workload": "noop")", {.workers = {"3"}, .trials = "6"});
  EXPECT_EQ(plan.trials, 6);
  EXPECT_EQ(plan.cells.front().workers, 3);
  EXPECT_THAT(refusal_with(R"("workload": "noop", "trials": 12)", {.trials = "6"}),
              HasSubstr("trials sets what --trials on the command line sets too; say it in one place"));
  EXPECT_THAT(refusal_with(R"("cells": [{"workload": "noop"}, {"workers": 2}])", {.workers = {"3"}}),
              HasSubstr("cells[1].workers sets what --workers"));
  EXPECT_THAT(refusal_with(R"("workload": "noop")", {.suite = "quick"}), HasSubstr("chooses workloads"));
}

TEST_F(PlanFiles, AreRefusedWithThePlaceOfTheMistake) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(R"({"kind": "plan", "schema_ver)"), HasSubstr("breaks off"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("is no plan of twinpool"));
  EXPECT_THAT(refusal(R"({"kind": "bench"})"), HasSubstr(R"("kind": "plan")"));
  EXPECT_THAT(refusal(R"({"kind": "plan", "schema_version": 2})"), HasSubstr("schema_version is 2"));
  EXPECT_THAT(refusal_with(R"("wrokers": 2)"),
              HasSubstr("unknown name \"wrokers\"; did you mean 'workers'?"));
  EXPECT_THAT(refusal_with(R"("cells": [{"workload": "noop"}, {"workres": 2}])"),
              AllOf(HasSubstr("cells[1] has an unknown name"), HasSubstr("'workers'")));
  EXPECT_THAT(refusal_with(R"("cells": [{"trials": 5}])"),
              HasSubstr("cells[0].trials is one for the whole run"));
  EXPECT_THAT(refusal_with(R"("workers": [1, 2.5])"),
              HasSubstr("workers[1] is 2.5; write a text or a whole number"));
  EXPECT_THAT(refusal_with(R"("trials": null)"), HasSubstr("trials is null"));
  EXPECT_THAT(refusal_with(R"("trials": true)"), HasSubstr("as --trials takes it"));
  EXPECT_THAT(refusal_with(R"("workload": [])"), HasSubstr("workload is an empty list"));
  EXPECT_THAT(refusal_with(R"("seed": "")"), HasSubstr("seed is empty"));
  EXPECT_THAT(refusal_with(R"("cells": [])"), HasSubstr("cells is an empty list"));
  EXPECT_THAT(refusal_with(R"("cells": {"workload": "noop"})"), HasSubstr("cells is no list"));
  EXPECT_THAT(refusal_with(R"("cells": ["noop"])"), HasSubstr("cells[0] is no object"));
  EXPECT_THAT(refusal_with(R"("workload": "noop", "suite": "quick")"), HasSubstr("leave one out"));
}

TEST_F(PlanFiles, AreJudgedAsWhatIsTyped) {
  EXPECT_THAT(refusal_with(R"("workload": "noop", "trials": 0)"), HasSubstr("--trials must be 1 or more"));
  EXPECT_THAT(refusal_with(R"("cells": [{"workload": "noop"}, {"workload": "prims"}])"),
              HasSubstr("cells[1]: unknown workload 'prims'; did you mean 'primes'?"));
  EXPECT_THAT(
      refusal_with(R"("workers": 2, "cells": [{"workload": "noop"}, {"workload": ["echo", "noop"]}])"),
      HasSubstr("cells[1] has the cell noop/workers:2, which cells[0] has too"));
  EXPECT_THAT(refusal_with(R"("workload": "noop", "input": "text")"),
              HasSubstr("input is read by workload 'wordcount'"));
}

TEST(PlanReport, SaysCellsPairsAndTime) {
  const Plan plan = make_plan({.workloads = {"noop", "echo"}, .workers = {"2"}, .trials = "12"}, kRoom);
  const std::string text = print_plan(plan);
  EXPECT_THAT(text, HasSubstr("2 cells, 12 pairs of trials each"));
  EXPECT_THAT(text, HasSubstr("  echo/workers:2\n"));
  EXPECT_THAT(text, HasSubstr("About "));
  EXPECT_THAT(text, HasSubstr("Nothing was run."));
  EXPECT_THAT(print_plan(make_plan({.workloads = {"noop"}, .tasks = "5"}, kRoom)),
              HasSubstr("not known beforehand"));
  EXPECT_THAT(print_plan(make_plan({.workloads = {"noop"}, .precision = "3%"}, kRoom)),
              HasSubstr("30 to 300 pairs"));
  EXPECT_THAT(print_plan(make_plan({.workloads = {"noop"}, .max_time = "5s"}, kRoom)),
              HasSubstr("--max-time ends it after 5 s"));
}

TEST(PlanReport, EstimatesMoreTimeForMoreWork) {
  const auto time = [](const BenchOptions& options) { return *estimate_time(make_plan(options, kRoom)); };
  const TimeEstimate ten = time({.workloads = {"noop"}, .trials = "10"});
  EXPECT_EQ(ten.least_s, ten.most_s);
  EXPECT_GT(time({.workloads = {"noop"}, .trials = "20"}).least_s, ten.least_s);
  EXPECT_GT(time({.workloads = {"noop", "echo"}, .trials = "10"}).least_s, ten.least_s);
  EXPECT_GT(time({.workloads = {"noop"}, .duration = "1s", .trials = "10"}).least_s, ten.least_s);
  EXPECT_GT(time({.workloads = {"noop"}, .trials = "10", .precision = "1%"}).most_s, ten.most_s);
  EXPECT_EQ(time({.max_time = "5s"}).most_s, 5);
  EXPECT_FALSE(estimate_time(make_plan({.workloads = {"noop"}, .tasks = "5"}, kRoom)));
}

TEST(PlanReport, PrintsSpansForPeople) {
  EXPECT_EQ(print_span(0), "0 s");
  EXPECT_EQ(print_span(11.2), "12 s");
  EXPECT_EQ(print_span(200), "3 min 20 s");
  EXPECT_EQ(print_span(3900), "1 h 5 min");
}

}  // namespace
}  // namespace twinpool::bench
