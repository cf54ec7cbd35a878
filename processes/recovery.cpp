// SPDX-License-Identifier: Apache-2.0
#include "processes/recovery.h"

#include <unistd.h>

#include <algorithm>

#include "processes/door.h"
#include "processes/task_queue.h"
#include "shared/future.h"

namespace twinpool::processes {
namespace {

/// The futex word of a slot: the low half of its word.
void wake_waiters(Slot& slot) { futex_wake(waiter_word(slot), INT32_MAX, FutexScope::kAllProcesses); }

/// Takes what the dead worker's fault handler has noted into the slot, before somebody else has the place.
void keep_trace(const FaultRecord& fault, Slot& slot) {
  slot.lost_has_trace = fault.written.load(std::memory_order_acquire) != 0 ? 1 : 0;
  if (slot.lost_has_trace == 0) return;
  auto& trace = *::new (static_cast<void*>(slot.result)) LostTrace{};
  trace.address = fault.address;
  trace.has_address = fault.has_address;
  trace.frame_count = std::min(fault.frame_count, LostTrace::kFrames);
  std::copy_n(fault.frames, trace.frame_count, trace.frames);
}

void note_loss(const WorkerRecord& record, Slot& slot, int pid, int status) {
  slot.lost_pid = pid;
  slot.lost_status = status;
  slot.lost_was_running = 1;
  keep_trace(record.fault, slot);
  if (slot.has(kSampled | kTimesStart)) {
    slot.settled_ns = now_ns();
  }
}

[[nodiscard]] bool may_run_again(const Slot& slot, SlotWord word) {
  return word.ending() == Ending::kNone && slot.has(kMayRetry) && slot.attempt < slot.last_attempt;
}

/// Gives: its word before that; none when the task is not that worker's any more.
std::optional<SlotWord> settle_lost(Slot& slot, SlotWord word) {
  const std::uint32_t generation = word.generation();
  const std::uint16_t worker = word.worker();
  // The user may cancel it meanwhile.
  while (word.generation() == generation && word.in_hands() && word.worker() == worker) {
    const SlotWord next =
        may_run_again(slot, word) ? word.with(SlotState::kRequeue) : word.with(word.settled_as(SlotState::kLost));
    if (slot.word.compare_exchange_weak(word.bits, next.bits, std::memory_order_acq_rel)) return word;
  }
  return std::nullopt;
}

}  // namespace

void ring_owner(int owner_bell) {
  if (owner_bell < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto rung = ::write(owner_bell, &one, sizeof one);
}

void note_for_owner(const Segment& segment, std::uint32_t index, int owner_bell) {
  segment.done_word(index).fetch_or(std::uint64_t{1} << (index % 64), std::memory_order_seq_cst);
  // One that dies between these two leaves the bell unrung; whoever recovers it rings in any case.
  if (segment.header().notify_pending.exchange(1, std::memory_order_seq_cst) == 0) ring_owner(owner_bell);
}

void tell_settled(const Segment& segment, std::uint32_t index, SlotWord before, int owner_bell) {
  if (before.has_waiter()) wake_waiters(segment.slot(index));
  if (before.wants_notice()) note_for_owner(segment, index, owner_bell);
}

std::optional<SlotWord> settle_slot(Slot& slot, std::uint32_t generation, SlotState state) {
  SlotWord word{slot.word.load(std::memory_order_acquire)};
  while (word.generation() == generation && word.state() != SlotState::kFree && !word.terminal()) {
    const SlotWord settled = word.with(word.settled_as(state));
    if (slot.word.compare_exchange_weak(word.bits, settled.bits, std::memory_order_acq_rel)) return word;
  }
  return std::nullopt;
}

const TaskType* recover_worker(const Segment& segment, int index, int pid, int status, int owner_bell) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(index);
  header.idle.clear(index);
  header.searching.clear(index);  // it will not look any more

  const TaskType* was_running = nullptr;
  const SlotRef intent = record.intent.load(std::memory_order_acquire);
  if (intent != 0 && ref_index(intent) < segment.slot_count()) {
    Slot& slot = segment.slot(ref_index(intent));
    const SlotWord word{slot.word.load(std::memory_order_acquire)};
    if (word.generation() == ref_generation(intent) && word.in_hands() && word.worker() == index) {
      was_running = slot.type;
      note_loss(record, slot, pid, status);
      settle_lost(slot, word);
    }
    // It may have settled the task and died before it told anybody; the slot may even be in use again since.
    wake_waiters(slot);
    note_for_owner(segment, ref_index(intent), -1);
  }
  record.intent.store(0, std::memory_order_release);
  ring_owner(owner_bell);
  announce_room(segment);
  repair_searchers(segment);
  if (!nothing_for_all(segment)) wake_one(segment);
  hand_on_seat(segment, segment.seat_of(index));
  return was_running;
}

void tell_all_again(const Segment& segment) {
  for (std::uint32_t i = 0; i < segment.slot_count(); ++i) {
    Slot& slot = segment.slot(i);
    const SlotWord word{slot.word.load(std::memory_order_acquire)};
    if (word.terminal() && word.has_waiter()) wake_waiters(slot);
    if ((word.terminal() && word.wants_notice()) || word.state() == SlotState::kRequeue)
      note_for_owner(segment, i, -1);
  }
}

std::size_t end_waiting(const Segment& segment, SlotState state, int owner_bell) {
  std::size_t ended = 0;
  for (std::uint32_t i = 0; i < segment.slot_count(); ++i) {
    Slot& slot = segment.slot(i);
    SlotWord word{slot.word.load(std::memory_order_acquire)};
    while (word.state() == SlotState::kQueued || word.state() == SlotState::kRequeue) {
      if (state == SlotState::kLost) slot.lost_was_running = 0;
      if (!slot.word.compare_exchange_weak(word.bits, word.with(state).bits, std::memory_order_acq_rel)) continue;
      tell_settled(segment, i, word, owner_bell);
      ++ended;
      break;
    }
  }
  skip_stale(segment);
  announce_room(segment);
  return ended;
}

void fail_queued(const Segment& segment, SlotState state, int owner_bell) {
  if (!skip_stale(segment)) end_waiting(segment, state, owner_bell);
}

}  // namespace twinpool::processes
