// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "processes/segment.h"
#include "processes/worker_options.h"
#include "shared/scoreboard.h"

namespace twinpool::processes {

/// What a supervisor needs beside the segment. The descriptors stay the caller's.
struct SupervisorContext {
  WorkerOptions options;
  const ScoreboardMemory* board = nullptr;
  int owner_pidfd = -1;   ///< readable when the owner has ended
  int pool_socket = -1;   ///< its other end closes when the pool is to end at once, launcher or no launcher
  int poke = -1;          ///< eventfd: the owner asks to look at the header
  int owner_bell = -1;    ///< eventfd: asks the owner to look
};

/// Forks the workers, reaps them, settles what they leave behind, replaces them by RestartPolicy; ends when
/// the header says that the pool stops and the last worker has left, or when the owner ends (and its workers
/// with it).
///
/// Runs no user code and never has a second thread: glibc's single-threaded fast paths, once lost, are lost
/// in every later fork, and fork itself is safe and cheap only from a small process with one thread.
/// Requires: this process is a fresh fork with all signals blocked. Never returns.
[[noreturn]] void run_supervisor(const Segment& segment, const SupervisorContext& context);

}  // namespace twinpool::processes
