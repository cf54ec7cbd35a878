// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/disturbance.h"

#include <algorithm>
#include <vector>

#include "bench/statistics.h"

namespace twinpool::bench {
namespace {

double latency_of(const Feed::Settled& task) {
  return static_cast<double>(task.settled_ns - task.submitted_ns) * 1e-9;
}

std::uint64_t settled_between(std::span<const Feed::Settled> log, std::int64_t from_ns, std::int64_t to_ns) {
  return static_cast<std::uint64_t>(std::count_if(log.begin(), log.end(), [&](const Feed::Settled& task) {
    return task.settled_ns > from_ns && task.settled_ns <= to_ns;
  }));
}

/// Where the look at the dip ends.
std::int64_t end_of_dip(const DrillTimes& times, bool recovered) {
  if (!recovered) return times.ended_ns;
  return std::min(std::max(times.restored_ns, times.fired_ns + kDipWindowNs), times.ended_ns);
}

}  // namespace

Disturbance find_disturbance(std::span<const Feed::Settled> log, const DrillTimes& times,
                             std::uint64_t tasks) {
  std::vector<double> before;
  std::int64_t first_ns = times.fired_ns;
  for (const Feed::Settled& task : log) {
    if (task.faulty || task.settled_ns > times.fired_ns) continue;
    before.push_back(latency_of(task));
    first_ns = std::min(first_ns, task.settled_ns);
  }
  Disturbance found;
  if (before.empty()) return found;
  found.median_latency_s = median(before);
  for (const Feed::Settled& task : log) {
    const bool late = latency_of(task) > kDelayFactor * found.median_latency_s;
    found.delayed += !task.faulty && task.delivered && task.settled_ns > times.fired_ns && late ? 1 : 0;
  }
  if (before.size() < 2 || first_ns >= times.fired_ns) return found;
  const double steady_per_ns =
      static_cast<double>(before.size() - 1) / static_cast<double>(times.fired_ns - first_ns);
  const std::int64_t end_ns = end_of_dip(times, times.restored_ns != 0 || log.size() == tasks);
  const auto done = static_cast<double>(settled_between(log, times.fired_ns, end_ns));
  const double area = steady_per_ns * static_cast<double>(end_ns - times.fired_ns) - done;
  found.dip_tasks = std::min(area, static_cast<double>(tasks - before.size()));
  return found;
}

}  // namespace twinpool::bench
