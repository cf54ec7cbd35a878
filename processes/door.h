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

/// Wakes one sleeping worker, if there is one. Gives: whether there was.
inline bool wake_one(const Segment& segment) {
  SegmentHeader& header = segment.header();
  for (std::uint32_t i = 0; i < header.worker_words && i < kWorkerWords; ++i) {
    for (std::uint64_t bits = header.idle.words[i].load(std::memory_order_seq_cst); bits != 0;
         bits &= bits - 1) {
      const int worker = static_cast<int>(i * 64) + std::countr_zero(bits);
      if (worker >= segment.worker_count() || !header.idle.clear(worker)) continue;
      knock(segment.worker(worker));
      return true;
    }
  }
  return false;
}

/// Sees to it that what was just pushed is looked at: by a worker that is searching, or by one that is woken
/// now.
inline void announce_work(const Segment& segment) {
  const SegmentHeader& header = segment.header();
  std::uint64_t searchers = 0;
  for (std::uint32_t i = 0; i < header.worker_words && i < kWorkerWords; ++i) {
    searchers +=
        static_cast<unsigned>(std::popcount(header.searching.words[i].load(std::memory_order_seq_cst)));
  }
  if (searchers != 0 && backlog(segment) <= searchers) return;
  wake_one(segment);
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
