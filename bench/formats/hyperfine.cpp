// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "bench/cell_name.h"
#include "bench/formats/finite.h"
#include "bench/formats/format.h"

// Source: hyperfine, src/benchmark/benchmark_result.rs. One "run" is the measured stretch of one trial: the
// same number of tasks in every run of a cell, so the times compare. Only trials that ended well give a
// sample, hence their exit codes.
namespace twinpool::bench {
namespace {

using nlohmann::json;

json result_of(const CellResult& cell, const BackendResult& side) {
  std::vector<double> times, user, system;
  for (const Sample& sample : side.samples) {
    if (!std::isfinite(sample.wall_s)) continue;
    times.push_back(sample.wall_s);
    user.push_back(sample.cpu_user_s);
    system.push_back(sample.cpu_system_s);
  }
  if (times.empty()) return nullptr;
  json result{{"command", name_of(cell.cell, name_of(side.backend))}, {"times", times}};
  result["stddev"] = nullptr;  // one run has none; hyperfine writes the same
  if (times.size() > 1) put(result, "stddev", standard_deviation(times));
  put(result, "mean", mean(times));
  put(result, "median", median(times));
  put(result, "user", mean(user));
  put(result, "system", mean(system));
  put(result, "min", *std::min_element(times.begin(), times.end()));
  put(result, "max", *std::max_element(times.begin(), times.end()));
  result["exit_codes"] = std::vector<int>(times.size(), 0);
  result["parameters"] = {{"workload", cell.cell.workload->name},
                          {"backend", name_of(side.backend)},
                          {"workers", std::to_string(cell.cell.workers)},
                          {"tasks", std::to_string(cell.tasks)}};
  return result;
}

}  // namespace

std::string write_hyperfine(const Report& report) {
  json results = json::array();
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      if (json result = result_of(cell, side); !result.is_null()) results.push_back(std::move(result));
    }
  }
  return json{{"results", results}}.dump(1) + "\n";
}

}  // namespace twinpool::bench
