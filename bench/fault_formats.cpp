// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_formats.h"

#include <fmt/format.h>

#include <optional>

#include "bench/fault_report.h"
#include "bench/formats/junit_document.h"
#include "bench/rate_drill.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

template <typename Value>
std::string or_nothing(const std::optional<Value>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

TestCase case_of(const RateRun& run) {
  TestCase test{.classname = fmt::format("twinpool.faults.{}", name_of_fault(run.fault)),
                .name = fmt::format("{} every {} run {}", name_of(run.backend), run.every, run.repeat + 1)};
  if (run.wrong == 0 && run.imbalance.empty()) return test;
  test.answer = TestCase::Answer::kFailure;
  test.type = run.wrong != 0 ? "wrong-result" : "imbalance";
  test.message = run.wrong != 0 ? fmt::format("{} results are wrong", run.wrong) : run.imbalance;
  return test;
}

}  // namespace

std::string write_faults_csv(const DrillResults& results) {
  if (results.options.every != 0) return write_rates_csv(results);
  std::string text =
      "fault,backend,repeat,answer,as_expected,program,workers,tasks,submitted,delivered,failed,lost,hung,"
      "wrong,"
      "refused,"
      "spoilt,spoilt_others,delayed,dip_tasks,workers_lost,workers_stuck,full_strength,noticed_s,restored_s,"
      "gap_before_s,gap_after_s,left_processes,left_threads,left_descriptors,left_shared_memory,left_core_"
      "files\n";
  for (const DrillRun& run : results.runs) {
    if (!run.skipped.empty()) continue;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},", name_of_fault(run.fault),
                        name_of(run.backend), run.repeat, name_of(judge(run)), !is_surprise(run),
                        ending_of(run), run.workers, run.tasks, run.submitted, run.delivered, run.failed,
                        run.lost, run.hung, run.wrong, run.refused, run.spoilt_same + run.spoilt_others,
                        run.spoilt_others, or_nothing(run.delayed), or_nothing(run.dip_tasks));
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", run.workers_lost, run.workers_stuck,
                        run.full_strength, or_nothing(run.noticed_s), or_nothing(run.restored_s),
                        or_nothing(run.gap_before_s), or_nothing(run.gap_after_s), run.residue.processes,
                        run.residue.threads, run.residue.descriptors, run.residue.shared_memory,
                        run.residue.core_files);
  }
  return text;
}

std::string write_faults_markdown(const DrillResults& results) {
  if (results.options.every != 0) return write_rates_markdown(results);
  std::string text = fmt::format(
      "### twinpool faults\n\n{} workers, {} tasks, {} runs of each fault, seed {}\n\n"
      "| fault | backend | answer | as expected | program | failed | lost | hung | spoilt | delayed | "
      "noticed | "
      "back in | gap | dip | left |\n|---|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
      results.options.workers, results.options.tasks, results.options.repeats, results.options.seed);
  for (const DrillSummary& summary : summarise(results)) {
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        name_of_fault(summary.fault), name_of(summary.backend), name_of(summary.answer),
        summary.surprise ? "no" : "yes", ending_of(*summary.runs.back()),
        range_of(summary, &DrillRun::failed), range_of(summary, &DrillRun::lost),
        range_of(summary, &DrillRun::hung),
        range_of(summary, [](const DrillRun* run) { return run->spoilt_same + run->spoilt_others; }),
        delayed_of(summary), median_of(summary, &DrillRun::noticed_s),
        median_of(summary, &DrillRun::restored_s), median_of(summary, &DrillRun::gap_after_s),
        dip_of(summary), residue_of(summary));
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
    if (summary.surprise)
      properties.emplace_back(fmt::format("{}.{}.surprise", name_of_fault(summary.fault), test.name), "yes");
    cases.push_back(std::move(test));
  }
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      const std::string why = find_absence(results, fault, backend);
      if (!why.empty())
        cases.push_back({.classname = fmt::format("twinpool.faults.{}", name_of_fault(fault)),
                         .name = std::string(name_of(backend)),
                         .answer = TestCase::Answer::kSkipped,
                         .type = "absent",
                         .message = why});
    }
  }
  for (const RateRun& run : results.rates) cases.push_back(case_of(run));
  return write_junit_document("twinpool faults", cases, properties, 0);
}

}  // namespace twinpool::bench
