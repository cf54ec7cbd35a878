// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bench/faults/feed.h"

/// What a fault did to tasks that it did not kill: how many were late, and how much less was done.
namespace twinpool::bench {

/// Moments of one drill, nanoseconds of the steady clock.
struct DrillTimes {
  std::int64_t begun_ns = 0;
  std::int64_t fired_ns = 0;
  std::int64_t restored_ns = 0;  ///< 0: no worker died, or its place stayed empty
  std::int64_t ended_ns = 0;     ///< the last task had settled; all were given up, where ordinary ones hung
};

/// A task is delayed when its latency is more than this many times the median of those before the fault.
inline constexpr double kDelayFactor = 10;
/// The dip is looked for at least this long after the fault.
inline constexpr std::int64_t kDipWindowNs = 100'000'000;

struct Disturbance {
  double median_latency_s = 0;  ///< submitted until settled, of the tasks that settled before the fault
  std::uint64_t delayed = 0;    ///< ordinary tasks delivered after the fault and delayed
  /// The area between the steady rate before the fault and what was done from it on, in tasks: up to 100 ms
  /// after it, or until the pool had its full strength again if that was later, or until the end of the load
  /// if it never had; at most what was left of the load. Below 0: it was faster than before, by chance.
  double dip_tasks = 0;
};

/// Gives: nothing is known (all 0) when no task settled before the fault, or it never struck. Pure.
[[nodiscard]] Disturbance find_disturbance(std::span<const Feed::Settled> log, const DrillTimes& times,
                                           std::uint64_t tasks);

}  // namespace twinpool::bench
