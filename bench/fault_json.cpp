// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>
#include <string>

#include "bench/fault_report.h"
#include "bench/rate_drill.h"

namespace twinpool::bench {
namespace {

template <typename Value>
nlohmann::json or_null(const std::optional<Value>& value) {
  return value ? nlohmann::json(*value) : nullptr;
}

nlohmann::json to_json(const Expectation& expected) {
  return {{"best", name_of(expected.best)}, {"worst", name_of(expected.worst)}, {"why", expected.why}};
}

nlohmann::json to_json(const DrillRun& run) {
  nlohmann::json program = program_json(run.end, run.program_survived);
  program["gone_s"] = or_null(run.gone_s);
  return {{"fault", name_of_fault(run.fault)},
          {"backend", name_of(run.backend)},
          {"repeat", run.repeat},
          {"answer", run.skipped.empty() ? nlohmann::json(name_of(judge(run))) : nlohmann::json()},
          {"expected", to_json(fault_at(run.fault).expected_in(run.backend))},
          {"surprise", run.skipped.empty() && is_surprise(run)},
          {"skipped", run.skipped},
          {"strike_at", run.strike_at},
          {"submitted", run.submitted},
          {"delivered", run.delivered},
          {"failed", run.failed},
          {"lost", run.lost},
          {"hung", run.hung},
          {"never_submitted", run.tasks - run.submitted},
          {"wrong", run.wrong},
          {"refused", run.refused},
          {"faulty_tasks", run.faulty_tasks},
          {"spoilt", run.spoilt_same + run.spoilt_others},
          {"spoilt_others", run.spoilt_others},
          {"delayed", or_null(run.delayed)},
          {"dip_tasks", or_null(run.dip_tasks)},
          {"residue",
           {{"processes", run.residue.processes},
            {"threads", run.residue.threads},
            {"descriptors", run.residue.descriptors},
            {"shared_memory", run.residue.shared_memory},
            {"core_files", run.residue.core_files}}},
          {"fired", run.fired},
          {"program", program},
          {"workers_lost", run.workers_lost},
          {"workers_stuck", run.workers_stuck},
          {"full_strength", run.full_strength},
          {"noticed_s", or_null(run.noticed_s)},
          {"restored_s", or_null(run.restored_s)},
          {"gap_before_s", or_null(run.gap_before_s)},
          {"gap_after_s", or_null(run.gap_after_s)},
          {"imbalance", run.imbalance},
          {"trial", run.trial}};
}

}  // namespace

nlohmann::json program_json(const TrialEnd& end, bool survived) {
  return {{"survived", survived},
          {"ending", describe(end)},
          {"exit_status", end.exit_status},
          {"signal", end.signal},
          {"wall_s", end.wall_s},
          {"left_over_processes", end.left_over},
          {"output", end.output}};
}

nlohmann::json to_json(const DrillResults& results) {
  nlohmann::json faults = nlohmann::json::array();
  for (const int fault : results.options.faults) faults.push_back(name_of_fault(fault));
  nlohmann::json backends = nlohmann::json::array();
  for (const Backend backend : results.options.backends) backends.push_back(name_of(backend));
  nlohmann::json runs = nlohmann::json::array();
  for (const DrillRun& run : results.runs) runs.push_back(to_json(run));
  nlohmann::json rates = nlohmann::json::array();
  for (const RateRun& run : results.rates) rates.push_back(to_json(run));
  nlohmann::json absent = nlohmann::json::array();
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      const std::string why = find_absence(results, fault, backend);
      if (!why.empty())
        absent.push_back({{"fault", name_of_fault(fault)}, {"backend", name_of(backend)}, {"why", why}});
    }
  }
  return {{"options",
           {{"faults", faults},
            {"backends", backends},
            {"workers", results.options.workers},
            {"tasks", results.options.tasks},
            {"repeats", results.options.repeats},
            {"seed", results.options.seed},
            {"window", kWindowPerWorker * static_cast<std::uint64_t>(results.options.workers)},
            {"task_span", results.span},
            {"every", results.options.every},
            {"rate_tasks_per_s", results.options.rate_tasks_per_s},
            {"run_limit_s", std::chrono::duration<double>(results.options.run_limit).count()},
            {"duration_s", std::chrono::duration<double>(results.options.duration).count()}}},
          {"partial", results.interrupted},
          {"runs", runs},
          {"rates", rates},
          {"absent", absent}};
}

}  // namespace twinpool::bench
