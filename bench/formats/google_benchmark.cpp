// SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "bench/cell_name.h"
#include "bench/formats/finite.h"
#include "bench/formats/format.h"
#include "bench/machine_card.h"
#include "bench/version.h"

// Source: google/benchmark docs/tools.md and src/json_reporter.cc, schema version 1. `real_time` is the time
// per task, since its readers take smaller for better. `context.caches` must be there for Bencher's reader.
namespace twinpool::bench {
namespace {

using nlohmann::json;

json context() {
  const MachineCard card = read_machine_card();
  const bool release =
      std::string_view(kBuildType) == "Release" || std::string_view(kBuildType) == "RelWithDebInfo";
  return {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%S+00:00}", fmt::gmtime(std::time(nullptr)))},
          {"host_name", host_name()},
          {"executable", "twinpool"},
          {"num_cpus", card.cpus.usable},
          {"mhz_per_cpu", 0},
          {"cpu_scaling_enabled", false},
          {"caches", json::array()},
          {"load_avg", {card.load_1min}},
          {"library_build_type", release ? "release" : "debug"},
          {"json_schema_version", 1}};
}

struct Times {
  std::vector<double> real_ns, cpu_ns;
};

Times times_of(const BackendResult& side) {
  Times times;
  for (const Sample& sample : side.samples) {
    const auto tasks = static_cast<double>(sample.tasks);
    if (tasks <= 0 || !std::isfinite(sample.wall_s) || !std::isfinite(sample.cpu_s())) continue;
    times.real_ns.push_back(sample.wall_s / tasks * 1e9);
    times.cpu_ns.push_back(sample.cpu_s() / tasks * 1e9);
  }
  return times;
}

/// What all entries of one backend of one cell have alike.
json entry(const std::string& name, std::size_t family, std::size_t instance, std::size_t repetitions) {
  return {{"name", name},
          {"family_index", family},
          {"per_family_instance_index", instance},
          {"run_name", name},
          {"repetitions", repetitions},
          {"threads", 1},  // of the benchmark's own driver; the workers are part of the name
          {"time_unit", "ns"}};
}

void add_iteration(json& list, json one, const CellResult& cell, const BackendResult& side,
                   std::size_t repetition, double real_ns, double cpu_ns) {
  one["run_type"] = "iteration";
  one["repetition_index"] = repetition;
  one["iterations"] = cell.tasks;
  put(one, "real_time", real_ns);
  put(one, "cpu_time", cpu_ns);
  put(one, "items_per_second", real_ns > 0 ? std::optional(1e9 / real_ns) : std::nullopt);
  if (side.peak) one["pss_bytes"] = side.peak->pss_bytes;
  list.push_back(std::move(one));
}

void add_aggregates(json& list, const json& base, const Times& times) {
  const auto add = [&](const char* what, const char* unit, double real, double cpu) {
    if (!std::isfinite(real) || !std::isfinite(cpu)) return;
    json one = base;
    one["name"] = base.at("name").get<std::string>() + "_" + what;
    one["run_type"] = "aggregate";
    one["aggregate_name"] = what;
    one["aggregate_unit"] = unit;
    one["iterations"] = times.real_ns.size();
    one["real_time"] = real;
    one["cpu_time"] = cpu;
    list.push_back(std::move(one));
  };
  add("mean", "time", mean(times.real_ns), mean(times.cpu_ns));
  add("median", "time", median(times.real_ns), median(times.cpu_ns));
  if (times.real_ns.size() < 2) return;
  const double real = standard_deviation(times.real_ns), cpu = standard_deviation(times.cpu_ns);
  add("stddev", "time", real, cpu);
  add("cv", "percentage", real / mean(times.real_ns), cpu / mean(times.cpu_ns));
}

std::string write(const Report& report, bool flat) {
  json list = json::array();
  for (std::size_t family = 0; family < report.results.cells.size(); ++family) {
    const CellResult& cell = report.results.cells[family];
    for (std::size_t instance = 0; instance < cell.sides.size(); ++instance) {
      const BackendResult& side = cell.sides[instance];
      const Times times = times_of(side);
      if (times.real_ns.empty()) continue;
      const json base = entry(name_of(cell.cell, name_of(side.backend)) + "/real_time", family, instance,
                              flat ? 1 : times.real_ns.size());
      if (flat) {
        add_iteration(list, base, cell, side, 0, median(times.real_ns), median(times.cpu_ns));
        continue;
      }
      for (std::size_t i = 0; i < times.real_ns.size(); ++i)
        add_iteration(list, base, cell, side, i, times.real_ns[i], times.cpu_ns[i]);
      add_aggregates(list, base, times);
    }
  }
  return json{{"context", context()}, {"benchmarks", list}}.dump(1) + "\n";
}

}  // namespace

std::string write_google_benchmark(const Report& report) { return write(report, false); }
std::string write_google_benchmark_flat(const Report& report) { return write(report, true); }

}  // namespace twinpool::bench
