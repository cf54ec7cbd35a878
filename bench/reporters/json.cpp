// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "bench/curve.h"
#include "bench/machine_card.h"
#include "bench/precision.h"
#include "bench/suite_test.h"
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

template <typename T>
json optional_json(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json latency_json(const std::optional<Percentiles>& latency) {
  if (!latency) return nullptr;
  return {{"p50_s", latency->p50}, {"p90_s", latency->p90},
          {"p99_s", latency->p99}, {"p999_s", optional_json(latency->p999)},
          {"max_s", latency->max}, {"n", latency->n}};
}

/// What was asked for; null for a closed loop.
json open_load_json(const Cell& cell) {
  if (!cell.open) return nullptr;
  const OpenLoad& load = *cell.open;
  const auto seconds = [](std::chrono::nanoseconds length) {
    return std::chrono::duration<double>(length).count();
  };
  return {{"rate_percent", load.percent > 0 ? json(load.percent) : json(nullptr)},
          {"rate_tasks_per_s", load.tasks_per_s},
          {"rise_to", load.is_ramp() ? json(load.rise_to) : json(nullptr)},
          {"arrivals", name_of(load.arrivals)},
          {"stall_s", seconds(load.stall)},
          {"stall_every_s", seconds(load.stall_every)},
          {"crash_every_s", seconds(load.crash_every)}};
}

/// The same, with what a share of the capacity came to.
json open_load_json(const CellResult& cell) {
  json load = open_load_json(cell.cell);
  if (load.is_null()) return load;
  load["rate_tasks_per_s"] = cell.rate_tasks_per_s;
  load["capacity_tasks_per_s"] =
      cell.capacity_tasks_per_s > 0 ? json(cell.capacity_tasks_per_s) : json(nullptr);
  return load;
}

/// What an open loop adds to a backend's figures.
json open_side_json(const CellResult& cell, const BackendResult& side) {
  const auto achieved = achieved_share(side);
  if (!cell.cell.open || !achieved) return nullptr;
  return {{"achieved_share", *achieved},
          {"keeps_up", keeps_up(side)},
          {"service", latency_json(service_of(side))},
          {"late_p99_s", *median_of(side, late_p99_of)},
          {"late_max_s", late_max_of(side)},
          {"closed_loop", latency_json(closed_latency_of(side))}};
}

json side_json(const CellResult& cell, const BackendResult& side, int usable_cpus) {
  return {{"backend", name_of(side.backend)},
          {"throughput_tasks_per_s", optional_json(median_of(side, throughput_of))},
          {"throughput_per_cpu_second", optional_json(median_of(side, per_cpu_second_of))},
          {"start_up_s", optional_json(median_of(side, start_up_of))},
          {"effective_parallelism", optional_json(effective_parallelism(cell, side, usable_cpus))},
          {"latency", latency_json(latency_of(side))},
          {"open_loop", open_side_json(cell, side)},
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

std::string_view name_of_verdict(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kDiffers:
      return "differs";
    case Verdict::kNotResolved:
      break;
  }
  return "not resolved";
}

/// What the pairs say of the throughputs.
json judgement_json(const CellResult& cell, const Plan& plan, int usable_cpus,
                    const std::optional<SuiteTest::One>& tested) {
  const bool judged = cell.sides.size() == 2;
  const auto judgement = judged ? judgement_of(cell, usable_cpus) : std::nullopt;
  json value{{"verdict", nullptr},
             {"more_pairs", nullptr},
             {"smallest_effect", optional_json(judged ? smallest_effect_of(cell) : std::nullopt)},
             {"half_width", optional_json(half_width_of(cell))},
             {"precision_reached", optional_json(reached_precision(cell, plan))},
             {"p", nullptr},
             {"p_holm", nullptr},
             {"differs_in_suite", nullptr}};
  if (judgement) {
    value["verdict"] = name_of_verdict(judgement->verdict);
    value["more_pairs"] = optional_json(judgement->more_pairs);
  }
  if (tested) {
    value["p"] = tested->p;
    value["p_holm"] = tested->adjusted;
    value["differs_in_suite"] = tested->differs;
  }
  return value;
}

json cell_json(const CellResult& cell, int usable_cpus) {
  json order = json::array();
  for (const Backend backend : cell.order) order.push_back(name_of(backend));
  json sides = json::array();
  for (const BackendResult& side : cell.sides) sides.push_back(side_json(cell, side, usable_cpus));
  const CellFinding finding = find(cell, usable_cpus);
  json value{{"tasks", cell.tasks},
             {"open_loop", open_load_json(cell)},
             {"complete", cell.complete},
             {"foreign_cpu", cell.foreign_cpu},
             {"family", cell.cell.workload->family},
             {"why", cell.cell.workload->why},
             {"expectation", compare_with_expectation(cell, finding)},
             {"expected", name_of(cell.cell.workload->expected)},
             {"margin", cell.cell.workload->margin},
             {"finding", name_of(finding)},
             {"processes_over_threads",
              {{"throughput", ratio_json(ratio_of(cell, throughput_of))},
               {"throughput_per_cpu_second", ratio_json(ratio_of(cell, per_cpu_second_of))},
               {"start_up", ratio_json(ratio_of(cell, start_up_of))},
               {"p50", ratio_json(ratio_of(cell, p50_of))},
               {"p99", ratio_json(ratio_of(cell, p99_of))}}},
             {"order", order},
             {"backends", sides},
             {"problems", cell.problems},
             {"crashes", cell.crashes}};
  value.update(cell_key_json(cell.cell));
  return value;
}

json control_json(const Control& control) {
  json pairs = json::array();
  for (const PairedValue& pair : control.pairs) pairs.push_back({pair.threads, pair.processes});
  return pairs;
}

json suite_json(const SuiteTest& suite) {
  return {{"alpha", kSuiteAlpha},
          {"tests", suite.tests},
          {"fewest_pairs", suite.fewest_pairs},
          {"needed_pairs", suite.needed_pairs}};
}

}  // namespace

json cell_key_json(const Cell& cell) {
  return {{"workload", cell.workload->name},
          {"workers", cell.workers},
          {"window", cell.window},
          {"payload_bytes", cell.payload_bytes},
          {"max_shared_bytes", cell.max_shared_bytes},
          {"priority", optional_json(cell.priority)},
          {"strategy", name_of(cell.strategy)},
          {"stealing", cell.stealing},
          {"planted", cell.planted},
          {"aa", cell.twice ? json(name_of(*cell.twice)) : json(nullptr)},
          {"parameters", parameters_json(cell)}};
}

json options_json(const Plan& plan) {
  json backends = json::array(), cells = json::array();
  for (const Backend backend : plan.backends) backends.push_back(name_of(backend));
  for (const Cell& cell : plan.cells) {
    cells.push_back(cell_key_json(cell));
    cells.back()["open_loop"] = open_load_json(cell);
  }
  return {{"backends", backends},
          {"trials", plan.trials},
          {"tasks", optional_json(plan.tasks)},
          {"round_length_s", std::chrono::duration<double>(plan.round_length).count()},
          {"load", plan.load},
          {"max_time_s", optional_json(plan.max_time_s)},
          {"input", plan.input},
          {"interval", name_of(plan.judging.interval)},
          {"margin", plan.judging.margin},
          {"precision", optional_json(plan.precision)},
          {"precision_asked", plan.precision_asked},
          {"stretched_round_s", std::chrono::duration<double>(plan.stretched_round).count()},
          {"cells", cells}};
}

json make_report(const BenchResults& results, const std::vector<std::string>& command) {
  json cells = json::array();
  const SuiteTest suite = test_suite(results);
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    cells.push_back(cell_json(results.cells[i], results.usable_cpus));
    cells.back()["judgement"] =
        judgement_json(results.cells[i], results.plan, results.usable_cpus, suite.cells[i]);
  }
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
          {"suite", suite_json(suite)},
          {"cells", cells},
          {"curves", find_curves(results)}};
}

std::string print_document(const nlohmann::json& document) {
  return document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace twinpool::bench
