// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <unordered_map>

#include "processes/segment.h"
#include "shared/deadlines.h"

namespace twinpool::processes {

/// How the owner ends tasks before they end by themselves: cancel (C8) and limits (C7).
///
/// A task that waits is settled by one step on its word; its entry stays in the ring until the head passes it. One
/// that runs is marked in its word, so that it settles as what it was asked to end as; its worker's stop bell is
/// rung; and when the grace period is over, the supervisor is asked to kill that worker, if it still runs that
/// task. Nothing here is asked of a task that has ended, so the next one on that worker is not concerned.
/// Threads: all members from any thread; `start` once, before the first task.
class Endings {
 public:
  struct Limits {
    std::chrono::nanoseconds wait{0};  ///< 0: none
    std::chrono::nanoseconds run{0};
  };

  explicit Endings(const Segment& segment);
  Endings(const Endings&) = delete;

  /// Takes: copies of the descriptors that ring the owner's monitor and its supervisor (owned from here on).
  void start(std::chrono::nanoseconds grace, Descriptor owner_bell, Descriptor poke);
  /// Ends nothing any more. Requires: every task has settled.
  void stop() noexcept;

  /// A task that has limits, or that follows a stop token, is about to be queued.
  ///
  /// Errors: std::bad_alloc; std::system_error when the thread that looks at limits cannot be started.
  void watch(SlotRef ref, const Limits& limits, bool follows);
  /// Cancels the task when `stop` is requested. Requires: watch(ref, .., true) was called, and the task has been
  /// queued.
  void follow(SlotRef ref, const std::stop_token& stop) noexcept;
  /// Its worker was lost and it waits again.
  void waits_again(SlotRef ref) noexcept;
  /// Its slot is given back.
  void forget(SlotRef ref) noexcept;

  /// Settles a task as cancelled that was counted, and that no queue has. Requires: its slot has been written.
  void cancel_unqueued(SlotRef ref) noexcept;
  /// Asks one task to end. Gives: false when it had settled.
  bool cancel(SlotRef ref) noexcept;
  /// Cancels all that wait. Gives: how many.
  std::size_t cancel_waiting() noexcept;
  /// The descriptor that rings the monitor; -1 when there is none (any more).
  [[nodiscard]] int owner_bell() const;
  /// Settles a task that waits or whose worker does not matter any more, unless it has settled.
  void settle(SlotRef ref, SlotState state) noexcept;

 private:
  struct Cancel {
    Endings* endings;
    SlotRef ref;
    void operator()() const noexcept { endings->cancel(ref); }
  };
  struct Terms {
    SlotRef ref = 0;
    Limits limits;
    Clock::time_point waits_since{};
    std::optional<Clock::time_point> asked;  // to end
    bool follows = false;                    // a stop token, until its slot is given back
    // Not guarded by mutex_: set by `follow`, gone with the last who holds the terms.
    std::optional<std::stop_callback<Cancel>> on_stop;
  };
  using TermsPtr = std::shared_ptr<Terms>;

  std::optional<Clock::time_point> look(std::uint32_t index, Clock::time_point now);
  std::optional<Clock::time_point> look_at_waiting(const Terms& terms, Clock::time_point now);
  std::optional<Clock::time_point> look_at_running(Terms& terms, SlotWord word, Clock::time_point now);
  bool end_waiting(SlotRef ref, SlotWord word, SlotState state);
  void ask(SlotRef ref, SlotWord word);
  void kill(SlotRef ref, SlotWord word) const;

  const Segment& segment_;
  Deadlines deadlines_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::chrono::nanoseconds grace_{0};
  Descriptor owner_bell_;
  Descriptor poke_;
  std::unordered_map<std::uint32_t, TermsPtr> terms_;  // by slot; older ones may be left from a slot's last use
};

}  // namespace twinpool::processes
