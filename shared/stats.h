// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/histogram.h"

/// What a pool knows about itself (C13).
namespace twinpool {

enum class WorkerState : std::uint8_t {
  kStarting,  ///< made, has not looked for a task yet
  kIdle,      ///< looks for a task or sleeps
  kBusy,      ///< runs a task
  kLost,      ///< dead, its replacement not there yet
  kStuck,     ///< stopped (SIGSTOP), over a limit and still running, or longer than stuck_after on one task
  kAbsent,    ///< not there because a dynamic pool is smaller now
  kStopped,   ///< ended with the pool
  kSpare,     ///< a hot spare, ready to take a seat (ProcessOptions::hot_spares)
};
[[nodiscard]] std::string_view name_of(WorkerState state);

/// One worker's place in the pool; a replacement takes over the place and its counts.
struct WorkerStats {
  int index = 0;
  int id = 0;  ///< process id (processes) or thread id (threads) of who works there now; 0: nobody
  WorkerState state = WorkerState::kStarting;
  std::uint64_t tasks = 0;           ///< finished here, with a value or an exception
  std::chrono::nanoseconds busy{0};  ///< running tasks; estimated from the sampled ones
  std::uint64_t restarts = 0;
  std::uint64_t recycled = 0;  ///< times that a fresh worker took the place over in peace
  std::string last_death = {};  ///< "was killed by SIGSEGV while running 'parse'"; empty: none died here
  std::uint64_t queued = 0;    ///< tasks in its own queue
  Histogram waiting = {};  ///< as in PoolStats, of the tasks that ran here
  Histogram running = {};
};

/// One function's share.
struct FunctionStats {
  std::string name;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;  ///< threw
  Histogram waiting = {};  ///< of sampled tasks since the last reset
  Histogram running = {};
};

/// A snapshot in which submitted = completed + failed + cancelled + timed_out + lost + rejected_later +
/// pending.
///
/// Each task is counted in exactly one of these. `pending` is what has been accepted and not been seen to
/// settle.
struct PoolStats {
  std::uint64_t submitted = 0;  ///< accepted tasks
  std::uint64_t completed = 0;  ///< gave a value
  std::uint64_t failed = 0;     ///< threw, or their result was refused (too large, out of memory)
  std::uint64_t cancelled = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t lost = 0;            ///< worker_lost
  std::uint64_t rejected_later = 0;  ///< accepted, then ended by stop(): pool_closed
  std::uint64_t pending = 0;

  std::uint64_t refused = 0;  ///< submissions that were refused; none of them ran (C2)
  std::uint64_t hot_spares = 0;  ///< that are ready to take a lost worker's seat (ProcessOptions::hot_spares)
  bool degraded = false;      ///< workers die faster than they may be replaced (C4)
  std::uint64_t worker_deaths = 0;
  std::uint64_t shared_bytes_in_use = 0;  ///< payload memory handed out now
  std::uint64_t shared_bytes_limit = 0;   ///< 0: the pool has no such memory
  std::uint64_t retried = 0;     ///< runs after the first of tasks whose worker was lost
  std::uint64_t recycled = 0;    ///< workers replaced in peace
  std::uint64_t events_dropped = 0;   ///< events that came faster than the callback took them
  std::uint64_t event_failures = 0;   ///< callbacks that threw
  std::uint64_t misdirected = 0;      ///< tasks for which DispatchOptions::choose threw or named no worker
  std::uint64_t bytes_copied = 0;  ///< arguments and results written into and read out of shared memory
  bool paused = false;
  std::vector<WorkerStats> workers;
  std::vector<FunctionStats> functions;  ///< those that have run, in the order of their registration

  Histogram waiting = {};  ///< accepted until begun, of sampled tasks since the last reset
  Histogram running = {};  ///< begun until settled, of the same tasks

  /// Workers that are there and can run tasks.
  [[nodiscard]] int workers_alive() const;
  /// Adds another pool's numbers: counts and percentiles are summed, `degraded` and `paused` say that one of them
  /// is, workers of both are listed (so two may have one index), and functions, those of one name as one function.
  void merge(const PoolStats& other);
};

}  // namespace twinpool
