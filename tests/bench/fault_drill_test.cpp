// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "bench/cli.h"
#include "bench/fault_report.h"
#include "bench/faults/load.h"
#include "bench/faults_command.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

/// One task lost, its worker replaced: what the process twin promises.
DrillRun contained_run(int fault) {
  DrillRun run;
  run.backend = Backend::kProcesses;
  run.fault = fault;
  run.workers = 2;
  run.tasks = run.submitted = 100;
  run.delivered = 99;
  run.lost = 1;
  run.fired = run.program_survived = run.full_strength = true;
  run.workers_lost = 1;
  run.restored_s = 0.004;
  run.gap_after_s = 0.002;
  run.trial = {{"drained", true},
               {"pool", {{"submitted", 100}, {"completed", 99}, {"failed", 0}, {"lost", 1}, {"pending", 0}}}};
  return run;
}

DrillRun died_run(int fault) {
  DrillRun run;
  run.fault = fault;
  run.workers = 2;
  run.tasks = 100;
  run.submitted = 40;
  run.delivered = 32;
  run.lost = 8;
  run.fired = true;
  run.workers_lost = 2;
  run.end.how = TrialEnd::How::kKilled;
  run.end.signal = SIGSEGV;
  return run;
}

TEST(Judge, NamesEachWayToEnd) {
  EXPECT_EQ(judge(contained_run(0)), Answer::kContained);
  EXPECT_EQ(judge(died_run(0)), Answer::kProgramDied);

  DrillRun other_lost = contained_run(0);
  other_lost.delivered = 98;
  other_lost.lost = 2;
  EXPECT_EQ(judge(other_lost), Answer::kSpread);

  DrillRun weaker = contained_run(0);
  weaker.full_strength = false;
  EXPECT_EQ(judge(weaker), Answer::kSpread);

  DrillRun never_submitted = contained_run(0);
  never_submitted.submitted = 60;
  never_submitted.delivered = 59;
  EXPECT_EQ(judge(never_submitted), Answer::kSpread);

  DrillRun stuck = contained_run(0);
  stuck.lost = 0;
  stuck.hung = 1;
  stuck.workers_stuck = 1;
  stuck.full_strength = false;
  EXPECT_EQ(judge(stuck), Answer::kWorkerStuck);

  DrillRun hung = died_run(0);
  hung.end.how = TrialEnd::How::kDeadline;
  EXPECT_EQ(judge(hung), Answer::kProgramHung);
}

TEST(FindImbalance, AcceptsWhatAddsUp) {
  EXPECT_EQ(find_imbalance(contained_run(0)), "");
  EXPECT_EQ(find_imbalance(died_run(0)), "");
}

TEST(FindImbalance, SeesATaskThatIsCountedNowhereOrTwice) {
  DrillRun missing = died_run(0);
  missing.lost = 7;
  EXPECT_THAT(find_imbalance(missing), HasSubstr("is not 40 submitted"));
  DrillRun twice = contained_run(0);
  twice.failed = 1;
  EXPECT_THAT(find_imbalance(twice), HasSubstr("is not 100 submitted"));
}

TEST(FindImbalance, SeesAPoolThatCountsOtherwiseThanItsUser) {
  DrillRun run = contained_run(0);
  run.trial["pool"]["lost"] = 0;
  EXPECT_THAT(find_imbalance(run), HasSubstr("the pool counted"));
}

TEST(FindImbalance, SeesAPoolThatDoesNotEnd) {
  DrillRun run = contained_run(0);
  run.trial["drained"] = false;
  EXPECT_THAT(find_imbalance(run), HasSubstr("could not be drained"));
  run.trial.erase("drained");
  run.trial["stop"]["settled_as"] = {{"unsettled", 1}};
  EXPECT_THAT(find_imbalance(run), HasSubstr("had not settled"));
}

DrillResults sample_results() {
  const int segv = find_fault("segv");
  DrillResults results;
  results.options.faults = {segv};
  results.options.repeats = 2;
  results.runs = {died_run(segv), contained_run(segv), contained_run(segv), died_run(segv)};
  results.runs.back().lost = 5;
  results.runs.back().submitted = 37;
  return results;
}

TEST(FaultReport, PutsTheTwinsSideBySideWhereTheyFit) {
  const std::string table = print_table(sample_results(), {}, 240);
  EXPECT_THAT(table, HasSubstr("program died  SIGSEGV"));
  EXPECT_THAT(table, HasSubstr("5-8"));
  EXPECT_THAT(table, HasSubstr("4.00 ms"));
  const std::string row =
      table.substr(table.find("segv"), table.find('\n', table.find("segv")) - table.find("segv"));
  EXPECT_THAT(row, HasSubstr("contained"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b[")));

  const std::string narrow = print_table(sample_results(), {}, 100);
  const std::string first =
      narrow.substr(narrow.find("segv"), narrow.find('\n', narrow.find("segv")) - narrow.find("segv"));
  EXPECT_THAT(first, Not(HasSubstr("contained")));
  EXPECT_THAT(narrow, HasSubstr("contained"));
}

TEST(FaultReport, ReportsTheWorstOfRunsThatDiffer) {
  DrillResults results = sample_results();
  results.runs[0] = contained_run(results.runs[0].fault);
  results.runs[0].backend = Backend::kThreads;
  const auto summaries = summarise(results);
  ASSERT_EQ(summaries.size(), 2u);
  EXPECT_EQ(summaries[0].answer, Answer::kProgramDied);
  EXPECT_EQ(summaries[0].answer_count, 1u);
  EXPECT_THAT(print_table(results, {}, 240), HasSubstr("program died 1/2"));
}

TEST(FaultReport, SaysInPlainSentencesWhatACrashCosts) {
  const std::string verdict = print_verdict(sample_results());
  EXPECT_THAT(verdict,
              HasSubstr("Threads contained 0 of 1 faults. 1 ended the program (segv): 5 to 8 tasks"));
  EXPECT_THAT(verdict,
              HasSubstr("Processes contained 1 of 1 faults (segv). A crash cost 1 task and 1 worker;"));
}

TEST(FaultReport, GivesEveryRunAsData) {
  const json document = to_json(sample_results());
  ASSERT_EQ(document["runs"].size(), 4u);
  EXPECT_EQ(document["runs"][0]["answer"], "program died");
  EXPECT_EQ(document["runs"][0]["never_submitted"], 60);
  EXPECT_EQ(document["runs"][0]["program"]["ending"], "was killed by SIGSEGV");
  EXPECT_TRUE(document["runs"][0]["restored_s"].is_null());
  EXPECT_DOUBLE_EQ(document["runs"][1]["restored_s"].get<double>(), 0.004);
}

TEST(PlanDrills, TakesAllFaultsInBothTwinsUnlessTold) {
  const DrillOptions options = plan_drills({}, 1);
  EXPECT_EQ(options.faults.size(), all_faults().size());
  EXPECT_EQ(options.backends.size(), 2u);
  EXPECT_EQ(options.workers, 2);
  EXPECT_EQ(plan_drills({}, 64).workers, 4);
}

TEST(PlanDrills, TakesAFaultThatIsNamedTwiceOnce) {
  FaultsOptions typed;
  typed.faults = {"segv", "kill", "segv"};
  EXPECT_EQ(plan_drills(typed, 2).faults, (std::vector<int>{find_fault("segv"), find_fault("kill")}));
}

TEST(FaultLoad, KnowsTheRightAnswersByAnotherWay) {
  EXPECT_EQ(count_primes(0, 30), 10u);
  EXPECT_EQ(count_primes(1'000'000, 100), 6u);
  for (const LoadTask& task : make_load(3, 500))
    EXPECT_EQ(count_primes(task.first, 500), task.expected) << task.first;
  EXPECT_EQ(make_load(3, 500).front().first, make_load(3, 500).front().first);
  EXPECT_NE(make_load(3, 500).front().first, make_load(4, 500).front().first);
}

}  // namespace
}  // namespace twinpool::bench
