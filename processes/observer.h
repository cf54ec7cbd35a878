// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "processes/event_ring.h"
#include "processes/segment.h"
#include "shared/event_queue.h"
#include "shared/options.h"
#include "shared/pulse.h"
#include "shared/scoreboard.h"

namespace twinpool::processes {

/// The owner's eye on its workers: turns what the supervisor tells into events for the user, and finds workers
/// that are on one task for too long.
///
/// Threads: `listen`, `look` and `supervisor_lost` from the monitor's, or when that has ended; the rest from any.
class Observer {
 public:
  Observer(const Segment& segment, const ScoreboardMemory& board, const PoolOptions& options);

  /// Takes what the supervisor has told since.
  void listen() noexcept;
  /// One look at all workers. Gives: when the next is due; none: nobody asked for it (PoolOptions::stuck_after).
  std::optional<std::chrono::nanoseconds> look() noexcept;
  /// A worker has died with the supervisor. `type`: what it ran, or null.
  void died_with_supervisor(int place, int pid, const TaskType* type) noexcept;
  /// The pool is degraded, as the supervisor could not find itself.
  void degraded(const std::string& what) noexcept;
  void tell_pool(EventKind kind, const std::string& what) noexcept;

  /// Whether the worker at `place` has been on one task for too long.
  [[nodiscard]] bool stuck(int place) const {
    return stuck_[static_cast<std::size_t>(place)].load(std::memory_order_relaxed);
  }
  /// Delivers what is queued, then tells nothing more.
  void stop() noexcept;
  [[nodiscard]] std::uint64_t dropped() const { return reader_.dropped() + queue_.dropped(); }
  [[nodiscard]] std::uint64_t failures() const { return queue_.failures(); }

 private:
  void tell(const EventRecord& told);
  void tell_pulse(EventKind kind, int place, const TaskType* type) noexcept;
  [[nodiscard]] std::string sentence(const EventRecord& told, const std::string& task) const;
  [[nodiscard]] std::string loss(const EventRecord& told, const std::string& task) const;

  const Segment& segment_;
  const ScoreboardMemory& board_;
  const PoolOptions& options_;
  EventReader reader_;
  std::optional<Pulse> pulse_;
  std::unique_ptr<std::atomic<bool>[]> stuck_;
  EventQueue queue_;  // last: its thread
};

/// The name of a task function, if `type` is one of this program's: the segment is no place to trust pointers
/// from.
[[nodiscard]] std::string known_name(const TaskType* type);

}  // namespace twinpool::processes
