// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "processes/segment.h"
#include "processes/task_queue.h"
#include "shared/futex.h"

/// How workers are woken. Each sleeps behind a door (futex) of its own: of two that sleep on one futex, one
/// that is killed takes the wake-up of the other with it.
namespace twinpool::processes {

inline void knock(WorkerRecord& worker) {
  worker.door.fetch_add(1, std::memory_order_release);
  futex_wake(worker.door, 1, FutexScope::kAllProcesses);
}

/// Whether some worker is looking for tasks, or has just been woken to do so.
[[nodiscard]] inline bool somebody_searches(const Segment& segment) {
  const SegmentHeader& header = segment.header();
  for (std::uint32_t i = 0; i < header.worker_words && i < kWorkerWords; ++i) {
    if (header.searching.words[i].load(std::memory_order_seq_cst) != 0) return true;
  }
  return false;
}

/// Wakes one sleeping worker to search, if there is one. Gives: whether there was.
///
/// Its searching bit is set on its behalf, before the knock: until it has looked, nobody wakes another. The
/// idle bit stays the sleeper's own. So when this process dies between bit and knock, the sleeper can be told
/// from the others.
inline bool wake_one(const Segment& segment) {
  SegmentHeader& header = segment.header();
  for (std::uint32_t i = 0; i < header.worker_words && i < kWorkerWords; ++i) {
    std::uint64_t bits = header.idle.words[i].load(std::memory_order_seq_cst) &
                         ~header.searching.words[i].load(std::memory_order_seq_cst);
    for (; bits != 0; bits &= bits - 1) {
      const int worker = static_cast<int>(i * 64) + std::countr_zero(bits);
      if (worker >= segment.place_count() || header.searching.set(worker)) continue;
      if (header.idle.test(worker)) {
        knock(segment.worker(worker));
        return true;
      }
      // It has woken by itself meanwhile, or died, and may be busy for long: nobody may count on it.
      header.searching.clear(worker);
    }
  }
  return false;
}

/// Repairs what a waker may have left half done when it died: it had set a searching bit and not knocked yet,
/// or had found its sleeper awake and not cleared the bit yet. An awake searcher that loses its bit here only
/// costs a wake-up too many.
inline void repair_searchers(const Segment& segment) {
  SegmentHeader& header = segment.header();
  for (int worker = 0; worker < segment.place_count(); ++worker) {
    if (!header.searching.test(worker)) continue;
    if (header.idle.test(worker)) {
      knock(segment.worker(worker));
    } else {
      header.searching.clear(worker);
    }
  }
}

/// Sees to it that what was just pushed is looked at: by a worker that searches, or by one that is woken now.
///
/// A searcher that finds a task wakes the next if more is left, so a burst of submissions costs one wake-up
/// here.
inline void announce_work(const Segment& segment) {
  if (!somebody_searches(segment)) wake_one(segment);
}

/// Tells whoever waits for a task to settle, if anybody does.
inline void announce_room(const Segment& segment) {
  SegmentHeader& header = segment.header();
  // seq_cst: pairs with the waiter, which sets the flag and then looks at the slots once more.
  if (header.room_wanted.load(std::memory_order_seq_cst) == 0) return;
  header.room.fetch_add(1, std::memory_order_release);
  futex_wake(header.room, INT32_MAX, FutexScope::kAllProcesses);
}

}  // namespace twinpool::processes
