// SPDX-License-Identifier: Apache-2.0
#include "processes/recovery.h"

#include "processes/door.h"
#include "processes/task_queue.h"

namespace twinpool::processes {
namespace {

/// The futex word of a slot: the low half of its word.
void wake_waiters(Slot& slot) { futex_wake(waiter_word(slot), INT32_MAX, FutexScope::kAllProcesses); }

bool is_running(SlotWord word, int worker) {
  return (word.state() == SlotState::kRunning || word.state() == SlotState::kNeedsMemory) &&
         word.worker() == worker;
}

}  // namespace

bool settle_slot(Slot& slot, std::uint32_t generation, SlotState state) {
  SlotWord word{slot.word.load(std::memory_order_acquire)};
  while (word.generation() == generation && word.state() != SlotState::kFree && !word.terminal()) {
    if (!slot.word.compare_exchange_weak(word.bits, word.with(state).bits, std::memory_order_acq_rel))
      continue;
    if (word.has_waiter()) wake_waiters(slot);
    return true;
  }
  return false;
}

const TaskType* recover_worker(const Segment& segment, int index, int pid, int status) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(index);
  header.idle.clear(index);
  header.searching.clear(index);  // it will not look any more

  const TaskType* was_running = nullptr;
  const SlotRef intent = record.intent.load(std::memory_order_acquire);
  if (intent != 0 && ref_index(intent) < segment.slot_count()) {
    Slot& slot = segment.slot(ref_index(intent));
    const SlotWord word{slot.word.load(std::memory_order_acquire)};
    if (word.generation() == ref_generation(intent) && is_running(word, index)) {
      was_running = slot.type;
      slot.lost_pid = pid;
      slot.lost_status = status;
      slot.lost_was_running = 1;
      settle_slot(slot, word.generation(), SlotState::kLost);
    }
    // It may have settled the task and died before it woke the waiter; the slot may even be in use again
    // since.
    wake_waiters(slot);
  }
  record.intent.store(0, std::memory_order_release);
  announce_room(segment);
  repair_searchers(segment);
  if (!skip_stale(segment)) wake_one(segment);
  return was_running;
}

void wake_all_waiters(const Segment& segment) {
  for (std::uint32_t i = 0; i < segment.slot_count(); ++i) {
    Slot& slot = segment.slot(i);
    const SlotWord word{slot.word.load(std::memory_order_acquire)};
    if (word.terminal() && word.has_waiter()) wake_waiters(slot);
  }
}

void fail_queued(const Segment& segment, SlotState state) {
  SegmentHeader& header = segment.header();
  const std::uint64_t tail = header.tail.load(std::memory_order_acquire);
  for (std::uint64_t at = header.head.load(std::memory_order_acquire); at < tail; ++at) {
    const SlotRef ref = segment.ring_entry(at).load(std::memory_order_relaxed);
    if (ref_index(ref) >= segment.slot_count()) continue;
    Slot& slot = segment.slot(ref_index(ref));
    SlotWord word{slot.word.load(std::memory_order_acquire)};
    while (word.generation() == ref_generation(ref) && word.state() == SlotState::kQueued) {
      if (state == SlotState::kLost) slot.lost_was_running = 0;
      if (slot.word.compare_exchange_weak(word.bits, word.with(state).bits, std::memory_order_acq_rel)) {
        if (word.has_waiter()) wake_waiters(slot);
        break;
      }
    }
  }
  skip_stale(segment);
  announce_room(segment);
}

}  // namespace twinpool::processes
