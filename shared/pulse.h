// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "shared/future.h"

namespace twinpool {

/// What one look at a worker has found.
enum class Beat : std::uint8_t {
  kNone,     ///< nothing new
  kStuck,    ///< it has been on one task for `stuck_after`; said once a task
  kResumed,  ///< it was stuck and has moved on; said once
};

/// Finds workers that are on one task for too long, by looking at them now and then. Pure: facts and `now` in.
///
/// A task counts from the first look that sees it, so it is reported at most one look late and never early.
/// Threads: one at a time.
class Pulse {
 public:
  /// Takes: the number of workers, longer than 0.
  Pulse(std::size_t workers, std::chrono::nanoseconds stuck_after)
      : seen_(workers), stuck_after_(stuck_after) {}

  /// One look at one worker.
  ///
  /// Takes: `task`: what the worker runs, 0: nothing. Any number that differs from one task of that worker to
  ///        its next (slot and generation, or the worker's count of tasks + 1).
  [[nodiscard]] Beat feed(std::size_t worker, std::uint64_t task, Clock::time_point now);
  /// The worker's place was given to a fresh one: nothing of the old one is remembered or said.
  void forget(std::size_t worker) { seen_[worker] = {}; }
  [[nodiscard]] bool stuck(std::size_t worker) const { return seen_[worker].stuck; }
  /// How long the worker's task has been seen; 0: it runs none.
  [[nodiscard]] std::chrono::nanoseconds seen_for(std::size_t worker, Clock::time_point now) const;
  /// How often to look: a quarter of `stuck_after`, at least each second, at most each millisecond.
  [[nodiscard]] std::chrono::nanoseconds look_interval() const;

 private:
  struct Seen {
    std::uint64_t task = 0;
    Clock::time_point since{};
    bool stuck = false;
  };
  std::vector<Seen> seen_;
  std::chrono::nanoseconds stuck_after_;
};

}  // namespace twinpool
