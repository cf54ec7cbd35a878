// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

/// One sample as of a trial of 1000 tasks at that throughput.
inline Sample fixed_sample(double throughput) {
  Sample sample;
  sample.tasks = 1000;
  sample.delivered = 1000;
  sample.throughput_tasks_per_s = throughput;
  sample.wall_s = 1000 / throughput;
  sample.cpu_user_s = sample.wall_s;
  sample.cpu_system_s = sample.wall_s;
  sample.start_up_s = 0.002;
  sample.checksum = 0xfedcba9876543210;
  sample.balanced = true;
  sample.latency_ns = {1000, 2000, 3000, 4000};
  return sample;
}

struct FixedRun {
  double threads = 1000;  ///< tasks per second
  double processes = 600;
  int pairs = 10;
  double jitter = 0.01;   ///< of the processes; the threads have half of it
  double machine = 1000;  ///< speed of the controls
  const char* workload = "noop";
};

/// One cell of a workload with two workers, the same in every run.
inline BenchResults fixed_results(const FixedRun& run = {}) {
  BenchResults results;
  results.plan =
      make_plan({.workloads = {run.workload}, .workers = {"2"}, .trials = std::to_string(run.pairs)},
                {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  results.usable_cpus = 2;
  results.wall_s = 4;
  CellResult cell{.cell = results.plan.cells.front(), .tasks = 1000};
  cell.sides = {{.backend = Backend::kThreads}, {.backend = Backend::kProcesses}};
  for (int i = 0; i < run.pairs; ++i) {
    const double off = run.jitter * std::sin(i * 2.4);  // neither sorted nor periodic in a pair
    cell.sides[0].samples.push_back(fixed_sample(run.threads * (1 + off / 2)));
    cell.sides[1].samples.push_back(fixed_sample(run.processes * (1 - off)));
  }
  for (auto& side : cell.sides) {
    side.rest = MemoryUse{.pss_bytes = 1 << 20, .uss_bytes = 1 << 19, .rss_bytes = 1 << 21, .processes = 1};
    side.peak = MemoryUse{.pss_bytes = 2 << 20, .uss_bytes = 1 << 19, .rss_bytes = 4 << 20, .processes = 1};
  }
  cell.complete = true;
  results.cells.push_back(cell);
  for (Control* control : {&results.control_before, &results.control_after}) {
    for (int i = 0; i < 6; ++i)
      control->pairs.push_back({run.machine * (1 + 0.001 * i), run.machine * (1 - 0.001 * i)});
  }
  return results;
}

}  // namespace twinpool::bench
