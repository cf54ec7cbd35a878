// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "bench/machine_card.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;

json ratio_json(const std::optional<RatioEstimate>& ratio) {
  if (!ratio) return nullptr;
  json value{{"ratio", ratio->ratio}, {"pairs", ratio->n}};
  if (ratio->has_interval()) {  // without one its ends are 0 and infinity, which JSON cannot say
    value["low"] = ratio->low;
    value["high"] = ratio->high;
    value["coverage"] = ratio->coverage;
  }
  return value;
}

json memory_json(const std::optional<MemoryUse>& use) {
  if (!use) return nullptr;
  return {{"pss_bytes", use->pss_bytes},
          {"uss_bytes", use->uss_bytes},
          {"rss_bytes", use->rss_bytes},
          {"pss_shmem_bytes", use->pss_shmem_bytes},
          {"processes", use->processes}};
}

json latency_json(const BackendResult& side) {
  const auto latency = latency_of(side);
  if (!latency) return nullptr;
  return {{"p50_s", latency->p50},
          {"p90_s", latency->p90},
          {"p99_s", latency->p99},
          {"max_s", latency->max},
          {"n", latency->n}};
}

template <typename T>
json optional_json(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json side_json(const CellResult& cell, const BackendResult& side, int usable_cpus) {
  return {{"backend", name_of(side.backend)},
          {"throughput_tasks_per_s", optional_json(median_of(side, throughput_of))},
          {"throughput_per_cpu_second", optional_json(median_of(side, per_cpu_second_of))},
          {"start_up_s", optional_json(median_of(side, start_up_of))},
          {"effective_parallelism", optional_json(effective_parallelism(cell, side, usable_cpus))},
          {"latency", latency_json(side)},
          {"memory_at_rest", memory_json(side.rest)},
          {"memory_at_peak", memory_json(side.peak)},
          {"samples", side.samples}};
}

json parameters_json(const Cell& cell) {
  json values = json::object();
  for (std::size_t i = 0; i < cell.parameters.size(); ++i)
    values[std::string(cell.workload->parameters[i].name)] = cell.parameters[i];
  return values;
}

json cell_json(const CellResult& cell, int usable_cpus) {
  json order = json::array();
  for (const Backend backend : cell.order) order.push_back(name_of(backend));
  json sides = json::array();
  for (const BackendResult& side : cell.sides) sides.push_back(side_json(cell, side, usable_cpus));
  const CellFinding finding = find(cell, usable_cpus);
  return {{"workload", cell.cell.workload->name},
          {"workers", cell.cell.workers},
          {"window", cell.cell.window},
          {"payload_bytes", cell.cell.payload_bytes},
          {"max_shared_bytes", cell.cell.max_shared_bytes},
          {"priority", optional_json(cell.cell.priority)},
          {"strategy", name_of(cell.cell.strategy)},
          {"stealing", cell.cell.stealing},
          {"planted", cell.cell.planted},
          {"tasks", cell.tasks},
          {"complete", cell.complete},
          {"foreign_cpu", cell.foreign_cpu},
          {"parameters", parameters_json(cell.cell)},
          {"family", cell.cell.workload->family},
          {"why", cell.cell.workload->why},
          {"expectation", compare_with_expectation(cell, finding)},
          {"expected", name_of(cell.cell.workload->expected)},
          {"margin", cell.cell.workload->margin},
          {"finding", name_of(finding)},
          {"processes_over_threads",
           {{"throughput", ratio_json(ratio_of(cell, throughput_of))},
            {"throughput_per_cpu_second", ratio_json(ratio_of(cell, per_cpu_second_of))},
            {"start_up", ratio_json(ratio_of(cell, start_up_of))}}},
          {"order", order},
          {"backends", sides},
          {"problems", cell.problems},
          {"crashes", cell.crashes}};
}

json control_json(const Control& control) {
  json pairs = json::array();
  for (const PairedValue& pair : control.pairs) pairs.push_back({pair.threads, pair.processes});
  return pairs;
}

json options_json(const Plan& plan) {
  json backends = json::array();
  for (const Backend backend : plan.backends) backends.push_back(name_of(backend));
  return {{"backends", backends},
          {"trials", plan.trials},
          {"tasks", optional_json(plan.tasks)},
          {"round_length_s", std::chrono::duration<double>(plan.round_length).count()},
          {"load", plan.load},
          {"max_time_s", optional_json(plan.max_time_s)},
          {"input", plan.input}};
}

}  // namespace

json make_report(const BenchResults& results, const std::vector<std::string>& command) {
  json cells = json::array();
  for (const CellResult& cell : results.cells) cells.push_back(cell_json(cell, results.usable_cpus));
  return {{"schema_version", kSchemaVersion},
          {"kind", "bench"},
          {"version", kVersion},
          {"build_type", kBuildType},
          {"command", command},
          {"finished_at", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
          {"wall_s", results.wall_s},
          {"partial", results.partial()},
          {"seed", results.plan.seed},
          {"machine", read_machine_card()},
          {"options", options_json(results.plan)},
          {"noise",
           {{"foreign_cpu", results.foreign_cpu},
            {"cpu_pressure_avg60", optional_json(results.pressure)},
            {"reruns", results.reruns},
            {"control_ratio", ratio_json(control_ratio(results))},
            {"control_before", control_json(results.control_before)},
            {"control_after", control_json(results.control_after)}}},
          {"cells", cells}};
}

std::string print_document(const nlohmann::json& document) {
  return document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace twinpool::bench
