// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// What happens to a pool and its workers, told to a user's callback (PoolOptions::on_event).
namespace twinpool {

enum class EventKind : std::uint8_t {
  kWorkerStarted = 1,  ///< made; it has not looked for a task yet
  kWorkerReady,        ///< its set-up is done, it looks for tasks
  kWorkerLost,         ///< died unasked; `signal`, `exit_status`, `core_dumped`, `task` say how and in what
  kWorkerRestarted,    ///< the replacement of a lost one was made; `delay` is what back-off made it wait
  kWorkerRecycled,     ///< left between two tasks for a fresh one (RecyclingOptions, reload)
  kWorkerRetired,      ///< left because the pool shrank
  kWorkerStuck,        ///< over a limit and still running, stopped (SIGSTOP), or longer than `stuck_after` on
                       ///< one task
  kWorkerResumed,      ///< a stuck worker goes on
  kPoolFull,           ///< a submission found no room; told again only after there was room
  kPoolDegraded,       ///< workers die faster than they may be replaced (C4)
  kPoolRecovered,      ///< and no more
  kPoolDrained,        ///< all that was accepted has settled after drain()
};
[[nodiscard]] std::string_view name_of(EventKind kind);

struct Event {
  EventKind kind{};
  std::chrono::steady_clock::time_point when;
  int worker = -1;  ///< the worker's number, from 0; -1: the pool as a whole, or a hot spare without a seat (see `id`)
  int id = 0;       ///< its process id (processes) or thread id (threads)
  int signal = 0;   ///< kWorkerLost: what killed it, or 0
  int exit_status = 0;
  bool core_dumped = false;
  std::string task;  ///< the function that it ran; empty: none
  std::chrono::milliseconds delay{0};
  std::string message;  ///< the whole as one sentence
};

using EventCallback = std::function<void(const Event&)>;

}  // namespace twinpool
