// SPDX-License-Identifier: Apache-2.0
#include "threads/worker.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "shared/helping.h"
#include "threads/pool_core.h"
#include "threads/staff.h"
#include "threads/task_control.h"
#include "threads/waiting_tasks.h"

namespace twinpool::threads {
namespace {

/// Adds to a counter that only this thread writes.
inline void count(std::atomic<std::uint64_t>& counter, std::uint64_t amount,
           std::memory_order order = std::memory_order_relaxed) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, order);
}

/// Linux keeps 15 bytes: the pool's name gives way to the number.
void name_this_thread(const std::string& pool, int seat) noexcept {
  constexpr std::size_t kMost = 15;
  char number[8];
  const int digits = std::snprintf(number, sizeof number, "-w%d", seat);
  char name[kMost + 1];
  std::snprintf(name, sizeof name, "%.*s%s", static_cast<int>(kMost) - digits, pool.c_str(), number);
  ::pthread_setname_np(::pthread_self(), name);
}

std::uint64_t duration_ns(std::int64_t from, std::int64_t to) {
  return to > from ? static_cast<std::uint64_t>(to - from) : 0;
}

}  // namespace

Worker::Worker(PoolCore& core, int place)
    : core_(core),
      index_(place),
      seat_(place),
      board_(core.board().open() ? &core.board().entry(place) : nullptr) {}

void Worker::run() noexcept {
  arrive();
  begin_serving();
  serve();
  end_serving();
  depart();
  core_.worker_left();
}

void Worker::arrive() noexcept {
  current_worker = this;
  help_while_waiting = [] () noexcept { return current_worker != nullptr && current_worker->run_descendant(); };
  name_this_thread(core_.options().name, seat());
  thread_id_.store(::gettid(), std::memory_order_relaxed);
  phase_.store(WorkerPhase::kArriving, std::memory_order_release);
  finished_before_ = finished();
  if (board_ != nullptr) board_->arrive(thread_id(), static_cast<std::uint32_t>(seat()), now_ns());
}

void Worker::begin_serving() noexcept {
  phase_.store(WorkerPhase::kWorking, std::memory_order_release);
  if (board_ != nullptr) board_->set_state(WorkerState::kIdle, now_ns());
}

void Worker::serve() noexcept {
  while (TaskSlot* const slot = next()) execute(*slot);
}

void Worker::end_serving() noexcept {
  phase_.store(WorkerPhase::kDeparting, std::memory_order_release);
  current_worker = nullptr;
  flush_freed();
  // A publisher may have counted on this worker.
  if (core_.has_task() && !core_.ended()) core_.parking().published();
}

void Worker::depart() noexcept {
  current_worker = nullptr;
  help_while_waiting = nullptr;
  if (board_ != nullptr) board_->leave(core_.ended() ? WorkerState::kStopped : WorkerState::kAbsent, now_ns());
  phase_.store(WorkerPhase::kLeft, std::memory_order_release);
}

void Worker::appoint(int seat, std::uint64_t tasks) noexcept {
  seat_.store(seat, std::memory_order_relaxed);
  orders_.store(0, std::memory_order_relaxed);
  tasks_until_due_ = tasks;
  thread_id_.store(0, std::memory_order_relaxed);
  phase_.store(WorkerPhase::kAbsent, std::memory_order_release);
}

void Worker::order(std::uint32_t bits) noexcept {
  orders_.fetch_or(bits, std::memory_order_seq_cst);
  core_.parking().call(index_);
}

bool Worker::obey() noexcept {
  core_.parking().answer(index_);
  const std::uint32_t orders = orders_.load(std::memory_order_seq_cst);
  if ((orders & worker_orders::kLook) != 0) withdraw(worker_orders::kLook);
  if ((orders & worker_orders::kOverran) != 0) core_.staff().resumed(*this);
  return (orders & worker_orders::kLeave) == 0;
}

TaskSlot* Worker::next() noexcept {
  if (core_.ended()) return nullptr;
  if (orders_.load(std::memory_order_relaxed) != 0 && !obey()) return nullptr;
  if (--tasks_until_due_ == 0) core_.staff().due(*this);
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
        hand_on();
        core_.note_worker_cpu(current_cpu());
        return slot;
      }
      if (core_.ended()) {
        parking.end_search();
        return nullptr;
      }
    }
    if (stays(searching)) {
      if (TaskSlot* const slot = take_turns(std::exchange(searching, false))) return slot;
    }
    const auto look_again = [&] {
      core_.worker_idle();
      return core_.has_task();
    };
    const auto woken = parking.sleep(index_, searching, look_again, core_.idle_deadline());
    awake_since_ = now_ns();
    if (woken == Parking::Woken::kToEnd) return nullptr;
    if (!(searching = woken == Parking::Woken::kToSearch)) {
      if (!obey() || (woken == Parking::Woken::kTimedOut && core_.staff().may_retire(*this))) return nullptr;
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

void Worker::hand_on() noexcept {
  if (!core_.has_task()) return;
  core_.parking().published();
  core_.task_waits();
}

bool Worker::stays(bool searching) const noexcept {
  // A dynamic pool would take a worker that is neither busy nor asleep nor searching for one that is missing.
  if (core_.dynamic() || now_ns() - awake_since_ >= kShortStay.count()) return false;
  const int cpu = current_cpu();
  if (cpu != submitter_cpu_ && !core_.busy_on(cpu, index_)) return false;
  return !searching || core_.busy_on(-1, index_);
}

TaskSlot* Worker::take_turns(bool searching) noexcept {
  if (searching) core_.parking().end_search();
  for (int turn = 0; turn < kTurns; ++turn) {
    ::sched_yield();
    if (TaskSlot* const slot = find()) {
      awake_since_ = now_ns();
      if (searching) hand_on();
      return slot;
    }
  }
  return nullptr;
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
  const std::uint32_t outer_function = std::exchange(function_, slot.function());
  mark_ = deque_.bottom();
  submitter_cpu_ = slot.submitter_cpu();
  if (const int cpu = current_cpu(); cpu != cpu_.load(std::memory_order_relaxed)) {
    cpu_.store(cpu, std::memory_order_relaxed);
  }
  const bool sampled = (word & slot_bits::kSampled) != 0;
  if (sampled) slot.times().started_ns = now_ns();
  show(slot, sampled ? slot.times().started_ns : 0);
  const std::uint32_t bits = (word & slot_bits::kControlled) == 0 ? slot.run({}) : run_controlled(slot);
  if (sampled) {
    slot.times().settled_ns = now_ns();
    record_times(function_, slot.times());
  }
  mark_ = outer_mark;
  settle(slot, bits);
  function_ = outer_function;
  if (board_ == nullptr) return;
  board_->end(finished() - finished_before_);
  if (outer_function != kNoFunction) board_->begin(outer_function, 0);
}

std::uint32_t Worker::run_controlled(TaskSlot& slot) noexcept {
  TaskControl& control = *slot.control();
  control.started_ns.store(now_ns(), std::memory_order_release);
  return slot.run(control.source.get_token());
}

void Worker::show(const TaskSlot& slot, std::int64_t now) noexcept {
  if (board_ == nullptr) return;
  if (std::exchange(named_, function_) != function_) core_.board().name_function(function_, slot.name());
  board_->begin(function_, now);
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
  if (counted) {
    functions_.count(function_, bits == kValue, 1);
    count(counter, 1, std::memory_order_release);
  }
  if (cancelled) core_.count_ended(kCancelled, 1);
  const std::uint32_t before = slot.finish(bits);
  if ((before & kEarly) == 0) count(counts_.settled, 1, std::memory_order_release);
  if ((before & (kEarly | kCancelAsked)) != 0) recount(word, before, bits == kValue);
  if ((before & kHeld) == 0) {
    slot.clear(before | bits);
    free_slot(slot);
  }
  core_.admission().made_room(counts_.completed.load(std::memory_order_relaxed) +
                              counts_.failed.load(std::memory_order_relaxed));
}

void Worker::recount(std::uint32_t seen, std::uint32_t before, bool completed) noexcept {
  using namespace slot_bits;
  const bool settled_here = (before & kEarly) == 0;
  if ((seen & (kEarly | kCancelAsked)) == 0) {
    // Asked or settled between the count and the end.
    count(completed ? counts_.completed : counts_.failed, UINT64_MAX, std::memory_order_release);
    functions_.count(function_, completed, UINT64_MAX);
    if (settled_here) core_.count_ended(kCancelled, 1);
  } else if ((seen & kEarly) == 0 && !settled_here) {
    core_.count_ended(kCancelled, -1);  // who settled it has counted it
  }
  core_.recounted();
}

void Worker::record_times(std::uint32_t function, const TaskTiming& times) noexcept {
  const std::uint64_t ran = duration_ns(times.started_ns, times.settled_ns);
  const std::uint64_t waited = duration_ns(times.submitted_ns, times.started_ns);
  core_.function_times().record(function, waited, ran);
  waiting_.record(waited);
  running_times_.record(ran);
  count(counts_.busy_ns, ran * core_.tasks_per_sample());
}

void Worker::flush_freed() noexcept {
  if (spare_count_ == 0) return;
  // The list of free slots is written by submitters too: one cache miss for many slots, not for each.
  for (std::uint32_t i = 1; i < spare_count_; ++i) {
    spares_[i - 1]->next_free.store(spares_[i]->index(), std::memory_order_relaxed);
  }
  const std::uint32_t count = std::exchange(spare_count_, 0);
  core_.arena().give_back_chain(*spares_[0], *spares_[count - 1], count);
}

std::string Worker::task_name() const {
  const std::uint32_t function = board_ != nullptr ? board_->function.load(std::memory_order_relaxed) : 0;
  const auto types = TaskRegistry::all();
  return function == 0 || function > types.size() ? std::string() : std::string(types[function - 1]->name);
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
  switch (phase()) {
    case WorkerPhase::kAbsent:
    case WorkerPhase::kArriving:
      stats.state = WorkerState::kStarting;
      break;
    case WorkerPhase::kWorking:
      stats.state = running() != nullptr ? WorkerState::kBusy : WorkerState::kIdle;
      break;
    case WorkerPhase::kDeparting:
      stats.state = WorkerState::kIdle;
      break;
    case WorkerPhase::kLeft:
      stats.state = WorkerState::kStopped;
      stats.id = 0;
  }
  return stats;
}

}  // namespace twinpool::threads
