// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "processes/observer.h"
#include "processes/segment.h"
#include "shared/stats.h"

/// What the segment tells of the workers, seat by seat.
namespace twinpool::processes {

/// Takes: `closed`: whether the pool has been closed, so that nobody is missing.
/// Gives: everything of a seat's two places but what waits in its own queue.
[[nodiscard]] WorkerStats seat_stats(const Segment& segment, const Observer& observer, int seat, bool closed);

/// The process ids of the workers that are there.
[[nodiscard]] std::vector<int> pids_of(const Segment& segment);
/// The process ids of the hot spares that stand by, ready.
[[nodiscard]] std::vector<int> spare_pids_of(const Segment& segment);

}  // namespace twinpool::processes
