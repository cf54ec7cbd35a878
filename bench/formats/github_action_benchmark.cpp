// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/cell_name.h"
#include "bench/formats/format.h"

#include <nlohmann/json.hpp>

// Source: benchmark-action/github-action-benchmark, src/extract.ts. The direction is that of a whole file,
// hence two. A previous value of 0 makes its ratio infinite, so what is normally 0 is left to gates; "|"
// would break its table and stands in no name here.
namespace twinpool::bench {
namespace {

using nlohmann::json;

class Entries {
 public:
  void add(const CellResult& cell, std::string_view who, std::string_view what, const char* unit,
           std::optional<double> value, std::optional<double> spread = {}) {
    if (!value || !std::isfinite(*value) || *value == 0) return;
    json one{{"name", fmt::format("{} - {} - {}", name_of(cell.cell), who, what)},
             {"unit", unit},
             {"value", *value}};
    if (spread && std::isfinite(*spread)) one["range"] = fmt::format("± {:.3g}", *spread * *value);
    std::size_t trials = 0;
    for (const BackendResult& side : cell.sides) trials = std::max(trials, side.samples.size());
    one["extra"] = fmt::format("workers: {}\ntrials: {}\nforeign cpu: {:.0f}%", cell.cell.workers, trials,
                               cell.foreign_cpu * 100);
    list_.push_back(std::move(one));
  }
  [[nodiscard]] std::string str() const { return list_.dump(1) + "\n"; }

 private:
  json list_ = json::array();
};

}  // namespace

std::string write_smaller_is_better(const Report& report) {
  Entries entries;
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      const auto who = name_of(side.backend);
      const auto rate = median_of(side, throughput_of);
      if (rate && *rate > 0)
        entries.add(cell, who, "time/task", "ns", 1e9 / *rate, spread_of(side, throughput_of));
      if (const auto latency = latency_of(side))
        entries.add(cell, who, "p99 latency", "ns", latency->p99 * 1e9);
      if (side.peak) entries.add(cell, who, "peak PSS", "bytes", static_cast<double>(side.peak->pss_bytes));
    }
  }
  return entries.str();
}

std::string write_bigger_is_better(const Report& report) {
  Entries entries;
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      const auto who = name_of(side.backend);
      entries.add(cell, who, "throughput", "tasks/s", median_of(side, throughput_of),
                  spread_of(side, throughput_of));
      entries.add(cell, who, "throughput per CPU-second", "tasks/s", median_of(side, per_cpu_second_of),
                  spread_of(side, per_cpu_second_of));
    }
  }
  return entries.str();
}

}  // namespace twinpool::bench
