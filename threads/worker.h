// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shared/stats.h"
#include "threads/slot.h"
#include "threads/task_queue.h"

/// One worker's loop: take, run, settle.
namespace twinpool::threads {

class PoolCore;

/// What one worker has done. Written by that worker alone, read by anybody.
struct alignas(64) WorkerCounts {
  std::atomic<std::uint64_t> completed{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> busy_ns{0};  // estimated from sampled tasks
};

/// Threads: run, execute, run_descendant and submit-side calls on `deque` from the worker's own thread; the
/// rest from any.
class Worker {
 public:
  Worker(PoolCore& core, int index) : core_(core), index_(index) {}

  /// The worker whose thread calls; null in other threads.
  static Worker* current() noexcept { return current_worker; }

  /// The loop; returns when the pool has ended.
  void run() noexcept;
  /// Runs one task and settles it; or ends it, when it was cancelled or has waited too long, or the pool is
  /// stopping.
  void execute(TaskSlot& slot) noexcept;
  /// Runs the youngest waiting task that the current task (or one that it ran while waiting) has submitted.
  ///
  /// Only those: another task might wait for something that lies below it on this very stack. What follows
  /// for tasks that wait for each other: README.md, "Tasks that submit and wait".
  bool run_descendant() noexcept;

  [[nodiscard]] PoolCore& core() const { return core_; }
  /// The logical worker whose queue this one serves.
  [[nodiscard]] int seat() const { return index_; }
  [[nodiscard]] TaskDeque<TaskSlot>& deque() { return deque_; }
  [[nodiscard]] const WorkerCounts& counts() const { return counts_; }
  /// The outermost task that runs here; null when none does. Sequentially consistent, see execute.
  [[nodiscard]] TaskSlot* running() const { return running_.load(std::memory_order_seq_cst); }
  /// Whether a task runs here, and was begun on `cpu` (-1: anywhere). Relaxed: a hint.
  [[nodiscard]] bool busy_on(int cpu) const {
    return running_.load(std::memory_order_relaxed) != nullptr &&
           (cpu < 0 || cpu_.load(std::memory_order_relaxed) == cpu);
  }
  [[nodiscard]] bool left() const { return left_.load(std::memory_order_acquire); }
  /// Adds what this worker recorded.
  void add_latency(Histogram& waiting, Histogram& running) const;
  [[nodiscard]] WorkerStats stats() const;

 private:
  static inline constinit thread_local Worker* current_worker = nullptr;
  static constexpr std::uint32_t kFreedAtOnce = 32;
  static constexpr std::uint32_t kRingFirstEvery = 61;

  [[nodiscard]] TaskSlot* next() noexcept;
  [[nodiscard]] TaskSlot* find() noexcept;
  [[nodiscard]] TaskSlot* find_by_priority() noexcept;
  [[nodiscard]] TaskSlot* find_idly() noexcept;
  [[nodiscard]] TaskSlot* search() noexcept;
  void begin(TaskSlot& slot, std::uint32_t word) noexcept;
  [[nodiscard]] static std::uint32_t run_controlled(TaskSlot& slot) noexcept;
  void settle(TaskSlot& slot, std::uint32_t bits) noexcept;
  /// Takes: the slot's word when its end was counted, and when it was set.
  void recount(std::uint32_t seen, std::uint32_t before, std::atomic<std::uint64_t>& counter) noexcept;
  void record_times(const TaskTiming& times) noexcept;
  void free_slot(TaskSlot& slot) noexcept;
  void flush_freed() noexcept;

  PoolCore& core_;
  const int index_;
  std::atomic<int> thread_id_{0};
  std::atomic<bool> left_{false};

  alignas(64) std::atomic<TaskSlot*> running_{nullptr};
  std::atomic<int> cpu_{-1};  // where the last task was begun
  std::int64_t mark_ = 0;     // where in the deque the current task's own submissions begin
  std::uint32_t looks_ = 0;
  std::uint32_t takes_ = 0;  // by priority
  int submitter_cpu_ = -1;   // where the last task came from
  TaskSlot* freed_first_ = nullptr;
  TaskSlot* freed_last_ = nullptr;
  std::uint32_t freed_count_ = 0;

  WorkerCounts counts_;
  TaskDeque<TaskSlot> deque_;
  HistogramCells waiting_;
  HistogramCells running_times_;
};

}  // namespace twinpool::threads
