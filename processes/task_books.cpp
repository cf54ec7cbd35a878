// SPDX-License-Identifier: Apache-2.0
#include "processes/task_books.h"

#include <sched.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <new>

#include "processes/recovery.h"
#include "shared/cpu_aware_spin.h"
#include "shared/futex.h"

namespace twinpool::processes {

TaskBooks::TaskBooks(const SegmentShape& shape, std::uint32_t known_tasks)
    : segment_(Segment::create(shape)),
      endings_(segment_),
      extents_(segment_),
      free_(shape.slots),
      records_(std::make_unique<std::atomic<TaskRecord*>[]>(shape.slots)),
      hints_(std::make_unique<std::atomic<std::uint64_t>[]>(known_tasks)) {}

TaskBooks::~TaskBooks() {
  for (std::uint32_t i = 0; i < segment_.slot_count(); ++i)
    delete records_[i].load(std::memory_order_relaxed);
}

TaskRecord* TaskBooks::acquire(const TaskType* type, std::uint32_t sequence) {
  auto index = free_.pop();
  while (!index) {
    // Enough at a time that the scan is paid for by many submissions.
    const std::size_t freed = harvest(std::max<std::size_t>(64, segment_.slot_count() / 8));
    index = free_.pop();  // also when nothing was freed here: another thread may have given one back
    if (freed == 0) break;
  }
  if (!index) return nullptr;
  TaskRecord* record = records_[*index].load(std::memory_order_acquire);
  if (record == nullptr) {
    const auto last = SlotWord{segment_.slot(*index).word.load(std::memory_order_relaxed)}.generation();
    record = new (std::nothrow) TaskRecord(*this, *index, last);
    if (record == nullptr) {
      free_.push_keeping_user(*index);
      remove_user();
      throw std::bad_alloc();
    }
    records_[*index].store(record, std::memory_order_release);
  }
  ++record->generation_;
  record->type_ = type;
  record->sequence_ = sequence;
  record->special_ = false;
  record->mark_.store(std::uint64_t{record->generation_} << 32, std::memory_order_release);
  return record;
}

void TaskBooks::abandon(TaskRecord* record) {
  record->mark_.fetch_or(TaskRecord::kTaken | TaskRecord::kCounted, std::memory_order_acq_rel);
  reclaim(*record);
}

void TaskBooks::attach(TaskRecord& record, Extent arguments, Extent result,
                       std::vector<std::shared_ptr<const SharedBlock>> blocks) {
  record.arguments_ = arguments;
  record.result_ = result;
  record.attached_ = std::move(blocks);
}

void TaskBooks::set_terms(TaskRecord& record, const TaskTerms& terms) {
  record.terms_ = terms;
  record.attempt_ = 1;
  record.special_ = true;
}

std::optional<WaitingTasks::Where> TaskBooks::serve_note(std::uint32_t index, WaitingTasks& waiting) {
  Continuation* continuation = nullptr;
  {
    // As long as it is held, the record is the slot's.
    const std::lock_guard lock(harvest_mutex_);
    TaskRecord* const record = records_[index].load(std::memory_order_acquire);
    if (record == nullptr) return std::nullopt;
    const SlotWord word{segment_.slot(index).word.load(std::memory_order_acquire)};
    if (word.state() == SlotState::kRequeue && word.generation() == record->generation_)
      return run_again(*record, waiting);
    if (word.terminal() && word.wants_notice()) continuation = record->take_continuation();
  }
  if (continuation != nullptr) continuation->settled();
  return std::nullopt;
}

/// Requires: harvest_mutex_; the record's task is in kRequeue, so nobody else moves it but to end it.
std::optional<WaitingTasks::Where> TaskBooks::run_again(TaskRecord& record, WaitingTasks& waiting) {
  Slot& slot = segment_.slot(record.index_);
  const SlotRef ref = record.ref();
  if (!record.special_ || record.attempt_ >= record.terms_.last_attempt) {
    endings_.settle(ref, SlotState::kLost);  // a worker has scribbled over its slot
    return std::nullopt;
  }
  slot.attempt = static_cast<std::uint32_t>(++record.attempt_);
  slot.last_attempt = static_cast<std::uint32_t>(record.terms_.last_attempt);
  slot.started_ns.store(0, std::memory_order_relaxed);
  if (!waiting.push_again(ref, record.terms_.where)) {
    endings_.settle(ref, SlotState::kClosed);  // unless it was cancelled just now
    return std::nullopt;
  }
  retried_.fetch_add(1, std::memory_order_relaxed);
  endings_.waits_again(ref);
  return record.terms_.where;
}

std::optional<Extent> TaskBooks::allocate(std::uint64_t bytes) {
  auto extent = extents_.allocate(bytes);
  while (!extent) {
    const std::size_t freed = harvest(segment_.slot_count());
    extent = extents_.allocate(bytes);
    if (freed == 0) break;
  }
  return extent;
}

/// Keeps the record of a running task from being taken, harvested or used anew. Gives: null when it is too
/// late for that.
TaskRecord* TaskBooks::begin_attaching(std::uint32_t index, std::uint32_t generation) {
  const std::lock_guard lock(harvest_mutex_);
  TaskRecord* const record = records_[index].load(std::memory_order_acquire);
  if (record == nullptr) return nullptr;
  std::uint64_t mark = record->mark_.load(std::memory_order_acquire);
  constexpr std::uint64_t kGone = TaskRecord::kTaken | TaskRecord::kHarvesting | TaskRecord::kHarvested;
  while (mark >> 32 == generation && (mark & kGone) == 0) {
    if (record->mark_.compare_exchange_weak(mark, mark | TaskRecord::kAttaching, std::memory_order_acq_rel)) {
      return record;
    }
  }
  return nullptr;
}

void TaskBooks::attach_result_memory(std::uint32_t index) {
  Slot& slot = segment_.slot(index);
  SlotWord word{slot.word.load(std::memory_order_acquire)};
  if (word.state() != SlotState::kNeedsMemory) return;
  const std::uint64_t bytes = slot.result_bytes;  // read once: the worker might change it
  TaskRecord* const record = begin_attaching(index, word.generation());
  if (record == nullptr) return;
  const auto extent = bytes <= extents_.capacity() ? allocate(bytes) : std::nullopt;
  if (!extent) {
    endings_.settle(record->ref(), bytes > extents_.capacity() ? SlotState::kTooLarge : SlotState::kOutOfMemory);
  } else {
    extents_.release(std::exchange(record->result_, *extent));
    slot.result_offset = extent->offset;
    slot.result_capacity = extent->bytes;
    slot.control.fetch_or(kResultApart, std::memory_order_relaxed);
    while (word.state() == SlotState::kNeedsMemory &&
           !slot.word.compare_exchange_weak(word.bits, word.with(SlotState::kRunning).bits,
                                            std::memory_order_acq_rel)) {
    }
  }
  record->mark_.fetch_and(~std::uint64_t{TaskRecord::kAttaching}, std::memory_order_acq_rel);
  futex_wake(waiter_word(slot), INT_MAX, FutexScope::kAllProcesses);  // the worker waits there
}

std::shared_ptr<const SharedBlock> TaskBooks::allocate_shared(std::size_t bytes) {
  const auto extent = allocate(std::max<std::size_t>(bytes, 1));
  if (!extent) throw std::bad_alloc();
  std::byte* const data = segment_.payload().data() + extent->offset;
  std::memset(data, 0, bytes);
  if (!free_.add_user()) {
    extents_.release(*extent);
    throw std::bad_alloc();
  }
  const auto give_back = [this, extent = *extent](const SharedBlock* block) {
    delete block;
    extents_.release(extent);
    remove_user();
  };
  return {new SharedBlock{.data = data, .bytes = bytes, .offset = extent->offset, .home = this}, give_back};
}

void TaskBooks::count_outcomes(PoolStats& stats) {
  const std::lock_guard lock(harvest_mutex_);
  for (std::uint32_t i = 0; i < segment_.slot_count(); ++i) {
    TaskRecord* const record = records_[i].load(std::memory_order_acquire);
    if (record == nullptr) continue;
    const SlotWord word{segment_.slot(i).word.load(std::memory_order_acquire)};
    if (!word.terminal()) continue;
    std::uint64_t mark = record->mark_.load(std::memory_order_acquire);
    if (mark >> 32 == word.generation() && (mark & TaskRecord::kDetached) != 0) {
      harvest_slot(i);  // nobody will come for it: what it holds is free from now on
      continue;
    }
    while (mark >> 32 == word.generation() && (mark & (TaskRecord::kTaken | TaskRecord::kCounted)) == 0) {
      if (record->mark_.compare_exchange_weak(mark, mark | TaskRecord::kCounted, std::memory_order_acq_rel)) {
        count(word.state());
        break;
      }
    }
  }
  const auto counted = [&](SlotState state) {
    return outcomes_[static_cast<std::size_t>(state)].load(std::memory_order_relaxed);
  };
  stats.completed = counted(SlotState::kDone);
  stats.failed =
      counted(SlotState::kThrew) + counted(SlotState::kTooLarge) + counted(SlotState::kOutOfMemory);
  stats.cancelled = counted(SlotState::kCancelled);
  stats.timed_out = counted(SlotState::kTimedOut);
  stats.lost = counted(SlotState::kLost);
  stats.rejected_later = counted(SlotState::kClosed);
}

std::size_t TaskBooks::harvest(std::size_t enough) {
  const std::lock_guard lock(harvest_mutex_);
  std::size_t freed = 0;
  for (std::uint32_t looked = 0; looked < segment_.slot_count() && freed < enough; ++looked) {
    harvest_cursor_ = harvest_cursor_ + 1 < segment_.slot_count() ? harvest_cursor_ + 1 : 0;
    if (harvest_slot(harvest_cursor_)) ++freed;
  }
  return freed;
}

bool TaskBooks::harvest_slot(std::uint32_t index) {
  TaskRecord* const record = records_[index].load(std::memory_order_acquire);
  if (record == nullptr) return false;
  const SlotWord word{segment_.slot(index).word.load(std::memory_order_acquire)};
  if (!word.terminal()) return false;
  // Who wants to hear of it needs the record here until it has heard.
  if (record->continuation_.load(std::memory_order_acquire) != nullptr) return false;
  std::uint64_t mark = record->mark_.load(std::memory_order_acquire);
  std::unique_ptr<TaskRecord::Harvested> into;
  for (;;) {
    constexpr std::uint64_t kOthers = TaskRecord::kTaken | TaskRecord::kAttaching | TaskRecord::kHarvesting;
    if (mark >> 32 != word.generation() || (mark & kOthers) != 0) return false;
    const bool detached = (mark & TaskRecord::kDetached) != 0;
    // Before the mark says that it is being moved: from then on it has to be.
    if (!detached && into == nullptr) into.reset(new (std::nothrow) TaskRecord::Harvested);
    if (!detached && into == nullptr) return false;
    const TaskRecord::Mark by = detached ? TaskRecord::kTaken : TaskRecord::kHarvesting;
    const std::uint64_t won = mark | TaskRecord::kCounted | by;
    if (!record->mark_.compare_exchange_weak(mark, won, std::memory_order_acq_rel)) continue;
    if ((mark & TaskRecord::kCounted) == 0) count(word.state());
    if (detached) {
      reclaim(*record);
    } else {
      harvest_record(*record, std::move(into));
    }
    return true;
  }
}

void TaskBooks::harvest_record(TaskRecord& record, std::unique_ptr<TaskRecord::Harvested> harvested) {
  const TaskRecord::View view = record.view_slot();
  harvested->state = view.state;
  harvested->ending = view.ending;
  harvested->loss = view.loss;
  harvested->timing = view.timing;
  harvested->result_bytes = view.result.size();
  if (view.result.size() <= kInlineResult) {
    std::copy(view.result.begin(), view.result.end(), harvested->inline_result.begin());
    extents_.release(std::exchange(record.result_, {}));
  }
  const bool may_share = view.state == SlotState::kDone && record.type_->result->may_share;
  record.harvested_ = std::move(harvested);
  if (record.special_ && record.terms_.watched) endings_.forget(record.ref());
  extents_.release(std::exchange(record.arguments_, {}));
  if (!may_share) record.attached_.clear();
  // The Future keeps this record; the slot gets a new one when it is next used.
  records_[record.index_].store(nullptr, std::memory_order_release);
  const std::uint32_t index = record.index_;
  record.mark_.fetch_or(TaskRecord::kHarvested, std::memory_order_acq_rel);
  free_.push_keeping_user(index);
}

void TaskBooks::reclaim(TaskRecord& record) noexcept {
  if (record.special_ && record.terms_.watched) endings_.forget(record.ref());
  extents_.release(std::exchange(record.arguments_, {}));
  extents_.release(std::exchange(record.result_, {}));
  record.attached_.clear();
  if (free_.push(record.index_)) delete this;
}

}  // namespace twinpool::processes
