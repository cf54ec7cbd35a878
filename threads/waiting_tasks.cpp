// SPDX-License-Identifier: Apache-2.0
#include "threads/waiting_tasks.h"

#include <algorithm>
#include <bit>

namespace twinpool::threads {

static_assert(kPriorityLevels <= 64, "a bitmap says which levels are in use");

WaitingTasks::WaitingTasks(SlotArena& arena, int seats, bool stealing, std::size_t limit)
    : arena_(arena),
      seats_(seats),
      stealing_(stealing),
      sweep_every_(std::max<std::uint64_t>(limit, 1024)),
      queues_(std::make_unique<Queue[]>(static_cast<std::size_t>(seats) + 1)),
      sweep_at_(sweep_every_) {}

int WaitingTasks::highest(const Queue& queue, int lowest) noexcept {
  const std::uint64_t used = queue.used.load(std::memory_order_acquire) >> lowest << lowest;
  return static_cast<int>(std::bit_width(used)) - 1;
}

void WaitingTasks::append(Queue& to, int level, TaskSlot& slot) noexcept {
  const std::lock_guard lock(to.mutex);
  slot.next_free.store(kNone, std::memory_order_relaxed);
  List& list = to.levels[static_cast<std::size_t>(level)];
  if (list.first == kNone) {
    list.first = slot.index();
  } else {
    arena_.at(list.last)->next_free.store(slot.index(), std::memory_order_relaxed);
  }
  list.last = slot.index();
  to.count.store(to.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  to.used.store(to.used.load(std::memory_order_relaxed) | bit(level), std::memory_order_seq_cst);
}

void WaitingTasks::push(TaskSlot& slot, int to, int priority) noexcept {
  if (!in_use_.load(std::memory_order_seq_cst)) in_use_.store(true, std::memory_order_seq_cst);
  append(queue(to), level_of(priority), slot);
}

TaskSlot* WaitingTasks::pop_locked(Queue& from, int level) noexcept {
  List& list = from.levels[static_cast<std::size_t>(level)];
  if (list.first == kNone) return nullptr;
  TaskSlot& slot = *arena_.at(list.first);
  list.first = slot.next_free.load(std::memory_order_relaxed);
  from.count.store(from.count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (list.first == kNone) {
    from.used.store(from.used.load(std::memory_order_relaxed) & ~bit(level), std::memory_order_seq_cst);
  }
  return &slot;
}

TaskSlot* WaitingTasks::pop(Queue& from, int level) noexcept {
  const std::lock_guard lock(from.mutex);
  return pop_locked(from, level);
}

TaskSlot* WaitingTasks::take(int seat, int lowest_priority) noexcept {
  const int lowest = level_of(lowest_priority);
  Queue& own = queue(seat);
  for (;;) {
    const int of_own = highest(own, lowest);
    const int of_all = highest(shared(), lowest);
    if (of_own < 0 && of_all < 0) return nullptr;
    // Null: another thread was quicker, look again.
    if (TaskSlot* const slot = of_own >= of_all ? pop(own, of_own) : pop(shared(), of_all)) return slot;
  }
}

TaskSlot* WaitingTasks::take_own(int seat, int lowest_priority) noexcept {
  Queue& own = queue(seat);
  for (int level; (level = highest(own, level_of(lowest_priority))) >= 0;) {
    if (TaskSlot* const slot = pop(own, level)) return slot;
  }
  return nullptr;
}

void WaitingTasks::find_oldest(Queue& in, Oldest& oldest) noexcept {
  if (in.used.load(std::memory_order_acquire) == 0) return;
  const std::lock_guard lock(in.mutex);
  for (std::uint64_t used = in.used.load(std::memory_order_relaxed); used != 0; used &= used - 1) {
    const int level = std::countr_zero(used);
    const std::uint32_t order = arena_.at(in.levels[static_cast<std::size_t>(level)].first)->order();
    // Signed: the numbers wrap.
    if (oldest.queue == nullptr || static_cast<std::int32_t>(order - oldest.order) < 0) {
      oldest = {&in, level, order};
    }
  }
}

TaskSlot* WaitingTasks::take_oldest(int seat, TaskRing<TaskSlot>& ring) noexcept {
  Oldest oldest;
  find_oldest(queue(seat), oldest);
  find_oldest(shared(), oldest);
  const TaskSlot* const front = ring.front();
  if (oldest.queue == nullptr ||
      (front != nullptr && static_cast<std::int32_t>(front->order() - oldest.order) < 0)) {
    return ring.pop();
  }
  return pop(*oldest.queue, oldest.level);
}

TaskSlot* WaitingTasks::steal(int thief) noexcept {
  if (!stealing_) return nullptr;
  for (;;) {
    Queue* best = nullptr;
    int best_level = -1;
    for (int i = 1; i < seats_; ++i) {
      Queue& other = queue((thief + i) % seats_);
      if (const int level = highest(other, 0); level > best_level) {
        best = &other;
        best_level = level;
      }
    }
    if (best == nullptr) return nullptr;
    if (TaskSlot* const slot = pop(*best, best_level)) return slot;
  }
}

TaskSlot* WaitingTasks::take_any() noexcept {
  for (int i = kShared; i < seats_; ++i) {
    Queue& from = queue(i);
    while (from.used.load(std::memory_order_seq_cst) != 0) {
      if (TaskSlot* const slot = pop(from, std::max(highest(from, 0), 0))) return slot;
    }
  }
  return nullptr;
}

void WaitingTasks::release(int seat) noexcept {
  Queue& from = queue(seat);
  for (int level; (level = highest(from, 0)) >= 0;) {
    if (TaskSlot* const slot = pop(from, level)) append(shared(), level, *slot);
  }
}

bool WaitingTasks::has_for_any() const noexcept {
  if (!in_use_.load(std::memory_order_seq_cst)) return false;
  if (shared().used.load(std::memory_order_seq_cst) != 0) return true;
  for (int i = 0; stealing_ && i < seats_; ++i) {
    if (queue(i).used.load(std::memory_order_seq_cst) != 0) return true;
  }
  return false;
}

std::uint64_t WaitingTasks::queued(int seat) const noexcept {
  return queue(seat).count.load(std::memory_order_relaxed);
}

void WaitingTasks::unlink_stale(Queue& in, int level, TaskSlot*& stale) noexcept {
  List kept;
  std::uint32_t next = in.levels[static_cast<std::size_t>(level)].first;
  while (next != kNone) {
    TaskSlot& slot = *arena_.at(next);
    next = slot.next_free.load(std::memory_order_relaxed);
    const bool gone = (slot.word() & slot_bits::kClaimed) != 0;
    slot.next_free.store(gone && stale != nullptr ? stale->index() : kNone, std::memory_order_relaxed);
    if (gone) {
      stale = &slot;
      in.count.store(in.count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
      continue;
    }
    if (kept.last != kNone) arena_.at(kept.last)->next_free.store(slot.index(), std::memory_order_relaxed);
    if (kept.first == kNone) kept.first = slot.index();
    kept.last = slot.index();
  }
  in.levels[static_cast<std::size_t>(level)] = kept;
  if (kept.first == kNone) {
    in.used.store(in.used.load(std::memory_order_relaxed) & ~bit(level), std::memory_order_seq_cst);
  }
}

TaskSlot* WaitingTasks::unlink_stale() noexcept {
  TaskSlot* stale = nullptr;
  for (int i = kShared; i < seats_; ++i) {
    Queue& in = queue(i);
    const std::lock_guard lock(in.mutex);
    for (std::uint64_t used = in.used.load(std::memory_order_relaxed); used != 0; used &= used - 1) {
      unlink_stale(in, std::countr_zero(used), stale);
    }
  }
  return stale;
}

}  // namespace twinpool::threads
