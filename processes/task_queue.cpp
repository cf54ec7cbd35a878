// SPDX-License-Identifier: Apache-2.0
#include "processes/task_queue.h"

#include <bit>

namespace twinpool::processes {
namespace {

constexpr std::uint64_t kAllLevels = (std::uint64_t{1} << kPriorityLevels) - 1;
constexpr std::uint64_t bit(int level) { return std::uint64_t{1} << level; }

/// The levels of a queue whose rings may be looked at. The shared one of priority 0 always is in use.
std::uint64_t levels_of(const Segment& segment, int queue) {
  const std::uint64_t used = segment.queue(queue).used.load(std::memory_order_seq_cst) & kAllLevels;
  return queue == kSharedQueue ? used | bit(kLevelOfPriorityZero) : used;
}

int highest(std::uint64_t levels) { return static_cast<int>(std::bit_width(levels)) - 1; }

bool has_front(const Segment& segment, int queue) {
  for (std::uint64_t levels = levels_of(segment, queue); levels != 0; levels &= levels - 1) {
    if (front_of(segment, ring_of(segment, queue, std::countr_zero(levels))) != 0) return true;
  }
  return false;
}

/// Whether others than the seat's own worker may take from its queue.
bool is_everybodys(const Segment& segment, int seat) {
  return segment.header().stealing != 0 ||
         segment.worker(seat).seat.load(std::memory_order_seq_cst) == kSeatAbsent;
}

bool others_have(const Segment& segment, int but) {
  for (int seat = 0; seat < segment.seat_count(); ++seat) {
    if (seat != but && is_everybodys(segment, seat) && has_front(segment, own_queue(seat))) return true;
  }
  return false;
}

std::optional<std::uint32_t> claim_highest(const Segment& segment, int me, int own) {
  const std::uint64_t of_own = levels_of(segment, own);
  const std::uint64_t of_all = levels_of(segment, kSharedQueue);
  for (std::uint64_t levels = of_own | of_all; levels != 0; levels &= ~bit(highest(levels))) {
    const int level = highest(levels);
    for (const int queue : {own, kSharedQueue}) {
      if (((queue == own ? of_own : of_all) & bit(level)) == 0) continue;
      if (auto index = claim_from(segment, ring_of(segment, queue, level), me)) return index;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> claim_oldest(const Segment& segment, int me, int own) {
  std::optional<Ring> oldest;
  std::uint64_t first = UINT64_MAX;
  for (const int queue : {own, kSharedQueue}) {
    for (std::uint64_t levels = levels_of(segment, queue); levels != 0; levels &= levels - 1) {
      const Ring ring = ring_of(segment, queue, std::countr_zero(levels));
      const SlotRef front = front_of(segment, ring);
      if (front == 0) continue;
      const std::uint64_t order = segment.slot(ref_index(front)).order.load(std::memory_order_relaxed);
      if (oldest && order >= first) continue;
      oldest = ring;
      first = order;
    }
  }
  return oldest ? claim_from(segment, *oldest, me) : std::nullopt;
}

std::optional<std::uint32_t> steal(const Segment& segment, int me) {
  const int seats = segment.seat_count();
  const int own = segment.seat_of(me);
  const auto levels_at = [&](int seat) {
    return is_everybodys(segment, seat) ? levels_of(segment, own_queue(seat)) : 0;
  };
  std::uint64_t all = 0;
  for (int i = 1; i < seats; ++i) all |= levels_at((own + i) % seats);
  for (; all != 0; all &= ~bit(highest(all))) {
    const int level = highest(all);
    for (int i = 1; i < seats; ++i) {
      const int seat = (own + i) % seats;
      if ((levels_at(seat) & bit(level)) == 0) continue;
      if (auto index = claim_from(segment, ring_of(segment, own_queue(seat), level), me)) return index;
    }
  }
  return std::nullopt;
}

}  // namespace

namespace rings {

std::optional<std::uint32_t> claim_among_rings(const Segment& segment, int me) {
  WorkerRecord& record = segment.worker(me);
  const int own = own_queue(segment.seat_of(me));
  const std::uint64_t number = record.looks.load(std::memory_order_relaxed) + 1;
  std::optional<std::uint32_t> index;
  if (number % kAgeingInterval == 0) index = claim_oldest(segment, me, own);
  if (!index) index = claim_highest(segment, me, own);
  if (!index) index = steal(segment, me);
  if (index) record.looks.store(number, std::memory_order_relaxed);
  return index;
}

bool all_rings_empty(const Segment& segment) {
  for (int queue = 0; queue <= segment.seat_count(); ++queue) {
    if (has_front(segment, queue)) return false;
  }
  return true;
}

bool nothing_for_seat(const Segment& segment, int seat) {
  return !has_front(segment, own_queue(seat)) && !has_front(segment, kSharedQueue) && !others_have(segment, seat);
}

bool nothing_for_anybody(const Segment& segment) {
  return !has_front(segment, kSharedQueue) && !others_have(segment, -1);
}

std::uint64_t count_all_entries(const Segment& segment) {
  std::uint64_t sum = 0;
  for (int queue = 0; queue <= segment.seat_count(); ++queue) {
    for (std::uint64_t levels = levels_of(segment, queue); levels != 0; levels &= levels - 1)
      sum += backlog(ring_of(segment, queue, std::countr_zero(levels)));
  }
  return sum;
}

}  // namespace rings
}  // namespace twinpool::processes
