// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "processes/segment.h"

/// The one ring of waiting tasks, which all workers pull from.
///
/// An entry is a SlotRef. Whoever finds the front entry's slot claimed (or gone) may advance the head, so a
/// claimer that dies between its claim and the advance stops nobody. Claim and ownership are one
/// compare-exchange on the slot's word.
namespace twinpool::processes {

/// Appends an entry. Requires: the caller holds the owner's push lock, and the ring has room.
inline void push_entry(const Segment& segment, SlotRef ref) {
  SegmentHeader& header = segment.header();
  const std::uint64_t tail =
      header.tail.load(std::memory_order_relaxed);  // only the holder of the lock writes it
  segment.ring_entry(tail).store(ref, std::memory_order_relaxed);
  // seq_cst: pairs with the worker's last look between setting its idle bit and sleeping. Also publishes the
  // entry.
  header.tail.store(tail + 1, std::memory_order_seq_cst);
}

/// How many entries wait, stale ones included.
[[nodiscard]] inline std::uint64_t backlog(const Segment& segment) {
  const SegmentHeader& header = segment.header();
  const std::uint64_t head = header.head.load(std::memory_order_seq_cst);
  const std::uint64_t tail = header.tail.load(std::memory_order_seq_cst);
  return tail > head ? tail - head : 0;
}

/// Advances the head over entries at the front whose slots no longer wait. Gives: whether the ring is empty
/// then.
inline bool skip_stale(const Segment& segment) {
  SegmentHeader& header = segment.header();
  for (;;) {
    std::uint64_t head = header.head.load(std::memory_order_acquire);
    if (head >= header.tail.load(std::memory_order_seq_cst)) return true;  // seq_cst: see push_entry
    const SlotRef ref = segment.ring_entry(head).load(std::memory_order_relaxed);
    const std::uint32_t index = ref_index(ref);
    if (index < segment.slot_count()) {
      const SlotWord word{segment.slot(index).word.load(std::memory_order_acquire)};
      if (word.generation() == ref_generation(ref) && word.state() == SlotState::kQueued) return false;
    }
    header.head.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
  }
}

/// Claims the first waiting task for worker `me`, or gives none when nothing waits.
///
/// The worker's intent is written before the claim, so whoever finds this worker dead knows the one slot to
/// look at.
inline std::optional<std::uint32_t> claim(const Segment& segment, int me) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(me);
  for (;;) {
    std::uint64_t head = header.head.load(std::memory_order_acquire);
    if (head >= header.tail.load(std::memory_order_seq_cst)) return std::nullopt;  // seq_cst: see push_entry
    const SlotRef ref = segment.ring_entry(head).load(std::memory_order_relaxed);
    const std::uint32_t index = ref_index(ref);
    bool claimed = false;
    if (index < segment.slot_count()) {
      std::atomic<std::uint64_t>& slot_word = segment.slot(index).word;
      SlotWord word{slot_word.load(std::memory_order_acquire)};
      if (word.generation() == ref_generation(ref) && word.state() == SlotState::kQueued) {
        record.intent.store(ref, std::memory_order_release);
        // A failure may only mean that a waiter has set its flag.
        while (!claimed && word.generation() == ref_generation(ref) && word.state() == SlotState::kQueued) {
          const SlotWord mine = word.with(SlotState::kRunning, static_cast<std::uint16_t>(me));
          claimed = slot_word.compare_exchange_weak(word.bits, mine.bits, std::memory_order_acq_rel);
        }
      }
    }
    // Read after a wrap of the ring, `ref` may have been a later entry's; the head then has moved and stays.
    header.head.compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
    if (claimed) return index;
  }
}

}  // namespace twinpool::processes
