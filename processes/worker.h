// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "processes/scoreboard_line.h"
#include "processes/segment.h"

namespace twinpool::processes {

/// What a worker needs beside the segment.
struct WorkerContext {
  int index = 0;
  int owner_bell = -1;  ///< eventfd that makes the owner look at kNeedsMemory slots
  int poke = -1;        ///< eventfd that makes the supervisor look; none in tests
  ScoreboardLine line = {};
  std::uint64_t poke_at = UINT64_MAX;  ///< the place's count of tasks at which the supervisor is to look
};

/// One worker's life: takes tasks, runs them, settles them, until the header says that the pool stops or the
/// supervisor that this worker is to leave.
///
/// Requires: this process is a fresh fork and nobody else has the place `context.index`.
void run_worker(const Segment& segment, const WorkerContext& context);

/// A hot spare's life before it has a seat: sleeps until the supervisor has a place for it.
///
/// Gives: the place; none when it is to leave. Requires: this process is a fresh fork and nobody else has the record
/// `context.index`.
[[nodiscard]] std::optional<int> stand_by(const Segment& segment, const WorkerContext& context);

/// Takes and runs one task, if one waits. Gives: whether there was one. A step of run_worker, apart for the
/// tests that kill a worker after each of its instructions.
bool run_one_task(const Segment& segment, const WorkerContext& context);

/// Whether this process is a worker of some pool: it cannot submit to its parent's pools (C16).
[[nodiscard]] bool in_worker_process();
/// Says that it is.
void mark_worker_process();

}  // namespace twinpool::processes
