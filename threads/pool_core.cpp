// SPDX-License-Identifier: Apache-2.0
#include "threads/pool_core.h"

#include <climits>
#include <cstdlib>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "shared/futex.h"
#include "threads/staff.h"

namespace twinpool::threads {
namespace {

constexpr std::uint64_t kAlwaysSampled = 4096;  // see Timing::kSampled
constexpr std::uint64_t kSampleOneIn = 16;
constexpr std::uint32_t kAllowance = 16;

std::uint64_t limit_of(const PoolOptions& options) {
  return static_cast<std::uint64_t>(options.workers.max) + options.queue_capacity;
}

/// Empty when the system has no memory or descriptor for it: a pool works without.
ScoreboardMemory make_board(const PoolOptions& options) {
  try {
    return ScoreboardMemory::create({.pool_name = options.name,
                                     .backend = ScoreboardBackend::kThreads,
                                     .seats = options.workers.max,
                                     .places = Staff::places_of(options)});
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace

PoolCore::PoolCore(const PoolOptions& options)
    : options_(options),
      chooses_(options.dispatch.strategy != Strategy::kSharedQueue),
      board_(make_board(options)),
      ring_(limit_of(options)),
      arena_(*this),
      admission_(limit_of(options), static_cast<std::uint64_t>(options.workers.max)),
      parking_(Staff::places_of(options)),
      waiting_(arena_, options.workers.max, options.dispatch.stealing, limit_of(options)),
      controls_(*this, options_),
      events_(options.on_event),
      dispatcher_(options_.dispatch, options.workers.max),
      filled_(std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(options.workers.max))),
      shared_bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)) {
  dynamic_.store(options.workers.dynamic(), std::memory_order_relaxed);
  workers_.resize(static_cast<std::size_t>(Staff::places_of(options)));
  make_place(options.workers.max - 1);
  staff_ = std::make_unique<Staff>(*this, options_);
}

PoolCore::~PoolCore() = default;

void PoolCore::make_place(int place) {
  for (int i = places_.load(std::memory_order_relaxed); i <= place; ++i) {
    workers_[static_cast<std::size_t>(i)] = std::make_unique<Worker>(*this, i);
    // Whoever sees what a worker here has done sees the place, too.
    places_.store(i + 1, std::memory_order_seq_cst);
  }
}

void PoolCore::drop_references(std::int64_t count) noexcept {
  if (references_.fetch_sub(count, std::memory_order_acq_rel) == count) delete this;
}

void PoolCore::retire() noexcept {
  // Slots that are given back while the lists are counted drop their reference before it was added: the bias
  // keeps the count from reaching 0 meanwhile.
  controls_.stop();
  events_.stop();
  constexpr std::int64_t kBias = std::int64_t{1} << 61;
  references_.fetch_add(kBias, std::memory_order_relaxed);
  drop_references(kBias + 1 - arena_.retire());
}

bool PoolCore::sampled(std::uint64_t sequence) const noexcept {
  return options_.timing == Timing::kEvery || sequence < kAlwaysSampled || sequence % kSampleOneIn == 0;
}

std::uint64_t PoolCore::tasks_per_sample() const noexcept {
  return options_.timing == Timing::kEvery || admission_.accepted() <= kAlwaysSampled ? 1 : kSampleOneIn;
}

std::uint64_t PoolCore::settled() const noexcept {
  std::uint64_t sum = 0;
  for (const auto* count :
       {&rejected_, &cancelled_, &timed_out_, &lost_, &completed_by_callers_, &failed_by_callers_}) {
    sum += count->load(std::memory_order_seq_cst);
  }
  for (int i = 0, count = workers(); i < count; ++i) {
    sum += worker(i).counts().completed.load(std::memory_order_seq_cst);
    sum += worker(i).counts().failed.load(std::memory_order_seq_cst);
  }
  return sum;
}

std::uint64_t PoolCore::surely_settled() const noexcept {
  std::uint64_t sum = settled_elsewhere_.load(std::memory_order_seq_cst);
  for (int i = 0, count = workers(); i < count; ++i) {
    sum += worker(i).counts().settled.load(std::memory_order_seq_cst);
  }
  return sum;
}

Admission::Answer PoolCore::admit(Worker* nested, std::uint64_t& sequence, bool& beyond_limit) {
  using Answer = Admission::Answer;
  if (nested != nullptr) {
    if (nested->use_allowance(sequence)) return Answer::kAdmitted;
    if (const auto first = admission_.admit_ahead(kAllowance)) {
      sequence = *first;
      nested->grant_allowance(kAllowance - 1, *first + kAllowance);
      return Answer::kAdmitted;
    }
  }
  const auto settled_now = [this] {
    call_back_allowances();
    return settled();
  };
  const Answer answer = admission_.admit(sequence, settled_now);
  if (events_.listens()) {
    if (answer == Answer::kFull) {
      tell_full();
    } else if (full_told_.load(std::memory_order_relaxed)) {
      full_told_.store(false, std::memory_order_relaxed);
    }
  }
  if (answer != Answer::kFull) return answer;
  if (nested != nullptr || options_.when_full == WhenFull::kRunInCaller) {
    // A worker must not wait for room that only workers make.
    beyond_limit = true;
    return admission_.admit_beyond_limit(sequence) ? Answer::kAdmitted : Answer::kClosed;
  }
  if (options_.when_full == WhenFull::kRefuse) return answer;
  return admission_.admit_when_room(sequence, settled_now, Clock::now() + options_.block_limit, worker_cpu());
}

void PoolCore::call_back_allowances() noexcept {
  for (int i = 0, count = workers(); i < count; ++i) {
    if (const std::uint32_t left = worker(i).call_back_allowance(); left != 0) admission_.take_back(left);
  }
}

void PoolCore::tell_full() noexcept {
  if (full_told_.exchange(true, std::memory_order_relaxed)) return;
  Event event;
  event.kind = EventKind::kPoolFull;
  try {
    event.message = "the pool is full: " + std::to_string(limit_of(options_)) + " tasks are unsettled";
  } catch (...) {
    // The kind says it, too.
  }
  events_.tell(std::move(event));
}

TaskSlot& PoolCore::make_slot(const Call& call, const with* options, bool controlled, Worker* nested,
                              std::uint64_t sequence) {
  TaskSlot* slot = nested != nullptr ? nested->take_spare() : nullptr;
  try {
    if (slot == nullptr) slot = &arena_.acquire();
    std::uint32_t bits = 0;
    if (sampled(sequence)) {
      slot->times() = {.submitted_ns = now_ns(), .started_ns = 0, .settled_ns = 0};
      bits = slot_bits::kSampled;
    }
    if (controlled) {
      controls_.attach(*slot, *call.type, options);
      bits |= slot_bits::kControlled;
    }
    slot->fill(call, bits, sequence);
  } catch (...) {
    if (controlled && slot != nullptr) controls_.detach(*slot);
    if (slot != nullptr) arena_.give_back(*slot);
    admission_.withdraw();
    announce();
    throw;
  }
  if (options != nullptr && controlled && options->stop.stop_possible()) {
    TaskControls::follow(*slot, options->stop);
  }
  return *slot;
}

std::optional<SubmitError> PoolCore::submit(const Call& call, const with* options, TaskState*& accepted) {
  Worker* worker = Worker::current();
  if (worker != nullptr && &worker->core() != this) worker = nullptr;
  if (hopeless_.load(std::memory_order_relaxed)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return SubmitError::kDegraded;
  }
  std::uint64_t sequence = 0;
  bool run_here = false;
  const auto answer = admit(worker, sequence, run_here);
  if (answer != Admission::Answer::kAdmitted) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return answer == Admission::Answer::kClosed ? SubmitError::kClosed : SubmitError::kQueueFull;
  }
  const bool by_caller = run_here && worker == nullptr;
  TaskSlot& slot = make_slot(call, options, !by_caller && controls_.wanted(*call.type, options), worker, sequence);
  accepted = &slot;
  if (by_caller) {
    run_in_caller(slot);
  } else if (worker == nullptr) {
    publish(slot, options);
  } else if (run_here || !worker->deque().push(&slot)) {
    worker->execute(slot);
  } else if (!parking_.published()) {
    reject_queued();
  }
  task_waits();
  if (hopeless_.load(std::memory_order_seq_cst)) lose_queued();  // pairs with lose_hope
  return std::nullopt;
}

void PoolCore::publish(TaskSlot& slot, const with* options) noexcept {
  const int queue =
      chooses_ || (options != nullptr && options->key) ? choose_queue(options) : WaitingTasks::kShared;
  const int priority = options != nullptr ? options->priority : 0;
  if (queue == WaitingTasks::kShared && priority == 0 && !waiting_.detour()) {
    ring_.push(&slot);
  } else {
    waiting_.push(slot, queue, priority);
  }
  const bool open = queue == WaitingTasks::kShared ? parking_.published() : announce_in(queue);
  // The pool was stopped after the task had been admitted: whoever emptied the queues may have missed it.
  if (!open) reject_queued();
}

bool PoolCore::announce_in(int seat) noexcept {
  // Pairs with empty_seat: either that finds the task, or this finds that nobody is there to run it.
  const bool nobody = !filled_[static_cast<std::size_t>(seat)].load(std::memory_order_seq_cst);
  if (nobody) waiting_.release(seat);
  // Without stealing nobody else can run what lies in a seat's queue. With it the seat's worker is woken if
  // it sleeps, and otherwise whoever is there.
  const bool called = !nobody && call_seat(seat);
  return called || (!nobody && !waiting_.stealing()) ? !parking_.stopping() : parking_.published();
}

void PoolCore::empty_seat(int seat) noexcept {
  filled_[static_cast<std::size_t>(seat)].store(false, std::memory_order_seq_cst);
  waiting_.release(seat);
  if (waiting_.has_for_any()) parking_.published();
}

int PoolCore::choose_queue(const with* options) noexcept {
  try {
    const std::lock_guard lock(dispatching_);
    loads_.clear();
    chosen_from_.clear();
    const int seats = options_.workers.max;
    for (int seat = 0; seat < seats; ++seat) {
      if (!filled_[static_cast<std::size_t>(seat)].load(std::memory_order_relaxed)) continue;
      WorkerLoad load;
      load.queued = waiting_.queued(seat);
      for (const int place : {seat, seat + seats}) {
        if (place >= workers()) continue;
        load.busy = load.busy || worker(place).busy_on(-1);
        load.spent +=
            std::chrono::nanoseconds(worker(place).counts().busy_ns.load(std::memory_order_relaxed));
      }
      loads_.push_back(load);
      chosen_from_.push_back(seat);
    }
    const int chosen = dispatcher_.choose(loads_, options != nullptr ? options->key : std::nullopt);
    const bool known = chosen >= 0 && chosen < static_cast<int>(loads_.size());
    return known ? chosen_from_[static_cast<std::size_t>(chosen)] : WaitingTasks::kShared;
  } catch (...) {
    return WaitingTasks::kShared;  // no memory, or the user's rule threw
  }
}

bool PoolCore::call_seat(int seat) noexcept {
  bool woken = false;
  for (int i = 0, count = workers(); i < count; ++i) {
    if (worker(i).seat() == seat) woken = parking_.call(i) || woken;
  }
  return woken;
}

void PoolCore::grow() noexcept {
  if (!paused()) staff_->task_waits();
}

std::uint64_t PoolCore::waiting() noexcept {
  std::uint64_t begun = settled();
  for (int i = 0, count = workers(); i < count; ++i) begun += worker(i).busy_on(-1) ? 1 : 0;
  const std::uint64_t accepted = this->accepted();
  return accepted > begun ? accepted - begun : 0;
}

void PoolCore::lose_hope(const std::string& why) noexcept {
  try {
    const std::lock_guard lock(hope_);
    why_hopeless_ = why;
  } catch (...) {
    // No memory for the text.
  }
  // A submitter publishes its task and then looks at this; this is stored before the queues are emptied.
  hopeless_.store(true, std::memory_order_seq_cst);
  lose_queued();
}

std::string PoolCore::why_hopeless() const {
  const std::lock_guard lock(hope_);
  return why_hopeless_;
}

void PoolCore::lose_queued() noexcept {
  while (TaskSlot* const slot = take_any()) static_cast<void>(end_unrun(*slot, slot_bits::kLost));
}

void PoolCore::run_in_caller(TaskSlot& slot) noexcept {
  slot.mark_begun(TaskSlot::kCaller);
  const std::uint32_t function = slot.function();
  const bool with_times = (slot.word() & slot_bits::kSampled) != 0;
  if (with_times) slot.times().started_ns = now_ns();
  const std::uint32_t bits = slot.run({});
  if (with_times) slot.times().settled_ns = now_ns();
  const bool completed = bits == slot_bits::kValue;
  auto& counter = completed ? completed_by_callers_ : failed_by_callers_;
  counter.fetch_add(1, std::memory_order_seq_cst);
  // The caller has no Future yet, so only stop() can have settled it.
  const bool settled_here = (slot.finish(bits) & slot_bits::kEarly) == 0;
  if (!settled_here) counter.fetch_sub(1, std::memory_order_seq_cst);
  {
    const std::lock_guard lock(latency_);
    if (settled_here) caller_functions_.count(function, completed, 1);
  }
  if (settled_here) settled_elsewhere();
}

void PoolCore::resume() noexcept {
  paused_.store(false, std::memory_order_seq_cst);
  show_flag(kScoreboardPaused, false);
  // As if all that waits were published now.
  parking_.published();
  if (waiting_.in_use() && !waiting_.stealing()) {
    for (int i = 0, count = workers(); i < count; ++i) static_cast<void>(parking_.call(i));
  }
  task_waits();
}

TaskSlot* PoolCore::steal(int thief) noexcept {
  const int count = workers();
  for (int i = 1; i < count; ++i) {
    if (TaskSlot* const slot = worker((thief + i) % count).deque().steal()) return slot;
  }
  return nullptr;
}

bool PoolCore::has_task() const noexcept {
  if (paused_.load(std::memory_order_seq_cst)) return false;  // pairs with resume
  if (waiting_.has_for_any()) return true;
  if (ring_.has_item()) return true;
  for (int i = 0, count = workers(); i < count; ++i) {
    if (worker(i).deque().has_item()) return true;
  }
  return false;
}

bool PoolCore::busy_on(int cpu, int but) const noexcept {
  for (int i = 0, count = workers(); i < count; ++i) {
    if (i != but && worker(i).busy_on(cpu)) return true;
  }
  return false;
}

void PoolCore::advance(Phase to) noexcept {
  Phase now = phase_.load(std::memory_order_relaxed);
  while (now < to && !phase_.compare_exchange_weak(now, to, std::memory_order_seq_cst)) {
  }
}

bool PoolCore::drain(std::optional<Clock::time_point> deadline) {
  advance(Phase::kDraining);
  show_flag(kScoreboardClosed, true);
  admission_.close();
  std::optional<Clock::time_point> patience;
  for (bool in_time = true;;) {
    const std::uint32_t turn = idle_turn_.load(std::memory_order_acquire);
    // A worker that counted as a sleeper before this has settled its tasks visibly; a later one will announce
    // itself.
    parking_.meet_sleepers();
    // Surely: workers that are sent home too early would leave a task in its queue.
    if (surely_settled() == accepted()) return true;
    if (!in_time) {
      // Whoever has the last result must not hear that its task goes on: the worker is about to count it.
      if (settled() < accepted()) return false;
      const auto now = Clock::now();
      if (!patience) patience = now + std::chrono::seconds(1);  // but it may be inside a continuation
      if (now >= *patience) return false;
      std::this_thread::yield();
      continue;
    }
    in_time = futex_wait(idle_turn_, turn, FutexScope::kThisProcess, deadline);
  }
}

void PoolCore::announce() noexcept {
  if (phase_.load(std::memory_order_seq_cst) == Phase::kOpen) return;
  idle_turn_.fetch_add(1, std::memory_order_release);
  futex_wake(idle_turn_, INT_MAX, FutexScope::kThisProcess);
}

void PoolCore::worker_idle() noexcept {
  admission_.settler_idle();
  announce();
}

void PoolCore::end_workers() {
  advance(Phase::kEnded);
  parking_.end();
}

void PoolCore::close() {
  admission_.close();
  advance(Phase::kStopping);
  show_flag(kScoreboardClosed, true);
  parking_.set_stopping();
  reject_queued();
  parking_.end();
}

void PoolCore::count_ended(std::uint32_t why, int by) noexcept {
  auto& counter = why == slot_bits::kCancelled  ? cancelled_
                  : why == slot_bits::kTimedOut ? timed_out_
                  : why == slot_bits::kLost     ? lost_
                                                : rejected_;
  counter.fetch_add(static_cast<std::uint64_t>(by), std::memory_order_seq_cst);
}

bool PoolCore::end_unrun(TaskSlot& slot, std::uint32_t why) noexcept {
  switch (slot.take_over()) {
    case TaskSlot::Taken::kClaimers:
      waiting_.drop_stale();
      return false;
    case TaskSlot::Taken::kSettled:
      waiting_.drop_stale();
      finish_claimed(slot);
      return false;
    case TaskSlot::Taken::kMine:
      break;
  }
  slot.drop_arguments();
  if ((slot.word() & slot_bits::kSampled) != 0) slot.times().settled_ns = now_ns();
  count_ended(why, 1);
  const std::uint32_t before = slot.finish_unrun(why);
  const bool settled_here = (before & slot_bits::kEarly) == 0;
  if (!settled_here) count_ended(why, -1);  // counted there
  if ((before & slot_bits::kHeld) == 0) {
    slot.clear(before);
    arena_.give_back(slot);
  }
  if (settled_here) settled_elsewhere();
  return true;
}

void PoolCore::finish_claimed(TaskSlot& slot) noexcept {
  const std::uint32_t before = slot.finish(0);
  if ((before & slot_bits::kHeld) != 0) return;
  slot.clear(before);
  arena_.give_back(slot);
}

void PoolCore::sweep_stale() noexcept {
  waiting_.sweep_stale([this](TaskSlot& slot) { static_cast<void>(end_unrun(slot, slot_bits::kCancelled)); });
}

TaskSlot* PoolCore::take_any() noexcept {
  // Not until pop gives nothing: it may look at an older head or cell than the step on the gate before this,
  // and miss a task whose submitter had not seen that step.
  while (ring_.has_item()) {
    if (TaskSlot* const slot = ring_.pop()) return slot;
  }
  for (int i = 0, count = workers(); i < count; ++i) {
    while (worker(i).deque().has_item()) {
      if (TaskSlot* const slot = worker(i).deque().steal()) return slot;
    }
  }
  return waiting_.take_any();
}

void PoolCore::reject_queued() noexcept {
  while (TaskSlot* const slot = take_any()) static_cast<void>(end_unrun(*slot, 0));
}

std::size_t PoolCore::cancel_queued() noexcept {
  std::size_t ended = 0;
  while (TaskSlot* const slot = take_any()) ended += end_unrun(*slot, slot_bits::kCancelled) ? 1 : 0;
  return ended;
}

void PoolCore::meet_workers() const noexcept {
  // A worker whose place is not there yet begins nothing before it is.
  for (int i = 0, count = workers(); i < count; ++i) static_cast<void>(worker(i).running());
}

void PoolCore::worker_overran(int place) noexcept {
  try {
    staff_->overran(worker(place), "is still inside a task that has settled without it");
  } catch (...) {
    // No memory for the text.
  }
}

void PoolCore::abandon_running() {
  meet_workers();
  arena_.for_each([this](TaskSlot& slot) { controls_.abandon(slot); });
}

bool PoolCore::stuck(int index) const {
  const TaskSlot* const slot = worker(index).running();
  return slot != nullptr && (slot->word() & (slot_bits::kEarly | slot_bits::kFinished)) == slot_bits::kEarly;
}

void PoolCore::worker_left() noexcept {
  workers_there_.fetch_sub(1, std::memory_order_release);
  futex_wake(workers_there_, INT_MAX, FutexScope::kThisProcess);
  announce();  // it may have settled its last task, and will not count as a sleeper any more
}

bool PoolCore::wait_for_workers(std::optional<Clock::time_point> deadline) {
  for (;;) {
    const std::uint32_t there = workers_there_.load(std::memory_order_acquire);
    if (there == 0) return true;
    if (!futex_wait(workers_there_, there, FutexScope::kThisProcess, deadline)) {
      return workers_there_.load(std::memory_order_acquire) == 0;
    }
  }
}

void PoolCore::read_settled(PoolStats& stats) const noexcept {
  stats.rejected_later = rejected_.load(std::memory_order_seq_cst);
  stats.cancelled = cancelled_.load(std::memory_order_seq_cst);
  stats.timed_out = timed_out_.load(std::memory_order_seq_cst);
  stats.lost = lost_.load(std::memory_order_seq_cst);
  stats.completed = completed_by_callers_.load(std::memory_order_seq_cst);
  stats.failed = failed_by_callers_.load(std::memory_order_seq_cst);
  for (int i = 0, count = workers(); i < count; ++i) {
    stats.completed += worker(i).counts().completed.load(std::memory_order_seq_cst);
    stats.failed += worker(i).counts().failed.load(std::memory_order_seq_cst);
  }
}

PoolStats PoolCore::stats() {
  PoolStats stats;
  read_settled(stats);
  const auto settled_seen = [&] {
    return stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
           stats.rejected_later;
  };
  // What has settled is read first, so it cannot be more than what was accepted. When it has not changed
  // after that either, both numbers held at one moment; under load that may need some tries.
  std::uint64_t accepted = this->accepted();
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = settled_seen();
    read_settled(stats);
    // More than were accepted: one counts twice, and whoever is about to take that back may lack a CPU.
    const bool twice = settled_seen() > accepted;
    if (settled_seen() == before && !twice) break;
    if (twice) std::this_thread::yield();
    accepted = this->accepted();
  }
  const std::lock_guard lock(latency_);
  for (int i = 0, count = workers(); i < count; ++i) worker(i).add_latency(stats.waiting, stats.running);
  staff_->add_stats(stats);
  for (int i = 0; i < options_.workers.max; ++i) {
    stats.workers[static_cast<std::size_t>(i)].queued = waiting_.queued(i);
  }
  add_functions(stats);
  stats.paused = paused();
  // Only a task that its worker and somebody else settle at this very moment counts for an instant on both
  // sides.
  stats.pending = accepted > settled_seen() ? accepted - settled_seen() : 0;
  stats.submitted = settled_seen() + stats.pending;
  stats.paused = paused();
  stats.refused = refused_.load(std::memory_order_relaxed);
  stats.events_dropped = events_.dropped();
  stats.event_failures = events_.failures();
  stats.shared_bytes_in_use = shared_bytes_->load(std::memory_order_relaxed);
  stats.waiting = stats.waiting.since(waiting_before_);
  stats.running = stats.running.since(running_before_);
  return stats;
}

void PoolCore::reset_latency() {
  const std::lock_guard lock(latency_);
  waiting_before_ = {};
  running_before_ = {};
  for (int i = 0, count = workers(); i < count; ++i) worker(i).add_latency(waiting_before_, running_before_);
  function_times_.reset();
  staff_->reset_latency();
}

void PoolCore::add_functions(PoolStats& stats) const {
  auto entries = std::make_unique<std::array<FunctionStats, kCountedFunctions>>();
  for (int i = 0, count = workers(); i < count; ++i) worker(i).functions().add_to(*entries);
  caller_functions_.add_to(*entries);
  function_times_.add_to(*entries);
  stats.functions = name_those_that_ran(std::move(*entries));
}

void PoolCore::tell_drained() noexcept {
  try {
    Event event;
    event.kind = EventKind::kPoolDrained;
    event.message = options_.name + ": all tasks of the pool have settled";
    events_.tell(std::move(event));
  } catch (...) {
    // No memory for the text of an event, which may be dropped.
  }
}

std::shared_ptr<const SharedBlock> PoolCore::allocate_shared(std::size_t bytes) {
  if (bytes > SIZE_MAX - 2 * kBufferAlignment) throw std::bad_alloc();
  // calloc, because large blocks come from it zero-filled without being touched.
  void* const memory = std::calloc(1, bytes + 2 * kBufferAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  const auto at = (reinterpret_cast<std::uintptr_t>(memory) + kBufferAlignment - 1) & ~(kBufferAlignment - 1);
  SharedBlock* block = nullptr;
  try {
    block =
        new SharedBlock{.data = reinterpret_cast<std::byte*>(at), .bytes = bytes, .offset = 0, .home = this};
  } catch (...) {
    std::free(memory);
    throw;
  }
  shared_bytes_->fetch_add(bytes, std::memory_order_relaxed);
  // On failure shared_ptr's constructor calls the deleter.
  return std::shared_ptr<const SharedBlock>(block, [memory, in_use = shared_bytes_](const SharedBlock* gone) {
    in_use->fetch_sub(gone->bytes, std::memory_order_relaxed);
    delete gone;
    std::free(memory);
  });
}

}  // namespace twinpool::threads
