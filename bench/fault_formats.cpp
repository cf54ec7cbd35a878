// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_formats.h"

#include <fmt/format.h>

#include "bench/fault_report.h"
#include "bench/formats/junit_document.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

std::string seconds(const std::optional<double>& time) {
  return time ? fmt::format("{}", *time) : std::string();
}

std::string ending_of(const DrillRun& run) {
  if (run.program_survived) return "ran on";
  switch (run.end.how) {
    case TrialEnd::How::kExited:
      return fmt::format("exit {}", run.end.exit_status);
    case TrialEnd::How::kKilled:
      return fmt::format("signal {}", run.end.signal);
    case TrialEnd::How::kDeadline:
      return "hung";
    case TrialEnd::How::kInterrupted:
      break;
  }
  return "interrupted";
}

}  // namespace

std::string write_faults_csv(const DrillResults& results) {
  std::string text =
      "fault,backend,repeat,answer,program,workers,tasks,submitted,delivered,failed,lost,hung,wrong,refused,"
      "workers_lost,"
      "workers_stuck,full_strength,noticed_s,restored_s,gap_before_s,gap_after_s\n";
  for (const DrillRun& run : results.runs) {
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                        name_of_fault(run.fault), name_of(run.backend), run.repeat, name_of(judge(run)),
                        ending_of(run), run.workers, run.tasks, run.submitted, run.delivered, run.failed,
                        run.lost, run.hung, run.wrong, run.refused, run.workers_lost, run.workers_stuck,
                        run.full_strength, seconds(run.noticed_s), seconds(run.restored_s),
                        seconds(run.gap_before_s), seconds(run.gap_after_s));
  }
  return text;
}

std::string write_faults_markdown(const DrillResults& results) {
  std::string text = fmt::format(
      "### twinpool faults\n\n{} workers, {} tasks, {} runs of each fault, seed {}\n\n"
      "| fault | backend | answer | failed | lost | hung | back in |\n|---|---|---|--:|--:|--:|--:|\n",
      results.options.workers, results.options.tasks, results.options.repeats, results.options.seed);
  for (const DrillSummary& summary : summarise(results)) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", name_of_fault(summary.fault),
                        name_of(summary.backend), name_of(summary.answer),
                        range_of(summary, &DrillRun::failed), range_of(summary, &DrillRun::lost),
                        range_of(summary, &DrillRun::hung), median_of(summary, &DrillRun::restored_s));
  }
  return text + "\n" + print_verdict(results);
}

std::string write_faults_junit(const DrillResults& results) {
  std::vector<TestCase> cases;
  std::vector<std::pair<std::string, std::string>> properties{{"version", kVersion}};
  for (const DrillSummary& summary : summarise(results)) {
    TestCase test{.classname = fmt::format("twinpool.faults.{}", name_of_fault(summary.fault)),
                  .name = std::string(name_of(summary.backend))};
    properties.emplace_back(fmt::format("{}.{}", name_of_fault(summary.fault), test.name),
                            std::string(name_of(summary.answer)));
    for (const DrillRun* run : summary.runs) {
      if (run->wrong == 0 && run->imbalance.empty()) continue;
      test.answer = TestCase::Answer::kFailure;
      test.type = run->wrong != 0 ? "wrong-result" : "imbalance";
      test.message = run->wrong != 0
                         ? fmt::format("{} results of run {} are wrong", run->wrong, run->repeat + 1)
                         : run->imbalance;
    }
    cases.push_back(std::move(test));
  }
  return write_junit_document("twinpool faults", cases, properties, 0);
}

}  // namespace twinpool::bench
