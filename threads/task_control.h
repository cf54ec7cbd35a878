// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "shared/deadlines.h"
#include "shared/options.h"
#include "threads/slot.h"

/// Ending tasks before their end: cancel and limits (C7, C8).
namespace twinpool::threads {

/// What only some tasks need: those that take a stop token, have a limit or a `with.stop`, or were cancelled
/// while they ran.
struct TaskControl {
  /// For std::stop_callback.
  struct Cancel {
    void operator()() const noexcept { slot->cancel(); }
    TaskSlot* slot;
  };

  std::stop_source source{std::nostopstate};  ///< has a state when the function takes a token
  std::int64_t submitted_ns = 0;
  std::chrono::nanoseconds wait_limit{0};  ///< 0: none
  std::chrono::nanoseconds run_limit{0};
  std::atomic<std::int64_t> started_ns{0};    ///< by the worker; 0: not yet
  std::atomic<std::int64_t> cancelled_ns{0};  ///< when a running task was cancelled; 0: was not
  /// Gone first: its end waits for a cancel that uses the slot and what is above.
  std::optional<std::stop_callback<Cancel>> on_stop;
};

/// All controls of one pool, and the thread that looks at limits.
///
/// A slot may be freed and used again while its deadline is still known: a lock says whether it has a
/// control, and of which task. Nothing of the user's is called under it. Who cancels needs no lock: a Future
/// holds the slot, and a stop callback is waited for before the slot is free. Threads: all members from any
/// thread; `stop` once.
class TaskControls {
 public:
  TaskControls(PoolCore& core, const PoolOptions& options);
  /// The deadline thread ends; limits are not looked at any more.
  void stop() noexcept { deadlines_.stop(); }

  /// Whether a task that asks for `options` (null: nothing) needs a control.
  [[nodiscard]] bool wanted(const TaskType& type, const with* options) const noexcept {
    return type.takes_stop_token || limits_all_ || (options != nullptr && wanted_by(*options));
  }
  /// Makes the control of a slot that is about to be filled. Errors: std::bad_alloc, std::system_error (no
  /// thread); there is none then.
  void attach(TaskSlot& slot, const TaskType& type, const with* options);
  /// Cancels the task when `stop` is requested, perhaps now. Requires: filled and not published yet.
  static void follow(TaskSlot& slot, const std::stop_token& stop) noexcept;
  /// Takes the control away, if there is one. Requires: the slot is the caller's alone, but for a stop
  /// callback, which is waited for, and the deadline thread.
  void detach(TaskSlot& slot) noexcept;

  /// See Future::cancel. Requires: the slot stays the task's meanwhile.
  bool cancel(TaskSlot& slot) noexcept;
  /// Settles a running task as pool_closed and asks it to stop. Any slot: does nothing to others.
  void abandon(TaskSlot& slot) noexcept;

 private:
  static constexpr std::size_t kLocks = 16;

  [[nodiscard]] static bool wanted_by(const with& options) noexcept {
    return options.wait_limit || options.run_limit || options.stop.stop_possible();
  }
  [[nodiscard]] std::mutex& lock_of(const TaskSlot& slot) { return locks_[slot.index() % kLocks]; }
  [[nodiscard]] std::optional<Clock::time_point> look(TaskSlot& slot, std::int64_t now_ns) noexcept;
  [[nodiscard]] bool end_if_waiting(TaskSlot& slot) noexcept;
  void settle_claimed(TaskSlot& slot, std::uint32_t why) noexcept;
  void ask_running(TaskSlot& slot) noexcept;
  [[nodiscard]] std::optional<std::uint32_t> settle_early(TaskSlot& slot, std::uint32_t why) noexcept;
  void leave_behind(TaskSlot& slot, std::uint32_t before) noexcept;
  [[nodiscard]] TaskControl* control_for_cancel(TaskSlot& slot) noexcept;

  PoolCore& core_;
  const std::chrono::nanoseconds wait_limit_;
  const std::chrono::nanoseconds run_limit_;
  const std::chrono::nanoseconds grace_;
  const bool limits_all_;  // the pool has a limit for every task
  std::array<std::mutex, kLocks> locks_;  // each guards the `control` of every 16th slot
  Deadlines deadlines_;
};

/// Why a task that was ended before its end has no value. Takes: its word, in which that is said.
[[nodiscard]] Failure failure_of_ended_task(const TaskSlot& slot, std::uint32_t word);

}  // namespace twinpool::threads
