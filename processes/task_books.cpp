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
    settle_slot(slot, word.generation(),
                bytes > extents_.capacity() ? SlotState::kTooLarge : SlotState::kOutOfMemory);
  } else {
    extents_.release(std::exchange(record->result_, *extent));
    slot.result_offset = extent->offset;
    slot.result_capacity = extent->bytes;
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
  harvested->loss = view.loss;
  harvested->timing = view.timing;
  harvested->result_bytes = view.result.size();
  if (view.result.size() <= kInlineResult) {
    std::copy(view.result.begin(), view.result.end(), harvested->inline_result.begin());
    extents_.release(std::exchange(record.result_, {}));
  }
  record.harvested_ = std::move(harvested);
  extents_.release(std::exchange(record.arguments_, {}));
  record.attached_.clear();
  // The Future keeps this record; the slot gets a new one when it is next used.
  records_[record.index_].store(nullptr, std::memory_order_release);
  const std::uint32_t index = record.index_;
  record.mark_.fetch_or(TaskRecord::kHarvested, std::memory_order_acq_rel);
  free_.push_keeping_user(index);
}

void TaskBooks::reclaim(TaskRecord& record) noexcept {
  extents_.release(std::exchange(record.arguments_, {}));
  extents_.release(std::exchange(record.result_, {}));
  record.attached_.clear();
  if (free_.push(record.index_)) delete this;
}

SlotWord TaskRecord::word() const noexcept {
  return {books_.segment_.slot(index_).word.load(std::memory_order_acquire)};
}

bool TaskRecord::ready() const noexcept {
  const SlotWord now = word();
  return now.generation() != generation_ || now.terminal();  // another generation: it was harvested
}

bool TaskRecord::claim_outcome() noexcept {
  std::uint64_t mark = mark_.load(std::memory_order_acquire);
  for (;;) {
    if ((mark & kHarvested) != 0) return false;
    if ((mark & (kHarvesting | kAttaching)) != 0) {  // some other thread needs a moment
      ::sched_yield();
      mark = mark_.load(std::memory_order_acquire);
      continue;
    }
    if (!mark_.compare_exchange_weak(mark, mark | kTaken | kCounted, std::memory_order_acq_rel)) continue;
    if ((mark & kCounted) == 0) books_.count(word().state());
    return true;
  }
}

TaskRecord::View TaskRecord::view_slot() const {
  const Slot& slot = books_.segment_.slot(index_);
  View view{.state = word().state(), .type = type_, .result = {}, .loss = {}, .timing = {}};
  if (slot.submitted_ns != 0) view.timing = {slot.submitted_ns, slot.started_ns, slot.settled_ns};
  if (view.state == SlotState::kLost) {
    if (slot.lost_was_running != 0) {
      const int status = slot.lost_status;
      const bool signalled = (status & 0x7f) != 0;
      view.loss = {.worker = word().worker(),
                   .pid = slot.lost_pid,
                   .signal = signalled ? status & 0x7f : 0,
                   .exit_status = signalled ? 0 : status >> 8 & 0xff,
                   .was_running = true};
    }
  } else if (view.state == SlotState::kDone || view.state == SlotState::kThrew) {
    const std::uint64_t bytes = slot.result_bytes;  // read once, and not trusted: a worker wrote it
    if (bytes <= kInlineResult) {
      view.result = {slot.result, bytes};
    } else if (bytes <= result_.bytes) {
      view.result = books_.segment_.payload().subspan(result_.offset, bytes);
    }
  }
  return view;
}

TaskRecord::View TaskRecord::view_harvested() const {
  const Harvested& from = *harvested_;
  View view{.state = from.state, .type = type_, .result = {}, .loss = from.loss, .timing = from.timing};
  if (from.result_bytes <= kInlineResult) {
    view.result = {from.inline_result.data(), from.result_bytes};
  } else {
    view.result = books_.segment_.payload().subspan(result_.offset, from.result_bytes);
  }
  return view;
}

Failure TaskRecord::failure_of(const View& view) const {
  const std::string name(type_->name);
  switch (view.state) {
    case SlotState::kThrew: {
      Reader in(view.result);
      std::string type = Codec<std::string>::decode(in);
      return {.kind = FailureKind::kThrew,
              .type_name = std::move(type),
              .message = Codec<std::string>::decode(in),
              .loss = {}};
    }
    case SlotState::kLost:
      return {.kind = FailureKind::kWorkerLost,
              .type_name = {},
              .message = describe(view.loss, name),
              .loss = view.loss};
    case SlotState::kTooLarge:
      return {.kind = FailureKind::kResultTooLarge,
              .type_name = {},
              .message = "the result of '" + name + "' is larger than max_shared_bytes",
              .loss = {}};
    case SlotState::kOutOfMemory:
      return {.kind = FailureKind::kOutOfMemory,
              .type_name = {},
              .message = "no shared memory was free for the result of '" + name + "'",
              .loss = {}};
    default:
      return {.kind = FailureKind::kPoolClosed,
              .type_name = {},
              .message = "the pool was stopped before '" + name + "' could finish",
              .loss = {}};
  }
}

std::optional<TaskTiming> TaskRecord::timing() const noexcept {
  // A harvest may move the times while they are read: read, then see whether they had moved.
  TaskTiming times{};
  if ((mark_.load(std::memory_order_acquire) & (kHarvesting | kHarvested)) == 0) {
    const Slot& slot = books_.segment_.slot(index_);
    if (slot.submitted_ns != 0) times = {slot.submitted_ns, slot.started_ns, slot.settled_ns};
  }
  if ((mark_.load(std::memory_order_acquire) & (kHarvesting | kHarvested)) != 0) {
    while ((mark_.load(std::memory_order_acquire) & kHarvested) == 0) ::sched_yield();
    times = harvested_->timing;
  }
  if (times.submitted_ns == 0) return std::nullopt;
  return times;
}

std::optional<Failure> TaskRecord::take(const ResultType& type, void* to) {
  /// Frees the outcome however decoding it ends.
  struct Release {
    TaskRecord& record;
    bool in_slot;
    ~Release() {
      if (in_slot) {
        record.books_.reclaim(record);
      } else {
        record.dispose_harvested();
      }
    }
  };
  const Release release{*this, claim_outcome()};
  const View view = release.in_slot ? view_slot() : view_harvested();
  try {
    if (view.state != SlotState::kDone) return failure_of(view);
    books_.hints_[sequence_].store(view.result.size() > kInlineResult ? view.result.size() : 0,
                                   std::memory_order_relaxed);
    Reader in(view.result, books_.segment_.payload(), attached_);
    type.decode(in, to);
    return std::nullopt;
  } catch (const DecodeError& error) {
    return Failure{
        .kind = FailureKind::kWorkerLost,
        .type_name = {},
        .message = "a worker left a broken result for '" + std::string(type_->name) + "': " + error.what(),
        .loss = WorkerLoss{}};
  }
}

void TaskRecord::dispose_harvested() noexcept {
  TaskBooks& books = books_;
  books.extents_.release(result_);
  delete this;
  books.remove_user();
}

void TaskRecord::release() noexcept {
  // The mark is read before the look at the task: if the task settles in between and somebody notes that, or
  // harvests it, the mark has changed and the exchange fails.
  std::uint64_t mark = mark_.load(std::memory_order_acquire);
  while (!ready()) {
    // From here on the record belongs to the next harvest and may not be touched any more.
    if (mark_.compare_exchange_weak(mark, mark | kDetached, std::memory_order_acq_rel)) return;
  }
  if (claim_outcome()) {
    books_.reclaim(*this);
  } else {
    dispose_harvested();
  }
}

void TaskRecord::spin() const noexcept {
  const Segment& segment = books_.segment_;
  const auto cpu_of = [&](int worker) {
    return static_cast<int>(segment.worker(worker).cpu.load(std::memory_order_relaxed)) - 1;
  };
  const SlotWord now = word();
  int peer = current_cpu();
  if (now.state() == SlotState::kRunning && now.worker() < segment.place_count()) {
    peer = cpu_of(now.worker());
  } else {
    for (int i = 0; i < segment.place_count() && peer == current_cpu(); ++i) peer = cpu_of(i);
  }
  spin_until([this] { return ready(); }, peer);
}

bool TaskRecord::wait_until(std::optional<Clock::time_point> deadline) noexcept {
  if (ready()) return true;
  spin();
  Slot& slot = books_.segment_.slot(index_);
  for (;;) {
    SlotWord now = word();
    if (now.generation() != generation_ || now.terminal()) return true;
    if (!now.has_waiter() &&
        !slot.word.compare_exchange_weak(now.bits, now.with_waiter().bits, std::memory_order_acq_rel)) {
      continue;
    }
    const auto expected = static_cast<std::uint32_t>(now.with_waiter().bits);
    if (!futex_wait(waiter_word(slot), expected, FutexScope::kAllProcesses, deadline)) return ready();
  }
}

}  // namespace twinpool::processes
