// SPDX-License-Identifier: Apache-2.0
#include "threads/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "threads/pool_core.h"
#include "threads/task_control.h"
#include "threads/waiting_tasks.h"

namespace twinpool::threads {
namespace {

/// Adds to a counter that only this thread writes.
void count(std::atomic<std::uint64_t>& counter, std::uint64_t amount,
           std::memory_order order = std::memory_order_relaxed) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, order);
}

std::uint64_t duration_ns(std::int64_t from, std::int64_t to) {
  return to > from ? static_cast<std::uint64_t>(to - from) : 0;
}

}  // namespace

void Worker::run() noexcept {
  current_worker = this;
  char name[16];
  std::snprintf(name, sizeof name, "twinpool-w%d", index_);
  ::pthread_setname_np(::pthread_self(), name);
  thread_id_.store(::gettid(), std::memory_order_relaxed);
  while (TaskSlot* const slot = next()) execute(*slot);
  current_worker = nullptr;
  flush_freed();
  left_.store(true, std::memory_order_release);
  core_.worker_left();
}

TaskSlot* Worker::next() noexcept {
  if (core_.ended()) return nullptr;
  if (TaskSlot* const slot = find()) return slot;
  return find_idly();
}

TaskSlot* Worker::find() noexcept {
  if (core_.paused()) return nullptr;
  if (core_.waiting_tasks().in_use()) return find_by_priority();
  // Tasks that keep submitting to this worker's own deque must not starve the ring.
  if (++looks_ % kRingFirstEvery == 0) {
    if (TaskSlot* const slot = core_.ring().pop()) return slot;
  }
  if (TaskSlot* const slot = deque_.pop()) return slot;
  if (TaskSlot* const slot = core_.ring().pop()) return slot;
  return core_.steal(index_);
}

TaskSlot* Worker::find_by_priority() noexcept {
  // The deque, the ring and the others' deques are all of priority 0; stale tasks count as takes, too.
  WaitingTasks& waiting = core_.waiting_tasks();
  TaskSlot* slot = nullptr;
  if ((takes_ + 1) % kAgeingInterval == 0) slot = waiting.take_oldest(seat(), core_.ring());
  if (slot == nullptr) slot = waiting.take(seat(), 1);
  if (slot == nullptr) slot = deque_.pop();
  if (slot == nullptr) slot = waiting.take_own(seat(), 0);
  if (slot == nullptr) slot = core_.ring().pop();
  if (slot == nullptr) slot = waiting.take(seat(), kLowestPriority);
  if (slot == nullptr) slot = core_.steal(index_);
  if (slot == nullptr) slot = waiting.steal(seat());
  if (slot != nullptr) ++takes_;
  return slot;
}

TaskSlot* Worker::find_idly() noexcept {
  flush_freed();
  Parking& parking = core_.parking();
  for (bool searching = parking.try_search();;) {
    if (searching) {
      if (TaskSlot* const slot = search()) {
        parking.end_search();
        if (core_.has_task()) parking.published();
        core_.note_worker_cpu(current_cpu());
        return slot;
      }
      if (core_.ended()) {
        parking.end_search();
        return nullptr;
      }
    }
    const auto look_again = [&] {
      core_.worker_idle();
      return core_.has_task();
    };
    const auto woken = parking.sleep(index_, searching, look_again);
    if (woken == Parking::Woken::kToEnd) return nullptr;
    if (!(searching = woken == Parking::Woken::kToSearch)) {
      parking.answer(index_);
      // Before this worker counts as a sleeper again: it may have been missed as one.
      if (TaskSlot* const slot = find()) return slot;
      searching = parking.try_search();
    }
  }
}

TaskSlot* Worker::search() noexcept {
  TaskSlot* slot = nullptr;
  const auto look = [&] { return (slot = find()) != nullptr || core_.ended(); };
  if (look()) return slot;
  const int cpu = current_cpu();
  // The searcher looks; it never sleeps in that place: nobody wakes a sleeper while somebody searches.
  if (cpu != submitter_cpu_ && !core_.busy_on(cpu, index_)) spin_until(look, -1);
  return slot;
}

void Worker::execute(TaskSlot& slot) noexcept {
  TaskSlot* const outer = running_.load(std::memory_order_relaxed);
  // Pairs with who ends tasks before their end (see TaskSlot), and with PoolCore::abandon_running, which says
  // that the pool is stopping and then looks here: either it sees that this worker runs something, or this
  // worker sees that nothing may be begun.
  slot.mark_begun(index_);
  running_.store(outer != nullptr ? outer : &slot, std::memory_order_seq_cst);
  const std::uint32_t word = slot.word_after_begin();
  if (core_.stopping()) {
    // Arguments that do not come back from their destruction keep this worker as a task would (see stuck).
    static_cast<void>(core_.end_unrun(slot, 0));
  } else if ((word & slot_bits::kAsked) != 0) {
    static_cast<void>(core_.end_unrun(
        slot, (word & slot_bits::kCancelAsked) != 0 ? slot_bits::kCancelled : slot_bits::kTimedOut));
  } else {
    begin(slot, word);
  }
  running_.store(outer, std::memory_order_release);
}

void Worker::begin(TaskSlot& slot, std::uint32_t word) noexcept {
  const std::int64_t outer_mark = mark_;
  mark_ = deque_.bottom();
  submitter_cpu_ = slot.submitter_cpu();
  if (const int cpu = current_cpu(); cpu != cpu_.load(std::memory_order_relaxed)) {
    cpu_.store(cpu, std::memory_order_relaxed);
  }
  const bool sampled = (word & slot_bits::kSampled) != 0;
  if (sampled) slot.times().started_ns = now_ns();
  const std::uint32_t bits = (word & slot_bits::kControlled) == 0 ? slot.run({}) : run_controlled(slot);
  if (sampled) {
    slot.times().settled_ns = now_ns();
    record_times(slot.times());
  }
  mark_ = outer_mark;
  settle(slot, bits);
}

std::uint32_t Worker::run_controlled(TaskSlot& slot) noexcept {
  TaskControl& control = *slot.control();
  control.started_ns.store(now_ns(), std::memory_order_release);
  return slot.run(control.source.get_token());
}

bool Worker::run_descendant() noexcept {
  TaskSlot* const slot = deque_.pop(mark_);
  if (slot == nullptr) return false;
  execute(*slot);
  return true;
}

void Worker::settle(TaskSlot& slot, std::uint32_t bits) noexcept {
  using namespace slot_bits;
  auto& counter = bits == kValue ? counts_.completed : counts_.failed;
  // What somebody else has settled, and what was cancelled while it ran, is counted elsewhere.
  const std::uint32_t word = slot.word();
  const bool cancelled = (word & (kEarly | kCancelAsked)) == kCancelAsked;
  const bool counted = (word & (kEarly | kCancelAsked)) == 0;
  // Counted before the Future can know, so that who has the result finds room in the pool.
  if (counted) count(counter, 1, std::memory_order_release);
  if (cancelled) core_.count_ended(kCancelled, 1);
  const std::uint32_t before = slot.finish(bits);
  if ((before & (kEarly | kCancelAsked)) != 0) recount(word, before, counter);
  if ((before & kHeld) == 0) {
    slot.clear(before | bits);
    free_slot(slot);
  }
  core_.admission().made_room(counts_.completed.load(std::memory_order_relaxed) +
                              counts_.failed.load(std::memory_order_relaxed));
}

void Worker::recount(std::uint32_t seen, std::uint32_t before, std::atomic<std::uint64_t>& counter) noexcept {
  using namespace slot_bits;
  const bool settled_here = (before & kEarly) == 0;
  if ((seen & (kEarly | kCancelAsked)) == 0) {
    // Asked or settled between the count and the end.
    count(counter, UINT64_MAX, std::memory_order_release);
    if (settled_here) core_.count_ended(kCancelled, 1);
  } else if ((seen & kEarly) == 0 && !settled_here) {
    core_.count_ended(kCancelled, -1);  // who settled it has counted it
  }
  core_.settled_elsewhere();
}

void Worker::record_times(const TaskTiming& times) noexcept {
  const std::uint64_t ran = duration_ns(times.started_ns, times.settled_ns);
  waiting_.record(duration_ns(times.submitted_ns, times.started_ns));
  running_times_.record(ran);
  count(counts_.busy_ns, ran * core_.tasks_per_sample());
}

void Worker::free_slot(TaskSlot& slot) noexcept {
  // The list of free slots is written by submitters too: one cache miss for many slots, not for each.
  if (freed_first_ != nullptr) {
    slot.next_free.store(freed_first_->index(), std::memory_order_relaxed);
  } else {
    freed_last_ = &slot;
  }
  freed_first_ = &slot;
  if (++freed_count_ == kFreedAtOnce) flush_freed();
}

void Worker::flush_freed() noexcept {
  if (freed_first_ == nullptr) return;
  core_.arena().give_back_chain(*std::exchange(freed_first_, nullptr), *freed_last_,
                                std::exchange(freed_count_, 0));
}

void Worker::add_latency(Histogram& waiting, Histogram& running) const {
  waiting.add(waiting_);
  running.add(running_times_);
}

WorkerStats Worker::stats() const {
  WorkerStats stats;
  stats.index = index_;
  stats.id = thread_id_.load(std::memory_order_relaxed);
  stats.tasks =
      counts_.completed.load(std::memory_order_relaxed) + counts_.failed.load(std::memory_order_relaxed);
  stats.busy = std::chrono::nanoseconds(counts_.busy_ns.load(std::memory_order_relaxed));
  if (left()) {
    stats.state = WorkerState::kStopped;
    stats.id = 0;
  } else if (stats.id != 0) {
    stats.state = running() != nullptr ? WorkerState::kBusy : WorkerState::kIdle;
  }
  return stats;
}

}  // namespace twinpool::threads
