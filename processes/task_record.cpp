// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>
#include <cstring>

#include "processes/stack_trace.h"
#include "processes/task_books.h"
#include "shared/cpu_aware_spin.h"
#include "shared/futex.h"
#include "shared/spoken_duration.h"

namespace twinpool::processes {

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

std::span<const std::byte> TaskRecord::result_in_slot(SlotState state) const {
  const Slot& slot = books_.segment_.slot(index_);
  if (state == SlotState::kLost) {
    if (slot.lost_was_running == 0 || slot.lost_has_trace == 0) return {};
    return {slot.result, sizeof(LostTrace)};
  }
  if (state != SlotState::kDone && state != SlotState::kThrew) return {};
  const std::uint64_t bytes = slot.result_bytes;  // read once, and not trusted: a worker wrote it
  if (bytes <= kInlineResult) return {slot.room_for(bytes), bytes};
  if (bytes <= result_.bytes) return books_.segment_.payload().subspan(result_.offset, bytes);
  return {};
}

WorkerLoss TaskRecord::loss_in_slot() const {
  const Slot& slot = books_.segment_.slot(index_);
  if (slot.lost_was_running == 0) return {};
  const int status = slot.lost_status;
  const bool signalled = (status & 0x7f) != 0;
  WorkerLoss loss{.worker = books_.segment_.seat_of(word().worker()),
                  .pid = slot.lost_pid,
                  .signal = signalled ? status & 0x7f : 0,
                  .exit_status = signalled ? 0 : status >> 8 & 0xff,
                  .was_running = true,
                  .core_dumped = signalled && (status & 0x80) != 0};
  if (special_) {
    loss.attempt = attempt_;
    loss.attempts = terms_.attempts;
    loss.quarantined = attempt_ >= terms_.last_attempt && attempt_ < terms_.attempts;
  }
  if (slot.has(kSampled) || special_) {
    // Each read once: a worker that scribbles may leave anything here, and may change it meanwhile.
    const std::int64_t started = slot.started_ns.load(std::memory_order_relaxed);
    const std::int64_t settled = slot.settled_ns;
    if (started > 0 && settled > started) loss.ran = std::chrono::nanoseconds(settled - started);
  }
  return loss;
}

TaskRecord::View TaskRecord::view_slot() const {
  const Slot& slot = books_.segment_.slot(index_);
  const SlotWord now = word();
  View view{.state = now.state(), .ending = now.ending(), .result = {}, .loss = {}, .timing = {}};
  if (slot.has(kSampled)) view.timing = {slot.submitted_ns, slot.started_ns, slot.settled_ns};
  view.result = result_in_slot(view.state);
  if (view.state == SlotState::kLost) view.loss = loss_in_slot();
  return view;
}

TaskRecord::View TaskRecord::view_harvested() const {
  const Harvested& from = *harvested_;
  View view{
      .state = from.state, .ending = from.ending, .result = {}, .loss = from.loss, .timing = from.timing};
  if (from.result_bytes <= kInlineResult) {
    view.result = {from.inline_result.data(), from.result_bytes};
  } else {
    view.result = books_.segment_.payload().subspan(result_.offset, from.result_bytes);
  }
  return view;
}

std::string TaskRecord::why_ended(const View& view) const {
  const std::string name = "'" + std::string(type_->name) + "'";
  const bool ran = view.ending != Ending::kNone;
  if (view.state == SlotState::kCancelled) return name + " was cancelled " + (ran ? "while it ran" : "before it ran");
  if (view.state != SlotState::kTimedOut) return "the pool was stopped before " + name + " could finish";
  const Endings::Limits limits = special_ ? terms_.limits : Endings::Limits{};
  return name + (ran ? " ran longer than its run limit of " + spoken(limits.run)
                     : " waited longer than its wait limit of " + spoken(limits.wait));
}

namespace {

/// What the fault handler of the lost worker has left, as far as it was copied for this task. Not trusted.
void add_trace(std::span<const std::byte> bytes, WorkerLoss& loss) {
  if (bytes.size() != sizeof(LostTrace)) return;
  LostTrace trace;
  std::memcpy(&trace, bytes.data(), sizeof trace);
  if (trace.has_address != 0) loss.address = trace.address;
  loss.stack_trace = symbolise({trace.frames, std::min(trace.frame_count, LostTrace::kFrames)});
}

}  // namespace

Failure TaskRecord::failure_of(const View& view) const {
  Failure failure{.kind = FailureKind::kPoolClosed, .type_name = {}, .message = {}, .loss = {}};
  const std::string name(type_->name);
  switch (view.state) {
    case SlotState::kThrew: {
      Reader in(view.result);
      failure.kind = FailureKind::kThrew;
      failure.type_name = Codec<std::string>::decode(in);
      failure.message = Codec<std::string>::decode(in);
      break;
    }
    case SlotState::kLost:
      failure.kind = FailureKind::kWorkerLost;
      failure.loss = view.loss;
      add_trace(view.result, *failure.loss);
      failure.message = describe(*failure.loss, name);
      break;
    case SlotState::kTooLarge:
      failure.kind = FailureKind::kResultTooLarge;
      failure.message = "the result of '" + name + "' is larger than max_shared_bytes";
      break;
    case SlotState::kOutOfMemory:
      failure.kind = FailureKind::kOutOfMemory;
      failure.message = "no shared memory was free for the result of '" + name + "'";
      break;
    case SlotState::kCancelled:
      failure.kind = FailureKind::kCancelled;
      failure.message = why_ended(view);
      break;
    case SlotState::kTimedOut:
      failure.kind = FailureKind::kTimedOut;
      failure.message = why_ended(view);
      break;
    default:
      failure.message = why_ended(view);
  }
  return failure;
}

bool TaskRecord::cancel() noexcept { return !ready() && books_.endings_.cancel(ref()); }

void TaskRecord::when_settled(Continuation& continuation) noexcept {
  // From here on no harvest moves the task, unless it has settled and one has begun: that is seen below.
  continuation_.store(&continuation, std::memory_order_seq_cst);
  std::atomic<std::uint64_t>& slot_word = books_.segment_.slot(index_).word;
  SlotWord now = word();
  while (now.generation() == generation_ && !now.terminal()) {
    if (slot_word.compare_exchange_weak(now.bits, now.with_notice().bits, std::memory_order_seq_cst)) return;
  }
  // The monitor may have been told of this slot for another reason, and be quicker.
  if (Continuation* const mine = take_continuation()) mine->settled();
}

std::optional<TaskTiming> TaskRecord::timing() const noexcept {
  // A harvest may move the times while they are read: read, then see whether they had moved.
  TaskTiming times{};
  if ((mark_.load(std::memory_order_acquire) & (kHarvesting | kHarvested)) == 0) {
    const Slot& slot = books_.segment_.slot(index_);
    if (slot.has(kSampled)) times = {slot.submitted_ns, slot.started_ns, slot.settled_ns};
  }
  if ((mark_.load(std::memory_order_acquire) & (kHarvesting | kHarvested)) != 0) {
    while ((mark_.load(std::memory_order_acquire) & kHarvested) == 0) ::sched_yield();
    times = harvested_->timing;
  }
  if (times.submitted_ns == 0) return std::nullopt;
  return times;
}

std::unique_ptr<Failure> TaskRecord::take(const ResultType& type, void* to) {
  wait_until(std::nullopt);
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
    if (view.state != SlotState::kDone) return std::make_unique<Failure>(failure_of(view));
    books_.hints_[sequence_].store(view.result.size() > kInlineResult ? view.result.size() : 0,
                                   std::memory_order_relaxed);
    Reader in(view.result, books_.segment_.payload(), attached_);
    type.decode(in, to);
    return nullptr;
  } catch (const DecodeError& error) {
    return std::make_unique<Failure>(Failure{
        .kind = FailureKind::kWorkerLost,
        .type_name = {},
        .message = "a worker left a broken result for '" + std::string(type_->name) + "': " + error.what(),
        .loss = WorkerLoss{}});
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
