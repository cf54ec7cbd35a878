// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processes/segment.h"

namespace twinpool::processes {

/// What a worker needs beside the segment.
struct WorkerContext {
  int index = 0;
  int owner_bell = -1;  ///< eventfd that makes the owner look at kNeedsMemory slots
};

/// One worker's life: takes tasks, runs them, settles them, until the header says that the pool stops.
///
/// Requires: this process is a fresh fork and nobody else has the place `context.index`.
void run_worker(const Segment& segment, const WorkerContext& context);

/// Takes and runs one task, if one waits. Gives: whether there was one. A step of run_worker, apart for the
/// tests that kill a worker after each of its instructions.
bool run_one_task(const Segment& segment, const WorkerContext& context);

/// Whether this process is a worker of some pool: it cannot submit to its parent's pools (C16).
[[nodiscard]] bool in_worker_process();
/// Says that it is.
void mark_worker_process();

}  // namespace twinpool::processes
