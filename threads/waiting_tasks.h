// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "shared/options.h"
#include "threads/slot.h"
#include "threads/task_queue.h"

/// Tasks that wait elsewhere than in the one ring: those with a priority, those of one worker's own queue.
namespace twinpool::threads {

/// The queue of all workers, and one a seat (a worker's place in the pool, whoever works there): in each, one
/// list a priority level. A level is first in, first out.
///
/// Tasks of priority 0 for any worker lie in the pool's ring, which is quicker. They come here, into the
/// level that stands for 0, only while cancelled ones still take up cells of the ring (see `detour`); the
/// ring's are older then. Lists are linked through the slots, so nothing is allocated for a task and no list
/// is ever full. A bitmap a queue says which levels hold tasks: a pool that uses none of this looks at
/// nothing but that. No wake-up is lost (see Parking): `in_use_` and a level's bit are set sequentially
/// consistent before the pusher looks for sleepers, and `has_for_any` reads them so. A task that only one
/// seat may run is announced by a call to its worker, which looks again before it sleeps. Threads: all
/// members from any thread.
class WaitingTasks {
 public:
  static constexpr int kShared = -1;  ///< as queue: that of all workers

  /// Takes: `stealing`, whether a worker may take from the queues of other seats. `limit`: of waiting tasks.
  WaitingTasks(SlotArena& arena, int seats, bool stealing, std::size_t limit);

  /// Whether anything was ever pushed. Relaxed: a hint for workers.
  [[nodiscard]] bool in_use() const noexcept { return in_use_.load(std::memory_order_relaxed); }
  void push(TaskSlot& slot, int queue, int priority) noexcept;

  /// From the seat's own queue and that of all, the highest priority first, of equal ones the own first.
  [[nodiscard]] TaskSlot* take(int seat, int lowest_priority) noexcept;
  [[nodiscard]] TaskSlot* take_own(int seat, int lowest_priority) noexcept;
  /// What has waited longest of all that `take` may give and of the ring.
  [[nodiscard]] TaskSlot* take_oldest(int seat, TaskRing<TaskSlot>& ring) noexcept;
  /// The highest priority of other seats' queues; null without stealing.
  [[nodiscard]] TaskSlot* steal(int thief) noexcept;
  /// From any queue, whoever may run it: for a pool that stops. Null: nothing waits, sequentially consistent.
  [[nodiscard]] TaskSlot* take_any() noexcept;
  /// Gives the tasks of a seat that nobody works at any more to all workers.
  void release(int seat) noexcept;

  /// Whether a task waits that every worker may take. Sequentially consistent.
  [[nodiscard]] bool has_for_any() const noexcept;
  [[nodiscard]] std::uint64_t queued(int seat) const noexcept;
  [[nodiscard]] bool stealing() const noexcept { return stealing_; }
  [[nodiscard]] int seats() const noexcept { return seats_; }

  // Tasks that were ended while they waited, and whose slots still lie in a queue or in the ring.
  void add_stale() noexcept { stale_.fetch_add(1, std::memory_order_seq_cst); }
  void drop_stale() noexcept { stale_.fetch_sub(1, std::memory_order_seq_cst); }
  /// Whether a task of priority 0 for all workers has to go here rather than into the ring. The ring holds as
  /// many as are admitted; a stale one is no longer counted there and still has its cell. So: stale ones are
  /// counted before they make room, who was admitted for that room sees the count, and while there is any the
  /// ring gets no more.
  [[nodiscard]] bool detour() const noexcept {
    return stale_.load(std::memory_order_relaxed) != 0 ||
           (shared().used.load(std::memory_order_relaxed) & bit(level_of(0))) != 0;
  }
  /// Calls `let_go` for the stale ones in the lists, when there are so many that it is worth looking. A ring
  /// or deque keeps its own, of which there are no more than it has cells.
  template <typename LetGo>
  void sweep_stale(LetGo&& let_go) noexcept {
    if (stale_.load(std::memory_order_relaxed) < sweep_at_.load(std::memory_order_relaxed)) return;
    for (TaskSlot* slot = unlink_stale(); slot != nullptr;) {
      TaskSlot& gone = *slot;
      const std::uint32_t next = gone.next_free.load(std::memory_order_relaxed);
      slot = next == kNone ? nullptr : arena_.at(next);
      let_go(gone);
    }
    sweep_at_.store(stale_.load(std::memory_order_relaxed) + sweep_every_, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };
  struct alignas(64) Queue {
    std::atomic<std::uint64_t> used{0};  // written under the mutex
    std::atomic<std::uint64_t> count{0};
    std::mutex mutex;
    std::array<List, kPriorityLevels> levels;  // guarded by mutex
  };
  struct Oldest {
    Queue* queue = nullptr;
    int level = 0;
    std::uint32_t order = 0;
  };

  static int level_of(int priority) { return priority - kLowestPriority; }
  static std::uint64_t bit(int level) { return std::uint64_t{1} << level; }
  /// The highest level in use, from `lowest` on; -1: none.
  static int highest(const Queue& queue, int lowest) noexcept;
  [[nodiscard]] Queue& queue(int number) const noexcept {
    return queues_[static_cast<std::size_t>(number + 1)];
  }
  [[nodiscard]] Queue& shared() const noexcept { return queues_[0]; }
  void append(Queue& to, int level, TaskSlot& slot) noexcept;
  [[nodiscard]] TaskSlot* pop(Queue& from, int level) noexcept;
  [[nodiscard]] TaskSlot* pop_locked(Queue& from, int level) noexcept;
  void find_oldest(Queue& in, Oldest& oldest) noexcept;
  /// Gives: a chain of the stale ones.
  [[nodiscard]] TaskSlot* unlink_stale() noexcept;
  void unlink_stale(Queue& in, int level, TaskSlot*& stale) noexcept;

  SlotArena& arena_;
  const int seats_;
  const bool stealing_;
  const std::uint64_t sweep_every_;
  const std::unique_ptr<Queue[]> queues_;  // the shared one, then one a seat
  std::atomic<bool> in_use_{false};
  std::atomic<std::uint64_t> stale_{0};
  std::atomic<std::uint64_t> sweep_at_;
};

}  // namespace twinpool::threads
