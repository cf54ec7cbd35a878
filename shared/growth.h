// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "shared/options.h"

/// When a dynamic pool grows and shrinks. Pure.
namespace twinpool {

/// How many workers to start now: as many as tasks would wait for, all at once, so that the first burst of a
/// pool does not wait for one start after the other.
///
/// Rule: one for each waiting task that neither an idle worker nor one that is starting will take; at least up
/// to range.min, at most up to range.max.
///
/// Takes: `present`: workers that are there or starting (lost ones are left to the restart policy: count them as
///        present while their replacement is due); `idle`: those of them that look for a task or sleep;
///        `starting`: those of them that do not look for tasks yet; `waiting`: tasks that no worker has taken.
[[nodiscard]] int workers_to_start(int present, int idle, int starting, std::uint64_t waiting,
                                   const WorkerRange& range);

/// Whether a worker that has been idle for `idle_for` may leave for good: never below `min`.
///
/// Takes: `present`: workers that are there and were not told to leave. Whoever decides for several workers
///        counts each one that leaves.
[[nodiscard]] bool may_retire(int present, int min, std::chrono::nanoseconds idle_for,
                              std::chrono::nanoseconds idle_timeout);

}  // namespace twinpool
