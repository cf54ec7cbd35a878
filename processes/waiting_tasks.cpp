// SPDX-License-Identifier: Apache-2.0
#include "processes/waiting_tasks.h"

#include <algorithm>
#include <bit>

#include "processes/door.h"
#include "shared/cpu_aware_spin.h"

namespace twinpool::processes {
namespace {

constexpr std::uint64_t bit(int level) { return std::uint64_t{1} << level; }

}  // namespace

WaitingTasks::WaitingTasks(const Segment& segment, const DispatchOptions& options)
    : segment_(segment),
      queues_(static_cast<std::size_t>(segment.seat_count()) + 1),
      dispatcher_(options, segment.seat_count()),
      chooses_(options.strategy != Strategy::kSharedQueue) {
  segment.header().stealing = options.stealing ? 1 : 0;
}

WaitingTasks::Where WaitingTasks::choose(const with* options) noexcept {
  Where where;
  if (options != nullptr) where.level = level_of(options->priority);
  if (!chooses_ && (options == nullptr || !options->key)) return where;
  try {
    if (const auto seat = choose_seat(options != nullptr ? options->key : std::nullopt))
      where.queue = own_queue(*seat);
  } catch (...) {  // NOLINT: no memory, or the user's rule threw: everybody's queue will do
  }
  return where;
}

std::optional<int> WaitingTasks::choose_seat(std::optional<std::uint64_t> key) {
  const std::lock_guard lock(dispatching_);
  loads_.clear();
  seats_.clear();
  for (int seat = 0; seat < segment_.seat_count(); ++seat) {
    if (segment_.worker(seat).seat.load(std::memory_order_acquire) == kSeatAbsent) continue;
    loads_.push_back(load_of(seat));
    seats_.push_back(seat);
  }
  const int chosen = dispatcher_.choose(loads_, key);
  if (chosen < 0 || chosen >= static_cast<int>(seats_.size())) return std::nullopt;
  return seats_[static_cast<std::size_t>(chosen)];
}

WorkerLoad WaitingTasks::load_of(int seat) const {
  WorkerLoad load;
  load.queued = queued(seat);
  for (const int place : {seat, seat + segment_.seat_count()}) {
    const WorkerRecord& record = segment_.worker(place);
    load.busy = load.busy || is_busy(segment_, place);
    // Not trusted: kept where sums of it are no overflow.
    constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
    const std::uint64_t spent = std::min(record.busy_ns.load(std::memory_order_relaxed), kMost);
    load.spent += std::chrono::nanoseconds(static_cast<std::int64_t>(spent));
  }
  return load;
}

std::uint64_t WaitingTasks::queued(int seat) const {
  const int number = own_queue(seat);
  const std::lock_guard lock(push_mutex_);
  const auto& queue = queues_[static_cast<std::size_t>(number)];
  if (queue == nullptr) return 0;
  std::uint64_t sum = 0;
  for (std::uint64_t levels = queue->used; levels != 0; levels &= levels - 1) {
    const int level = std::countr_zero(levels);
    const Ring ring = ring_of(segment_, number, level);
    front_of(segment_, ring);
    const std::uint64_t head = ring.head->load(std::memory_order_acquire);
    const std::uint64_t tail = queue->ends[static_cast<std::size_t>(level)].tail;
    if (tail > head) sum += std::min<std::uint64_t>(tail - head, segment_.ring_size());
  }
  return sum;
}

bool WaitingTasks::open_ring(Where where) {
  if (where.queue == kSharedQueue && where.level == kLevelOfPriorityZero) return true;
  auto& queue = queues_[static_cast<std::size_t>(where.queue)];
  if (queue != nullptr && (queue->used & bit(where.level)) != 0) return true;
  if (queue == nullptr) queue = std::make_unique<Queue>();
  if (!more_rings_ && !segment_.reserve_queues()) return false;
  if (!segment_.reserve_ring(where.queue, where.level)) return false;
  queue->used |= bit(where.level);
  segment_.queue(where.queue).used.store(queue->used, std::memory_order_seq_cst);
  if (more_rings_) return true;
  number_what_waits();
  more_rings_ = true;
  segment_.header().more_rings.store(1, std::memory_order_seq_cst);
  return true;
}

/// While there was one ring, its order was all that was needed.
void WaitingTasks::number_what_waits() {
  const Ring ring = shared_ring(segment_);
  const std::uint64_t tail = shared_ends_.tail;
  const std::uint64_t size = segment_.ring_size();
  for (std::uint64_t at = tail > size ? tail - size : 0; at < tail; ++at) {
    const std::uint32_t index = ref_index(ring.entry(at).load(std::memory_order_relaxed));
    if (index < segment_.slot_count()) segment_.slot(index).order.store(at, std::memory_order_relaxed);
  }
  order_ = tail;
}

WaitingTasks::Ends& WaitingTasks::ends_of(Where where) {
  if (where.queue == kSharedQueue && where.level == kLevelOfPriorityZero) return shared_ends_;
  return queues_[static_cast<std::size_t>(where.queue)]->ends[static_cast<std::size_t>(where.level)];
}

/// A ring has twice as many places as there are slots; only entries whose tasks have ended can fill it. The head
/// is read only when it may matter: reading it at each submission pulls its line away from the workers.
void WaitingTasks::make_room(const Ring& ring, Ends& ends) const {
  const std::uint64_t size = segment_.ring_size();
  const auto head_now = [&] {
    front_of(segment_, ring);
    const std::uint64_t head = ring.head->load(std::memory_order_acquire);
    if (head <= ends.tail && ends.tail - head <= size) return head;
    // Somebody has scribbled over it.
    const std::uint64_t oldest = ends.tail > size ? ends.tail - size : 0;
    ring.head->store(oldest, std::memory_order_release);
    return oldest;
  };
  ends.seen_head = head_now();
  if (ends.tail - ends.seen_head < size) return;
  compact(ring, ends.seen_head, ends.tail);
  ends.seen_head = head_now();
}

/// Moves the tasks that still wait to the back, so that what lies before them can be passed over: behind a task
/// that waits for long many others may have been cancelled. Beside workers that claim: a task is in its old place
/// until it is in a later one, and which of the two is claimed makes no difference.
void WaitingTasks::compact(const Ring& ring, std::uint64_t head, std::uint64_t tail) const {
  std::uint64_t to = tail;
  for (std::uint64_t from = tail; from > head; --from) {
    const SlotRef ref = ring.entry(from - 1).load(std::memory_order_relaxed);
    if (!still_waits(segment_, ref)) continue;
    --to;
    if (to != from - 1) ring.entry(to).store(ref, std::memory_order_relaxed);
  }
  // release: who finds nothing in the old place finds the copy.
  for (std::uint64_t at = head; at < to; ++at) ring.entry(at).store(0, std::memory_order_release);
}

/// Requires: push_mutex_; open_ring gave true.
void WaitingTasks::append(SlotRef ref, Where where) {
  const Ring ring = ring_of(segment_, where.queue, where.level);
  Ends& ends = ends_of(where);
  ring.entry(ends.tail).store(ref, std::memory_order_relaxed);
  // seq_cst: pairs with the worker's last look between setting its idle bit and sleeping. Also publishes the
  // entry.
  ring.tail->store(++ends.tail, std::memory_order_seq_cst);
}

WaitingTasks::Pushed WaitingTasks::push(SlotRef ref, Where where, std::uint64_t bytes) {
  const auto cpu = static_cast<std::uint32_t>(current_cpu() + 1);
  SegmentHeader& header = segment_.header();
  Slot& slot = segment_.slot(ref_index(ref));
  const std::lock_guard lock(push_mutex_);
  if (closed_) return Pushed::kClosed;
  if (!open_ring(where)) return Pushed::kOutOfMemory;
  Ends& ends = ends_of(where);
  if (ends.tail - ends.seen_head >= segment_.ring_size())
    make_room(ring_of(segment_, where.queue, where.level), ends);
  if (header.owner_cpu.load(std::memory_order_relaxed) != cpu)
    header.owner_cpu.store(cpu, std::memory_order_relaxed);
  if (more_rings_) slot.order.store(order_++, std::memory_order_relaxed);
  slot.word.store(SlotWord::make(ref_generation(ref), 0, SlotState::kQueued).bits, std::memory_order_release);
  // Counted first: whoever sees the task settled sees it submitted.
  submitted_.store(submitted_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  bytes_written_.store(bytes_written_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  append(ref, where);
  return Pushed::kDone;
}

bool WaitingTasks::push_again(SlotRef ref, Where where) {
  Slot& slot = segment_.slot(ref_index(ref));
  const std::lock_guard lock(push_mutex_);
  if (stopped_) return false;
  Ends& ends = ends_of(where);
  if (ends.tail - ends.seen_head >= segment_.ring_size())
    make_room(ring_of(segment_, where.queue, where.level), ends);
  if (more_rings_) slot.order.store(order_++, std::memory_order_relaxed);
  SlotWord word{slot.word.load(std::memory_order_acquire)};
  do {
    if (word.generation() != ref_generation(ref) || word.state() != SlotState::kRequeue) return false;
  } while (!slot.word.compare_exchange_weak(word.bits, word.with(SlotState::kQueued, 0).bits,
                                            std::memory_order_acq_rel));
  append(ref, where);
  return true;
}

void WaitingTasks::announce(Where where) const {
  if (paused()) return;  // resume announces all
  if (where.queue == kSharedQueue) {
    announce_work(segment_);
  } else {
    announce_work_at(segment_, where.queue - 1);
  }
}

bool WaitingTasks::close() {
  const std::lock_guard lock(push_mutex_);
  closed_hint_.store(true, std::memory_order_release);
  return !std::exchange(closed_, true);
}

void WaitingTasks::stop() {
  const std::lock_guard lock(push_mutex_);
  stopped_ = true;
}

bool WaitingTasks::count_unqueued() {
  const std::lock_guard lock(push_mutex_);
  if (closed_) return false;
  submitted_.store(submitted_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  return true;
}

void WaitingTasks::uncount_unqueued() {
  const std::lock_guard lock(push_mutex_);
  submitted_.store(submitted_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

void WaitingTasks::pause() {
  const std::lock_guard lock(push_mutex_);
  paused_.store(true, std::memory_order_seq_cst);
  segment_.header().paused.store(1, std::memory_order_seq_cst);
}

void WaitingTasks::resume() {
  const std::lock_guard lock(push_mutex_);
  segment_.header().paused.store(0, std::memory_order_seq_cst);
  paused_.store(false, std::memory_order_seq_cst);
  // All of them: each may have a queue of its own.
  for (int place = 0; place < segment_.place_count(); ++place) knock(segment_.worker(place));
}

}  // namespace twinpool::processes
