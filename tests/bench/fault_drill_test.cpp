// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_drill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "bench/cli.h"
#include "bench/fault_report.h"
#include "bench/faults/disturbance.h"
#include "bench/faults/load.h"
#include "bench/faults_command.h"
#include "bench/rate_drill.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::Contains;
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
  run.noticed_s = 0.001;
  run.restored_s = 0.004;
  run.delayed = 3;
  run.dip_tasks = 6.4;
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

  DrillRun stopped = died_run(0);
  stopped.stood_still = true;
  stopped.end.signal = SIGKILL;
  EXPECT_EQ(judge(stopped), Answer::kProgramHung);
}

TEST(Judge, AsksWhoFeltWhatTheTaskLeftBehind) {
  DrillRun calm = contained_run(0);
  calm.lost = 0;
  calm.delivered = 100;
  calm.faulty_delivered = 1;
  calm.workers_lost = 0;
  EXPECT_EQ(judge(calm), Answer::kContained);

  DrillRun tainted = calm;
  tainted.spoilt_same = 5;
  EXPECT_EQ(judge(tainted), Answer::kWorkerTainted);

  DrillRun spread = tainted;
  spread.spoilt_others = 1;
  EXPECT_EQ(judge(spread), Answer::kSpread);

  DrillRun another_lost = calm;
  another_lost.delivered = 99;
  another_lost.lost = 1;
  EXPECT_EQ(judge(another_lost), Answer::kSpread) << "the faulty task is not the one that was lost";
}

TEST(Judge, ExpectsAsManyFaultyTasksAsTheFaultHas) {
  DrillRun two_stuck = contained_run(0);
  two_stuck.faulty_tasks = 2;
  two_stuck.delivered = 98;
  two_stuck.lost = 0;
  two_stuck.hung = two_stuck.workers_stuck = 2;
  two_stuck.full_strength = false;
  EXPECT_EQ(judge(two_stuck), Answer::kWorkerStuck);
  two_stuck.faulty_tasks = 1;
  EXPECT_EQ(judge(two_stuck), Answer::kSpread);
}

TEST(Faults, WriteDownWhatTheirAuthorsExpect) {
  for (const Fault* fault : all_faults()) {
    SCOPED_TRACE(fault->name);
    EXPECT_EQ(&fault_at(find_fault(fault->name)), fault);
    EXPECT_NE(fault->strike, nullptr);
    for (const Backend backend : kBackends) {
      EXPECT_FALSE(fault->expected_in(backend).why.empty());
      EXPECT_LE(fault->expected_in(backend).best, fault->expected_in(backend).worst);
    }
  }
}

constexpr std::int64_t kMs = 1'000'000;

/// A task each millisecond, each of them unsettled for 4 ms, up to `until_ms`.
std::vector<Feed::Settled> steady_log(std::int64_t until_ms) {
  std::vector<Feed::Settled> log;
  for (std::int64_t ms = 1; ms <= until_ms; ++ms) log.push_back({(ms - 4) * kMs, ms * kMs, false, true});
  return log;
}

TEST(Disturbance, FindsNoneWhereNothingChanged) {
  const auto log = steady_log(300);
  const Disturbance found = find_disturbance(log, {0, 100 * kMs, 0, 300 * kMs}, log.size());
  EXPECT_DOUBLE_EQ(found.median_latency_s, 0.004);
  EXPECT_EQ(found.delayed, 0u);
  EXPECT_NEAR(found.dip_tasks, 0, 1e-6);
}

TEST(Disturbance, CountsTheTasksThatAStallCostsAndThoseThatItMadeLate) {
  auto log = steady_log(100);
  // Nothing for 50 ms, then as before; the first task waited over the stall.
  for (std::int64_t ms = 150; ms <= 300; ++ms) log.push_back({(ms - 4) * kMs, ms * kMs, false, true});
  log[100].submitted_ns = 99 * kMs;
  const Disturbance found = find_disturbance(log, {0, 100 * kMs, 130 * kMs, 300 * kMs}, log.size());
  EXPECT_EQ(found.delayed, 1u);
  // From the 101st to the 149th millisecond: 49 tasks fewer, within the 100 ms after the fault.
  EXPECT_NEAR(found.dip_tasks, 49, 1e-6);
}

TEST(Disturbance, NeverExceedsWhatWasLeftOfTheLoad) {
  const auto log = steady_log(100);
  const Disturbance found = find_disturbance(log, {0, 100 * kMs, 0, 1'100 * kMs}, 108);
  EXPECT_NEAR(found.dip_tasks, 8, 1e-6);
}

TEST(Disturbance, SaysNothingWithoutAnythingToCompareWith) {
  const Disturbance found = find_disturbance({}, {0, 100 * kMs, 0, 300 * kMs}, 10);
  EXPECT_EQ(found.delayed, 0u);
  EXPECT_EQ(found.dip_tasks, 0);
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

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    widest = std::max(widest, end - begin);
    begin = end + 1;
  }
  return widest;
}

TEST(FaultReport, KeepsWithinAHundredColumnsWhateverTheFigures) {
  DrillResults results;
  results.options.repeats = 2;
  for (int fault = 0; fault < static_cast<int>(all_faults().size()); ++fault) {
    results.options.faults.push_back(fault);
    results.runs.push_back(died_run(fault));
    results.runs.push_back(contained_run(fault));
    DrillRun spread = contained_run(fault);
    spread.spoilt_others = 123;
    spread.residue.threads = 2;
    spread.residue.descriptors = 1;
    spread.residue.shared_memory = 1;
    results.runs.push_back(spread);
  }
  EXPECT_LE(widest_line(print_table(results, {}, 100)), 100u);
  EXPECT_LE(widest_line(print_verdict(results)), 100u);
}

TEST(FaultReport, ShowsDelaysDipAndResidue) {
  DrillResults results = sample_results();
  results.runs[1].residue.threads = 2;
  results.runs[1].residue.descriptors = 1;
  const auto summaries = summarise(results);
  ASSERT_EQ(summaries.size(), 2u);
  EXPECT_EQ(dip_of(summaries[0]), "all") << "of a program that died, all is lost";
  EXPECT_EQ(delayed_of(summaries[0]), "-");
  EXPECT_EQ(residue_of(summaries[0]), "none");
  EXPECT_EQ(dip_of(summaries[1]), "6");
  EXPECT_EQ(delayed_of(summaries[1]), "3");
  EXPECT_EQ(residue_of(summaries[1]), "2 threads, 1 fd");
  EXPECT_THAT(print_verdict(results), HasSubstr("Left behind: segv in processes 2 threads, 1 fd."));
}

TEST(FaultReport, NamesASurprise) {
  DrillResults results = sample_results();
  EXPECT_THAT(print_verdict(results), HasSubstr("Every answer was as expected."));
  results.runs[1].spoilt_others = 1;
  EXPECT_THAT(print_verdict(results),
              HasSubstr("Surprise: segv in processes was 'spread'; expected was 'contained'"));
  EXPECT_THAT(print_table(results, {}, 240), HasSubstr("spread 1/2 !"));
}

TEST(FaultReport, SaysWhyThereIsNoRun) {
  DrillResults results;
  results.options.faults = {find_fault("supervisor-killed")};
  DrillRun skipped;
  skipped.backend = Backend::kProcesses;
  skipped.fault = results.options.faults[0];
  skipped.skipped = "this machine has none";
  results.runs = {skipped};
  const std::string table = print_table(results, {}, 240);
  EXPECT_THAT(table, HasSubstr("does not apply"));
  EXPECT_THAT(table, HasSubstr("skipped"));
  const std::string verdict = print_verdict(results);
  EXPECT_THAT(verdict, HasSubstr("threads have no supervisor"));
  EXPECT_THAT(verdict, HasSubstr("this machine has none"));
  EXPECT_EQ(to_json(results)["absent"].size(), 2u);
}

RateRun rate_run(Backend backend, std::uint64_t every, std::uint64_t delivered) {
  RateRun run;
  run.backend = backend;
  run.fault = find_fault("segv");
  run.workers = 2;
  run.every = every;
  run.duration_s = run.elapsed_s = 2;
  run.submitted = run.delivered = delivered;
  run.program_survived = true;
  return run;
}

TEST(RateReport, ComparesWithAndWithoutFaults) {
  DrillResults results;
  results.options.faults = {find_fault("segv")};
  results.options.every = 100;
  results.options.duration = std::chrono::seconds(2);
  RateRun struck = rate_run(Backend::kProcesses, 100, 1'900);
  struck.fired = struck.lost = struck.worker_deaths = struck.restarts = 19;
  struck.submitted += 19;
  RateRun died = rate_run(Backend::kThreads, 100, 99);
  died.program_survived = false;
  died.fired = 1;
  died.lost = 8;
  died.submitted += 8;
  results.rates = {rate_run(Backend::kThreads, 0, 2'000), died, rate_run(Backend::kProcesses, 0, 2'000),
                   struck};
  const std::string table = print_rate_table(results);
  EXPECT_THAT(table, HasSubstr("-5.0 %"));
  // A thin space in a number is two bytes longer than it is wide.
  EXPECT_LE(widest_line(table), 104u);
  const std::string verdict = print_rate_verdict(results);
  EXPECT_THAT(verdict, HasSubstr("Threads, segv every 100 tasks: the program ended in 1 of 1 run, after 99"));
  EXPECT_THAT(verdict, HasSubstr("Processes, segv every 100 tasks: 19 faults cost 19 tasks and 19 workers"));
  EXPECT_THAT(verdict, HasSubstr("changed by -5.0 % (1 pair"));
  EXPECT_THAT(verdict, HasSubstr("The books balance"));
  EXPECT_DOUBLE_EQ(to_json(results)["rates"][3]["throughput_tasks_per_s"].get<double>(), 950);
  for (int more = 0; more < 5; ++more) {
    results.rates.push_back(rate_run(Backend::kProcesses, 0, 2'000));
    results.rates.push_back(struck);
  }
  EXPECT_THAT(print_rate_verdict(results), HasSubstr("95 % CI -5.0 %"));
  results.rates[3].imbalance = "not so";
  EXPECT_THAT(print_rate_verdict(results), Not(HasSubstr("The books balance")));
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

TEST(PlanDrills, TakesAStandardSetInBothTwinsUnlessTold) {
  const DrillOptions options = plan_drills({}, 1);
  EXPECT_THAT(options.faults, Contains(find_fault("segv")));
  EXPECT_LT(options.faults.size(), all_faults().size());
  EXPECT_EQ(options.backends.size(), 2u);
  EXPECT_EQ(options.workers, 2);
  EXPECT_EQ(plan_drills({}, 64).workers, 4);
}

TEST(PlanDrills, KnowsAllFaultsByOneWord) {
  FaultsOptions typed;
  typed.faults = {"all", "segv"};
  EXPECT_EQ(plan_drills(typed, 2).faults.size(), all_faults().size());
  typed.workers = "1";
  EXPECT_THAT(plan_drills(typed, 2).faults, Not(Contains(find_fault("deadlock"))));
}

TEST(PlanDrills, RunsARateOnceForTenSeconds) {
  FaultsOptions typed;
  typed.faults = {"segv"};
  typed.every = "1k";
  const DrillOptions options = plan_drills(typed, 2);
  EXPECT_EQ(options.every, 1000u);
  EXPECT_EQ(options.duration, std::chrono::seconds(10));
  EXPECT_EQ(options.repeats, 1);
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
