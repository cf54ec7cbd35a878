// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "shared/scoreboard.h"
#include "shared/stats.h"
#include "shared/function_counts.h"
#include "threads/slot.h"
#include "threads/task_queue.h"

/// One worker's loop: take, run, settle.
namespace twinpool::threads {

class PoolCore;

/// What one worker has done. Written by that worker alone, read by anybody.
struct alignas(64) WorkerCounts {
  std::atomic<std::uint64_t> completed{0};
  std::atomic<std::uint64_t> failed{0};
  // Settled by this worker for certain: counted after the fact, while the two above are counted before it.
  std::atomic<std::uint64_t> settled{0};
  std::atomic<std::uint64_t> busy_ns{0};  // estimated from sampled tasks
};

/// What a worker is told by others, as bits of one word. It looks between two tasks and before it sleeps.
namespace worker_orders {
inline constexpr std::uint32_t kLeave = 1;    ///< go home: recycled, or the pool shrinks
inline constexpr std::uint32_t kOverran = 2;  ///< it counts as stuck: say so once the task has returned
inline constexpr std::uint32_t kLook = 4;     ///< nothing but to look around
}  // namespace worker_orders

/// How far a worker is.
enum class WorkerPhase : std::uint8_t { kAbsent, kArriving, kWorking, kDeparting, kLeft };

/// One place in a pool: a thread at a time works in it, and its counts stay when the next one takes it over.
///
/// Threads: arrive to depart, execute, run_descendant and submit-side calls on `deque` from the worker's own
/// thread; the rest from any.
class Worker {
 public:
  /// Takes: the place's number, which is also its seat's for the first as many as there are seats.
  Worker(PoolCore& core, int place);

  /// The worker whose thread calls; null in other threads.
  static Worker* current() noexcept { return current_worker; }

  /// The whole life of a worker without set-up and tear-down; returns when the pool has ended.
  void run() noexcept;
  /// Names the calling thread, which becomes this worker.
  void arrive() noexcept;
  /// It is ready for tasks, and counts as being there from now on.
  void begin_serving() noexcept;
  /// The loop; returns when the pool has ended, or when this worker was told or allowed to leave.
  void serve() noexcept;
  /// Takes no tasks any more; user code may still run here (tear-down).
  void end_serving() noexcept;
  /// The thread is about to end.
  void depart() noexcept;
  /// Runs one task and settles it; or ends it, when it was cancelled or has waited too long, or the pool is
  /// stopping.
  void execute(TaskSlot& slot) noexcept;
  /// Runs the youngest waiting task that the current task (or one that it ran while waiting) has submitted.
  ///
  /// Only those: another task might wait for something that lies below it on this very stack. What follows
  /// for tasks that wait for each other: README.md, "Tasks that submit and wait".
  bool run_descendant() noexcept;

  /// Keeps a cleared slot for the next submission of this worker's tasks, or for the pool.
  void free_slot(TaskSlot& slot) noexcept {
    if (spare_count_ == kMostSpares) flush_freed();
    spares_[spare_count_++] = &slot;
  }
  /// Gives: null when there is none.
  [[nodiscard]] TaskSlot* take_spare() noexcept { return spare_count_ == 0 ? nullptr : spares_[--spare_count_]; }
  /// Whether a task of this worker may submit one more without being admitted, because several were at once.
  ///
  /// Two workers whose tasks submit would otherwise take the pool's count from each other's cache for each task.
  [[nodiscard]] bool use_allowance(std::uint64_t& sequence) noexcept {
    std::uint32_t left = allowance_.load(std::memory_order_relaxed);
    if (left == 0 || !allowance_.compare_exchange_strong(left, left - 1, std::memory_order_seq_cst)) return false;
    sequence = allowance_end_ - left;
    return true;
  }
  /// Requires: the allowance is used up. `end`: the last one's sequence + 1.
  void grant_allowance(std::uint32_t count, std::uint64_t end) noexcept {
    allowance_end_ = end;
    allowance_.store(count, std::memory_order_seq_cst);
  }
  /// Gives: what was left of it. Threads: any.
  [[nodiscard]] std::uint32_t call_back_allowance() noexcept {
    if (allowance_.load(std::memory_order_seq_cst) == 0) return 0;
    return allowance_.exchange(0, std::memory_order_seq_cst);
  }

  [[nodiscard]] PoolCore& core() const { return core_; }
  [[nodiscard]] int place() const { return index_; }
  /// The logical worker that this place stands for now (WorkerInfo::index).
  [[nodiscard]] int seat() const { return seat_.load(std::memory_order_relaxed); }
  /// Requires: nobody works here. `tasks`: after how many the staff is told that the worker is due; 0: never.
  void appoint(int seat, std::uint64_t tasks) noexcept;
  /// Gives an order (worker_orders) and has the worker look at it, also when it sleeps.
  void order(std::uint32_t bits) noexcept;
  void withdraw(std::uint32_t bits) noexcept { orders_.fetch_and(~bits, std::memory_order_seq_cst); }
  [[nodiscard]] std::uint32_t orders() const { return orders_.load(std::memory_order_seq_cst); }
  [[nodiscard]] WorkerPhase phase() const { return phase_.load(std::memory_order_acquire); }
  /// Tasks that it has finished.
  [[nodiscard]] std::uint64_t finished() const {
    return counts_.completed.load(std::memory_order_relaxed) + counts_.failed.load(std::memory_order_relaxed);
  }
  /// What runs here, as the scoreboard knows it; empty: nothing, or not known.
  [[nodiscard]] std::string task_name() const;
  [[nodiscard]] int thread_id() const { return thread_id_.load(std::memory_order_relaxed); }
  [[nodiscard]] TaskDeque<TaskSlot>& deque() { return deque_; }
  [[nodiscard]] const WorkerCounts& counts() const { return counts_; }
  [[nodiscard]] const FunctionCounts& functions() const { return functions_; }
  /// The outermost task that runs here; null when none does. Sequentially consistent, see execute.
  [[nodiscard]] TaskSlot* running() const { return running_.load(std::memory_order_seq_cst); }
  /// Whether a task runs here, and was begun on `cpu` (-1: anywhere). Relaxed: a hint.
  [[nodiscard]] bool busy_on(int cpu) const {
    return running_.load(std::memory_order_relaxed) != nullptr &&
           (cpu < 0 || cpu_.load(std::memory_order_relaxed) == cpu);
  }
  /// Adds what this worker recorded.
  void add_latency(Histogram& waiting, Histogram& running) const;
  [[nodiscard]] WorkerStats stats() const;

 private:
  static inline constinit thread_local Worker* current_worker = nullptr;
  static constexpr std::uint32_t kNoFunction = UINT32_MAX;
  static constexpr std::uint32_t kMostSpares = 32;
  static constexpr std::uint32_t kRingFirstEvery = 61;

  [[nodiscard]] inline TaskSlot* next() noexcept;
  [[nodiscard]] inline TaskSlot* find() noexcept;
  [[nodiscard]] TaskSlot* find_by_priority() noexcept;
  [[nodiscard]] TaskSlot* find_idly() noexcept;
  [[nodiscard]] TaskSlot* search() noexcept;
  /// Whether this worker, which found nothing, stays for some turns rather than sleep: it was woken for little, its
  /// CPU is in use by others, and another worker is awake. `searching`: it has the searcher's place.
  [[nodiscard]] bool stays(bool searching) const noexcept;
  /// Gives others some turns on this CPU and looks for tasks after each. Gives up the searcher's place, since a turn
  /// can be long.
  [[nodiscard]] TaskSlot* take_turns(bool searching) noexcept;
  /// Wakes the next, if tasks are left that others have counted on this worker for.
  void hand_on() noexcept;
  [[nodiscard]] bool obey() noexcept;
  inline void begin(TaskSlot& slot, std::uint32_t word) noexcept;
  [[nodiscard]] static std::uint32_t run_controlled(TaskSlot& slot) noexcept;
  inline void show(const TaskSlot& slot, std::int64_t now) noexcept;
  inline void settle(TaskSlot& slot, std::uint32_t bits) noexcept;
  /// Takes: the slot's word when its end was counted, and when it was set.
  void recount(std::uint32_t seen, std::uint32_t before, bool completed) noexcept;
  void record_times(std::uint32_t function, const TaskTiming& times) noexcept;
  void flush_freed() noexcept;

  PoolCore& core_;
  const int index_;
  std::atomic<int> thread_id_{0};
  std::atomic<int> seat_;
  std::atomic<WorkerPhase> phase_{WorkerPhase::kAbsent};

  alignas(64) std::atomic<TaskSlot*> running_{nullptr};
  std::atomic<std::uint32_t> orders_{0};  // in a line that only this worker writes often
  std::atomic<int> cpu_{-1};              // where the last task was begun
  std::atomic<std::uint32_t> allowance_{0};
  std::uint64_t allowance_end_ = 0;
  std::uint64_t tasks_until_due_ = 0;     // counts down, so 0 is as good as never
  std::uint64_t finished_before_ = 0;     // by those who worked here before
  std::int64_t mark_ = 0;     // where in the deque the current task's own submissions begin
  std::uint32_t looks_ = 0;
  std::uint32_t takes_ = 0;           // by priority
  std::int64_t awake_since_ = 0;
  int submitter_cpu_ = -1;            // where the last task came from
  std::uint32_t function_ = kNoFunction;  // of the current task
  std::uint32_t named_ = kNoFunction;  // the function that was last made known on the scoreboard
  ScoreboardEntry* const board_;      // null when the pool has none
  std::array<TaskSlot*, kMostSpares> spares_{};
  std::uint32_t spare_count_ = 0;

  WorkerCounts counts_;
  FunctionCounts functions_;
  TaskDeque<TaskSlot> deque_;
  HistogramCells waiting_;
  HistogramCells running_times_;
};

}  // namespace twinpool::threads
