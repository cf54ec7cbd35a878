// SPDX-License-Identifier: Apache-2.0
#include "processes/event_ring.h"

#include <unistd.h>

#include <algorithm>

#include "shared/future.h"

namespace twinpool::processes {

void EventWriter::tell(EventRecord event) {
  if (!listens_) return;
  // Only this process writes the tail, so its own value is what it was.
  const std::uint64_t tail = ring_.tail.load(std::memory_order_relaxed);
  // Acquire: pairs with the reader's release, which says that it has copied the entry.
  if (tail - ring_.head.load(std::memory_order_acquire) >= EventRing::kEntries) {
    ring_.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  event.when_ns = now_ns();
  ring_.entries[tail % EventRing::kEntries] = event;
  ring_.tail.store(tail + 1, std::memory_order_release);  // pairs with the reader's acquire
  told_ = true;
}

void EventWriter::flush() {
  if (!told_) return;
  told_ = false;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto rung = ::write(bell_, &one, sizeof one);
}

std::optional<EventRecord> EventReader::next(int places) {
  const std::uint64_t tail = ring_.tail.load(std::memory_order_acquire);
  if (tail - head_ > EventRing::kEntries) {  // no supervisor would write so many
    broken_.fetch_add(1, std::memory_order_relaxed);
    head_ = tail;
    ring_.head.store(head_, std::memory_order_release);
    return std::nullopt;
  }
  while (head_ != tail) {
    const EventRecord event = ring_.entries[head_ % EventRing::kEntries];
    ring_.head.store(++head_, std::memory_order_release);
    constexpr auto kFirst = static_cast<std::uint32_t>(EventKind::kWorkerStarted);
    constexpr auto kLast = static_cast<std::uint32_t>(EventKind::kPoolDrained);
    if (event.kind >= kFirst && event.kind <= kLast && event.place >= -1 && event.place < places) return event;
    broken_.fetch_add(1, std::memory_order_relaxed);
  }
  return std::nullopt;
}

std::uint64_t EventReader::dropped() const {
  return ring_.dropped.load(std::memory_order_relaxed) + broken_.load(std::memory_order_relaxed);
}

}  // namespace twinpool::processes
