// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "processes/segment.h"
#include "processes/task_queue.h"
#include "shared/dispatcher.h"
#include "shared/options.h"

namespace twinpool::processes {

/// The owner's end of the rings of waiting tasks: where a task is to wait, and who is woken for it.
///
/// The tails are kept here, where no worker can write. A ring but the first takes memory when it is first used.
/// Threads: all members from any thread.
class WaitingTasks {
 public:
  /// Where a task waits.
  struct Where {
    int queue = kSharedQueue;
    int level = kLevelOfPriorityZero;
  };
  enum class Pushed : std::uint8_t { kDone, kClosed, kOutOfMemory };

  WaitingTasks(const Segment& segment, const DispatchOptions& options);

  /// Takes: null where a task asks for nothing special.
  [[nodiscard]] Where choose(const with* options) noexcept;
  /// Queues a task whose slot has been written. `bytes`: of its arguments, counted.
  [[nodiscard]] Pushed push(SlotRef ref, Where where, std::uint64_t bytes);
  /// Queues a task anew that is in kRequeue, at the back. Gives: false when it is not in that state any more, or
  /// the pool stops.
  [[nodiscard]] bool push_again(SlotRef ref, Where where);
  /// Sees to it that a worker looks at what was pushed there.
  void announce(Where where) const;

  /// No `push` is accepted any more. Gives: whether this was the first call.
  bool close();
  /// No `push_again` either.
  void stop();
  /// A task that is counted without having been queued. Gives: false when closed.
  [[nodiscard]] bool count_unqueued();
  /// It has not become one after all.
  void uncount_unqueued();
  /// Whether each task is given to a worker when it is submitted.
  [[nodiscard]] bool chooses() const { return chooses_; }
  [[nodiscard]] bool closed() const { return closed_hint_.load(std::memory_order_acquire); }
  void pause();
  void resume();
  [[nodiscard]] bool paused() const { return paused_.load(std::memory_order_seq_cst); }

  [[nodiscard]] std::uint64_t submitted() const { return submitted_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
  /// Entries in a seat's own queue.
  [[nodiscard]] std::uint64_t queued(int seat) const;
  [[nodiscard]] std::uint64_t misdirected() const { return dispatcher_.misdirected(); }

 private:
  struct Ends {
    std::uint64_t tail = 0;
    std::uint64_t seen_head = 0;  ///< the ring's head at some time
  };
  struct Queue {
    std::uint64_t used = 0;  ///< one bit a level
    std::array<Ends, kPriorityLevels> ends;
  };

  [[nodiscard]] bool open_ring(Where where);
  void number_what_waits();
  [[nodiscard]] Ends& ends_of(Where where);
  void make_room(const Ring& ring, Ends& ends) const;
  void compact(const Ring& ring, std::uint64_t head, std::uint64_t tail) const;
  void append(SlotRef ref, Where where);
  [[nodiscard]] std::optional<int> choose_seat(std::optional<std::uint64_t> key);
  [[nodiscard]] WorkerLoad load_of(int seat) const;

  const Segment& segment_;
  std::atomic<bool> paused_{false};
  std::atomic<bool> closed_hint_{false};

  mutable std::mutex push_mutex_;
  // Guarded by push_mutex_; the atomics are written under it.
  bool closed_ = false;
  bool stopped_ = false;
  bool more_rings_ = false;
  Ends shared_ends_;
  std::uint64_t order_ = 0;
  std::atomic<std::uint64_t> submitted_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
  std::vector<std::unique_ptr<Queue>> queues_;  ///< null: no ring of it is in use

  std::mutex dispatching_;
  Dispatcher dispatcher_;  // guarded by dispatching_, as what follows
  const bool chooses_;
  std::vector<WorkerLoad> loads_;
  std::vector<int> seats_;  ///< those of loads_
};

}  // namespace twinpool::processes
