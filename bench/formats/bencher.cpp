// SPDX-License-Identifier: Apache-2.0
#include "bench/cell_name.h"
#include "bench/formats/finite.h"
#include "bench/formats/format.h"

// Source: bencher.dev, "Bencher Metric Format": {benchmark: {measure: {value, lower_value?, upper_value?}}}.
namespace twinpool::bench {
namespace {

using nlohmann::json;

/// A median with the quartile spread around it.
void put_measure(json& measures, const char* slug, std::optional<double> value,
                 std::optional<double> spread = {}) {
  json metric = json::object();
  put(metric, "value", value);
  if (metric.empty()) return;
  if (spread) {
    put(metric, "lower_value", *value * (1 - *spread));
    put(metric, "upper_value", *value * (1 + *spread));
  }
  measures[slug] = std::move(metric);
}

}  // namespace

std::string write_bencher(const Report& report) {
  json document = json::object();
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      json measures = json::object();
      const auto rate = median_of(side, throughput_of);
      const auto spread = spread_of(side, throughput_of);
      put_measure(measures, "throughput", rate, spread);
      if (rate && *rate > 0) put_measure(measures, "latency", 1e9 / *rate, spread);
      if (const auto latency = latency_of(side)) put_measure(measures, "p99-latency", latency->p99 * 1e9);
      if (side.peak) put_measure(measures, "peak-pss", static_cast<double>(side.peak->pss_bytes));
      if (!measures.empty()) document[name_of(cell.cell, name_of(side.backend))] = std::move(measures);
    }
    const auto ratio = ratio_of(cell, throughput_of);
    if (!ratio) continue;
    json metric = json::object();
    put(metric, "value", ratio->ratio);
    if (ratio->has_interval()) {
      put(metric, "lower_value", ratio->low);
      put(metric, "upper_value", ratio->high);
    }
    document[name_of(cell.cell, "ratio")]["processes-over-threads"] = std::move(metric);
  }
  return document.dump(1) + "\n";
}

}  // namespace twinpool::bench
