// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "bench/cell_name.h"
#include "bench/formats/format.h"

// Source: golang.org/design/14313-benchmark-format and golang.org/x/perf/benchfmt (unit metadata). The keys
// in the names are what `benchstat -col /backend` pivots on.
namespace twinpool::bench {
namespace {

/// The first part of a name needs a capital letter after "Benchmark"; key=value parts may be anything without
/// blanks.
std::string go_name(const Cell& cell, Backend backend, int cpus) {
  return fmt::format("BenchmarkPool/workload={}-{}", name_of(cell, name_of(backend), '='), cpus);
}

}  // namespace

std::string write_go_benchmark(const Report& report) {
  std::string text =
      "goos: linux\npkg: twinpool\nUnit tasks/s better=higher\nUnit pss-B better=lower assume=exact\n";
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      for (const Sample& sample : side.samples) {
        const double ns = sample.wall_s / static_cast<double>(sample.tasks) * 1e9;
        if (!std::isfinite(ns) || !std::isfinite(sample.throughput_tasks_per_s)) continue;
        fmt::format_to(std::back_inserter(text), "{} {} {:.6g} ns/op {:.6g} tasks/s",
                       go_name(cell.cell, side.backend, report.results.usable_cpus), sample.tasks, ns,
                       sample.throughput_tasks_per_s);
        if (side.peak) fmt::format_to(std::back_inserter(text), " {} pss-B", side.peak->pss_bytes);
        text += '\n';
      }
    }
  }
  return text;
}

}  // namespace twinpool::bench
