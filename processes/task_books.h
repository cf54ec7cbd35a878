// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "processes/endings.h"
#include "processes/extents.h"
#include "processes/free_slots.h"
#include "processes/segment.h"
#include "processes/waiting_tasks.h"
#include "shared/future.h"
#include "shared/stats.h"

namespace twinpool::processes {

class TaskBooks;

/// What one submission asks for beyond being run.
struct TaskTerms {
  WaitingTasks::Where where;
  Endings::Limits limits;
  int attempts = 1;      ///< runs that the user has allowed
  int last_attempt = 1;  ///< fewer where it would be quarantined first (C5)
  bool watched = false;  ///< by Endings
};

/// The owner's private half of one task: what its Future holds.
///
/// As long as nobody needs its slot, the outcome stays there and is decoded from there. When slots run short,
/// `harvest` moves a settled outcome into the record and frees the slot. `mark_` decides between those who
/// want the outcome.
class TaskRecord final : public TaskState {
 public:
  TaskRecord(TaskBooks& books, std::uint32_t index, std::uint32_t generation)
      : books_(books), index_(index), generation_(generation) {}

  [[nodiscard]] bool ready() const noexcept override;
  bool wait_until(std::optional<Clock::time_point> deadline) noexcept override;
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept override;
  [[nodiscard]] std::unique_ptr<Failure> take(const ResultType& type, void* to) override;
  void release() noexcept override;
  bool cancel() noexcept override;
  void when_settled(Continuation& continuation) noexcept override;

 private:
  friend class TaskBooks;

  /// Where the outcome's parts are to be read: in the slot, or in this record once it was harvested.
  struct View {
    SlotState state;
    Ending ending;
    std::span<const std::byte> result;  ///< of a lost task: a LostTrace, or nothing
    WorkerLoss loss;
    TaskTiming timing;
  };
  enum Mark : std::uint64_t {
    kTaken = 1,       ///< the outcome has found its reader, or has been dropped
    kHarvesting = 2,  ///< it is being moved into the record
    kHarvested = 4,   ///< it lies in the record
    kDetached = 8,    ///< there is no Future any more
    kCounted = 16,    ///< it is counted in the statistics
    kAttaching = 32,  ///< the monitor is giving it result memory: who wants the outcome waits
  };
  struct Harvested {
    SlotState state;
    Ending ending;
    WorkerLoss loss;
    TaskTiming timing;
    std::uint64_t result_bytes;
    alignas(kBufferAlignment)
        std::array<std::byte, kInlineResult> inline_result;  ///< a larger one stays in result_
  };

  [[nodiscard]] SlotWord word() const noexcept;
  [[nodiscard]] View view_slot() const;
  [[nodiscard]] View view_harvested() const;
  [[nodiscard]] WorkerLoss loss_in_slot() const;
  [[nodiscard]] std::span<const std::byte> result_in_slot(SlotState state) const;
  [[nodiscard]] Failure failure_of(const View& view) const;
  [[nodiscard]] std::string why_ended(const View& view) const;
  [[nodiscard]] SlotRef ref() const { return make_ref(generation_, index_); }
  /// Takes the continuation, if it has not been called yet.
  [[nodiscard]] Continuation* take_continuation() noexcept {
    return continuation_.exchange(nullptr, std::memory_order_acq_rel);
  }
  /// Wins the outcome for the caller. Gives: false when it lies in the record (harvested).
  bool claim_outcome() noexcept;
  /// Looks at the task for a moment before sleeping, where a worker on another CPU may finish it.
  void spin() const noexcept;
  /// Gives back what a harvested record holds, and the record.
  void dispose_harvested() noexcept;

  TaskBooks& books_;
  const std::uint32_t index_;
  std::uint32_t generation_;
  std::atomic<std::uint64_t> mark_{kTaken};  // generation << 32 | Mark bits
  const TaskType* type_ = nullptr;
  std::uint32_t sequence_ = 0;
  int attempt_ = 1;  // the monitor's while the task may be run again
  bool special_ = false;  // terms_ is valid; otherwise they are the default ones
  TaskTerms terms_;
  std::atomic<Continuation*> continuation_{nullptr};
  Extent arguments_;
  Extent result_;
  std::vector<std::shared_ptr<const SharedBlock>> attached_;
  std::unique_ptr<Harvested> harvested_;
};

/// What the owner knows about its slots, in private memory that no worker can touch: which are free, who
/// waits for which, which payload belongs to which, and how tasks ended.
///
/// Lives until the pool and the last Future and SharedBuffer are gone, and the segment's mapping with it.
/// Threads: safe.
class TaskBooks {
 public:
  static TaskBooks* create(const SegmentShape& shape, std::uint32_t known_tasks) {
    return new TaskBooks(shape, known_tasks);
  }
  /// The pool is gone. Nothing of the books may be touched afterwards by the caller.
  ///
  /// Requires: every task has settled.
  void orphan() {
    // What is left belongs to Futures that were dropped or not taken yet; these keep their results, nothing
    // else.
    harvest(segment_.slot_count());
    if (free_.orphan()) delete this;
  }

  [[nodiscard]] const Segment& segment() const { return segment_; }
  [[nodiscard]] Extents& extents() { return extents_; }

  /// A free slot's record, made ready for a new task of `type`. Gives: none when all slots hold unsettled
  /// tasks.
  TaskRecord* acquire(const TaskType* type, std::uint32_t sequence);
  /// Gives back a record that was not published.
  void abandon(TaskRecord* record);

  /// The parts of a submission that a record keeps. Requires: acquired, not published.
  void attach(TaskRecord& record, Extent arguments, Extent result,
              std::vector<std::shared_ptr<const SharedBlock>> blocks);
  [[nodiscard]] static std::uint32_t index_of(const TaskRecord& record) { return record.index_; }
  [[nodiscard]] static const Extent& arguments_of(const TaskRecord& record) { return record.arguments_; }
  [[nodiscard]] static WaitingTasks::Where where_of(const TaskRecord& record) {
    return record.special_ ? record.terms_.where : WaitingTasks::Where{};
  }
  [[nodiscard]] static const Extent& result_of(const TaskRecord& record) { return record.result_; }
  [[nodiscard]] static std::uint32_t generation_of(const TaskRecord& record) { return record.generation_; }

  /// Payload memory; when there is none, what settled tasks hold is given up first.
  std::optional<Extent> allocate(std::uint64_t bytes);
  /// How large the last result of this function was; 0 when it fits its slot.
  [[nodiscard]] std::uint64_t result_hint(std::uint32_t sequence) const {
    return hints_[sequence].load(std::memory_order_relaxed);
  }
  /// Answers a worker whose result does not fit (kNeedsMemory).
  void attach_result_memory(std::uint32_t index);

  std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes);

  /// What the task is to be held to. Requires: acquired, not published.
  void set_terms(TaskRecord& record, const TaskTerms& terms);
  [[nodiscard]] Endings& endings() { return endings_; }

  /// Looks at a task that the monitor was told of: calls its continuation if it has settled, or queues it anew.
  /// Gives: where it waits now, if it does.
  std::optional<WaitingTasks::Where> serve_note(std::uint32_t index, WaitingTasks& waiting);
  /// Runs after the first of tasks whose worker was lost.
  [[nodiscard]] std::uint64_t retried() const { return retried_.load(std::memory_order_relaxed); }

  /// Adds the outcomes counted so far to `stats` (all but submitted and pending).
  void count_outcomes(PoolStats& stats);

 private:
  friend class TaskRecord;

  TaskBooks(const SegmentShape& shape, std::uint32_t known_tasks);
  ~TaskBooks();
  TaskBooks(const TaskBooks&) = delete;

  std::size_t harvest(std::size_t enough);
  bool harvest_slot(std::uint32_t index);
  void harvest_record(TaskRecord& record, std::unique_ptr<TaskRecord::Harvested> into);
  std::optional<WaitingTasks::Where> run_again(TaskRecord& record, WaitingTasks& waiting);
  TaskRecord* begin_attaching(std::uint32_t index, std::uint32_t generation);
  void count(SlotState state) {
    outcomes_[static_cast<std::size_t>(state)].fetch_add(1, std::memory_order_relaxed);
  }
  /// Frees what the record holds and its slot; the books may be gone afterwards.
  void reclaim(TaskRecord& record) noexcept;
  void remove_user() {
    if (free_.remove_user()) delete this;
  }

  Segment segment_;
  Endings endings_;
  Extents extents_;
  FreeSlots free_;
  std::unique_ptr<std::atomic<TaskRecord*>[]> records_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> hints_;
  std::array<std::atomic<std::uint64_t>, 16> outcomes_{};
  std::atomic<std::uint64_t> retried_{0};

  std::mutex harvest_mutex_;  // whoever replaces records_ entries, or needs them to stay
  std::uint32_t harvest_cursor_ = 0;
};

}  // namespace twinpool::processes
