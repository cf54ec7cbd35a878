// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "processes/segment.h"

/// The rings of waiting tasks, as workers (and whoever repairs things) see them.
///
/// Queue 0 is everybody's, queue 1 + s is seat s's own; each has a ring a priority. Most pools use one ring:
/// that of priority 0 in queue 0, whose ends lie in the header. An entry is a SlotRef. Whoever finds the front
/// entry's slot claimed (or gone) may advance the head, so a claimer that dies between its claim and the advance
/// stops nobody. Claim and ownership are one compare-exchange on the slot's word.
namespace twinpool::processes {

/// One ring: where its ends and its entries are.
struct Ring {
  std::atomic<std::uint64_t>* head;
  std::atomic<std::uint64_t>* tail;
  std::atomic<SlotRef>* entries;
  std::uint64_t mask;

  [[nodiscard]] std::atomic<SlotRef>& entry(std::uint64_t position) const { return entries[position & mask]; }
};

inline constexpr int kSharedQueue = 0;
[[nodiscard]] constexpr int own_queue(int seat) { return 1 + seat; }
[[nodiscard]] constexpr int level_of(int priority) { return priority - kLowestPriority; }

/// The ring of priority 0 that all share.
[[nodiscard]] inline Ring shared_ring(const Segment& segment) {
  SegmentHeader& header = segment.header();
  return {&header.head, &header.tail, &segment.ring_entry(0), segment.ring_size() - 1};
}
/// Requires: the ring is in use.
[[nodiscard]] inline Ring ring_of(const Segment& segment, int queue, int level) {
  if (queue == kSharedQueue && level == kLevelOfPriorityZero) return shared_ring(segment);
  RingEnds& ends = segment.queue(queue).rings[level];
  return {&ends.head, &ends.tail, segment.ring_entries(queue, level), segment.ring_size() - 1};
}

/// Whether `ref` still is a task that waits.
[[nodiscard]] inline bool still_waits(const Segment& segment, SlotRef ref) {
  const std::uint32_t index = ref_index(ref);
  if (index >= segment.slot_count()) return false;
  const SlotWord word{segment.slot(index).word.load(std::memory_order_acquire)};
  return word.generation() == ref_generation(ref) && word.state() == SlotState::kQueued;
}

/// Whether the worker at `place` has a task in its hands. A hint.
[[nodiscard]] inline bool is_busy(const Segment& segment, int place) {
  const SlotRef intent = segment.worker(place).intent.load(std::memory_order_acquire);
  if (intent == 0 || ref_index(intent) >= segment.slot_count()) return false;
  const SlotWord word{segment.slot(ref_index(intent)).word.load(std::memory_order_acquire)};
  return word.generation() == ref_generation(intent) && word.in_hands() && word.worker() == place;
}

/// Advances the head over entries at the front whose tasks no longer wait. Gives: the front entry; 0 when the
/// ring is empty then.
inline SlotRef front_of(const Segment& segment, const Ring& ring) {
  // No ring holds more: a head or tail that somebody has scribbled over keeps nobody here.
  for (std::uint64_t looked = 0; looked <= ring.mask + 1; ++looked) {
    std::uint64_t head = ring.head->load(std::memory_order_acquire);
    if (head >= ring.tail->load(std::memory_order_seq_cst)) return 0;  // seq_cst: see push_entry
    // acquire: pairs with WaitingTasks::compact, which copies an entry on before it clears it.
    const SlotRef ref = ring.entry(head).load(std::memory_order_acquire);
    if (still_waits(segment, ref)) return ref;
    ring.head->compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
  }
  return 0;
}

/// Appends an entry to the shared ring of priority 0. Requires: the caller holds the owner's push lock, and the
/// ring has room. (The pool itself goes by WaitingTasks, which keeps the tails where no worker can write.)
inline void push_entry(const Segment& segment, SlotRef ref) {
  const Ring ring = shared_ring(segment);
  const std::uint64_t tail = ring.tail->load(std::memory_order_relaxed);  // only the holder of the lock writes it
  ring.entry(tail).store(ref, std::memory_order_relaxed);
  // seq_cst: pairs with the worker's last look between setting its idle bit and sleeping. Also publishes the
  // entry.
  ring.tail->store(tail + 1, std::memory_order_seq_cst);
}

namespace rings {
[[nodiscard]] std::uint64_t count_all_entries(const Segment& segment);
[[nodiscard]] std::optional<std::uint32_t> claim_among_rings(const Segment& segment, int me);
[[nodiscard]] bool all_rings_empty(const Segment& segment);
[[nodiscard]] bool nothing_for_seat(const Segment& segment, int seat);
[[nodiscard]] bool nothing_for_anybody(const Segment& segment);
}  // namespace rings

/// Whether other rings are in use beside the shared one of priority 0.
[[nodiscard]] inline bool has_more_rings(const Segment& segment) {
  return segment.header().more_rings.load(std::memory_order_seq_cst) != 0;
}

/// How many entries wait in a ring, stale ones included.
[[nodiscard]] inline std::uint64_t backlog(const Ring& ring) {
  const std::uint64_t head = ring.head->load(std::memory_order_seq_cst);
  const std::uint64_t tail = ring.tail->load(std::memory_order_seq_cst);
  return tail > head ? tail - head : 0;
}
/// In all rings.
[[nodiscard]] inline std::uint64_t backlog(const Segment& segment) {
  return has_more_rings(segment) ? rings::count_all_entries(segment) : backlog(shared_ring(segment));
}

/// Advances heads over entries whose tasks no longer wait. Gives: whether no task waits in any ring.
inline bool skip_stale(const Segment& segment) {
  if (front_of(segment, shared_ring(segment)) != 0) return false;
  return !has_more_rings(segment) || rings::all_rings_empty(segment);
}
/// Whether nothing waits that the worker of `seat` may begin: it is paused, or the queues that it may take from
/// are empty.
inline bool nothing_for(const Segment& segment, int seat) {
  if (segment.header().paused.load(std::memory_order_seq_cst) != 0) return true;
  if (front_of(segment, shared_ring(segment)) != 0) return false;
  return !has_more_rings(segment) || rings::nothing_for_seat(segment, seat);
}
/// Whether nothing waits that every worker may begin.
inline bool nothing_for_all(const Segment& segment) {
  if (segment.header().paused.load(std::memory_order_seq_cst) != 0) return true;
  if (front_of(segment, shared_ring(segment)) != 0) return false;
  return !has_more_rings(segment) || rings::nothing_for_anybody(segment);
}

/// Claims the first task of one ring that still waits for worker `me`, or gives none when nothing waits there.
///
/// The worker's intent is written before the claim, so whoever finds this worker dead knows the one slot to
/// look at.
inline std::optional<std::uint32_t> claim_from(const Segment& segment, const Ring& ring, int me) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(me);
  for (;;) {
    std::uint64_t head = ring.head->load(std::memory_order_acquire);
    if (head >= ring.tail->load(std::memory_order_seq_cst)) return std::nullopt;  // seq_cst: see push_entry
    // After the tail: what was pushed while the pool was paused is not begun.
    if (header.paused.load(std::memory_order_acquire) != 0) return std::nullopt;
    const SlotRef ref = ring.entry(head).load(std::memory_order_acquire);  // acquire: as in front_of
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
    ring.head->compare_exchange_strong(head, head + 1, std::memory_order_acq_rel);
    if (claimed) return index;
  }
}

/// Claims the task that worker `me` is to run next, or gives none when there is none for it.
///
/// Rule (C6): from its own queue and that of all, the highest priority first, of equal ones its own; each
/// kAgeingInterval-th one is that which was pushed first; then, with stealing or where nobody has the seat, the
/// highest priority of other seats' queues.
inline std::optional<std::uint32_t> claim(const Segment& segment, int me) {
  if (segment.header().more_rings.load(std::memory_order_acquire) == 0)
    return claim_from(segment, shared_ring(segment), me);
  return rings::claim_among_rings(segment, me);
}

}  // namespace twinpool::processes
