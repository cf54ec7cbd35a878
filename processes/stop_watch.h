// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>

#include "processes/segment.h"

namespace twinpool::processes {

/// In a worker: tells tasks that take a std::stop_token when they are asked to end (C8).
///
/// A thread of its own, started by the first such task, sleeps on the worker's stop bell. It looks at the word of
/// the task at hand only: a task that has ended cannot be asked, and asking it cannot reach the next.
/// Threads: `begin` and `end` from the worker's.
class StopWatch {
 public:
  StopWatch(const Segment& segment, int place) : segment_(segment), record_(segment.worker(place)) {}
  StopWatch(const StopWatch&) = delete;

  /// A task that takes a token begins. Gives: its token; one that nobody can use where no thread can be started.
  [[nodiscard]] std::stop_token begin(std::uint32_t index, std::uint32_t generation);
  /// It has ended.
  void end();

 private:
  void run();
  void look();

  const Segment& segment_;
  WorkerRecord& record_;
  std::mutex mutex_;
  // Guarded by mutex_.
  bool started_ = false;
  SlotRef current_ = 0;
  std::stop_source source_{std::nostopstate};
};

}  // namespace twinpool::processes
