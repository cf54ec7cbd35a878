// SPDX-License-Identifier: Apache-2.0
#include "threads/pool_core.h"

#include <climits>
#include <cstdlib>
#include <new>
#include <system_error>

#include "shared/futex.h"
#include "threads/staff.h"

namespace twinpool::threads {
namespace {

constexpr std::uint64_t kAlwaysSampled = 4096;  // see Timing::kSampled
constexpr std::uint64_t kSampleOneIn = 16;

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
      board_(make_board(options)),
      ring_(limit_of(options)),
      arena_(*this),
      admission_(limit_of(options), static_cast<std::uint64_t>(options.workers.max)),
      parking_(Staff::places_of(options)),
      shared_bytes_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      events_(options.on_event) {
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
  std::uint64_t sum = rejected_.load(std::memory_order_seq_cst) + lost_.load(std::memory_order_seq_cst);
  for (int i = 0, count = workers(); i < count; ++i) {
    sum += worker(i).counts().completed.load(std::memory_order_seq_cst);
    sum += worker(i).counts().failed.load(std::memory_order_seq_cst);
  }
  return sum;
}

Admission::Answer PoolCore::admit(bool nested, std::uint64_t& sequence, bool& beyond_limit) {
  using Answer = Admission::Answer;
  const auto settled_now = [this] { return settled(); };
  const Answer answer = admission_.admit(sequence, settled_now);
  if (answer != Answer::kFull) return answer;
  if (nested) {
    // A worker must not wait for room that only workers make.
    beyond_limit = true;
    return admission_.admit_beyond_limit(sequence) ? Answer::kAdmitted : Answer::kClosed;
  }
  if (options_.when_full == WhenFull::kRefuse) return answer;
  return admission_.admit_when_room(sequence, settled_now, Clock::now() + options_.block_limit, worker_cpu());
}

TaskSlot& PoolCore::make_slot(const Call& call, std::uint64_t sequence) {
  TaskSlot* slot = nullptr;
  try {
    slot = &arena_.acquire();
    const bool with_times = sampled(sequence);
    if (with_times) slot->times() = {.submitted_ns = now_ns(), .started_ns = 0, .settled_ns = 0};
    slot->fill(call, with_times);
  } catch (...) {
    if (slot != nullptr) arena_.give_back(*slot);
    admission_.withdraw();
    announce();
    throw;
  }
  return *slot;
}

std::optional<SubmitError> PoolCore::submit(const Call& call, TaskState*& accepted) {
  Worker* worker = Worker::current();
  if (worker != nullptr && &worker->core() != this) worker = nullptr;
  if (hopeless_.load(std::memory_order_relaxed)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return SubmitError::kDegraded;
  }
  std::uint64_t sequence = 0;
  bool run_here = false;
  const auto answer = admit(worker != nullptr, sequence, run_here);
  if (answer != Admission::Answer::kAdmitted) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return answer == Admission::Answer::kClosed ? SubmitError::kClosed : SubmitError::kQueueFull;
  }
  TaskSlot& slot = make_slot(call, sequence);
  accepted = &slot;
  if (worker == nullptr) {
    ring_.push(&slot);
  } else if (run_here || !worker->deque().push(&slot)) {
    worker->execute(slot);
    return std::nullopt;
  }
  // The pool was stopped after the task had been admitted: whoever emptied the queues may have missed it.
  if (!parking_.published()) reject_queued();
  task_waits();
  if (hopeless_.load(std::memory_order_seq_cst)) lose_queued();  // pairs with lose_hope
  return std::nullopt;
}

void PoolCore::grow() noexcept { staff_->task_waits(); }

std::uint64_t PoolCore::waiting() const noexcept {
  std::uint64_t begun = settled();
  for (int i = 0, count = workers(); i < count; ++i) begun += worker(i).busy_on(-1) ? 1 : 0;
  const std::uint64_t accepted = admission_.accepted();
  return accepted > begun ? accepted - begun : 0;
}

void PoolCore::lose_hope(const std::string& why) noexcept {
  {
    const std::lock_guard lock(hope_);
    why_hopeless_ = why;
  }
  // A submitter publishes its task and then looks at this; this is stored before the queues are emptied.
  hopeless_.store(true, std::memory_order_seq_cst);
  lose_queued();
}

void PoolCore::lose_queued() noexcept {
  while (ring_.has_item()) {
    if (TaskSlot* const slot = ring_.pop()) lose(*slot);
  }
  for (int i = 0, count = workers(); i < count; ++i) {
    while (worker(i).deque().has_item()) {
      if (TaskSlot* const slot = worker(i).deque().steal()) lose(*slot);
    }
  }
}

void PoolCore::lose(TaskSlot& slot) noexcept {
  slot.drop_arguments();
  {
    const std::lock_guard lock(hope_);
    slot.lose(why_hopeless_);
  }
  if ((slot.word() & slot_bits::kSampled) != 0) slot.times().settled_ns = now_ns();
  lost_.fetch_add(1, std::memory_order_seq_cst);
  const std::uint32_t before = slot.finish(slot_bits::kFailed);
  if ((before & slot_bits::kAbandoned) != 0) lost_.fetch_sub(1, std::memory_order_seq_cst);  // counted there
  if ((before & slot_bits::kHeld) == 0) {
    slot.clear(slot_bits::kFailed);
    arena_.give_back(slot);
  }
  admission_.settler_idle();
  announce();
}

TaskSlot* PoolCore::steal(int thief) noexcept {
  const int count = workers();
  for (int i = 1; i < count; ++i) {
    if (TaskSlot* const slot = worker((thief + i) % count).deque().steal()) return slot;
  }
  return nullptr;
}

bool PoolCore::has_task() const noexcept {
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
  admission_.close();
  for (bool in_time = true;;) {
    const std::uint32_t turn = idle_turn_.load(std::memory_order_acquire);
    // A worker that counted as a sleeper before this has settled its tasks visibly; a later one will announce
    // itself.
    parking_.meet_sleepers();
    if (settled() == admission_.accepted()) return true;
    if (!in_time) return false;
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
  parking_.set_stopping();
  reject_queued();
  parking_.end();
}

void PoolCore::reject(TaskSlot& slot) noexcept {
  slot.drop_arguments();
  if ((slot.word() & slot_bits::kSampled) != 0) slot.times().settled_ns = now_ns();
  rejected_.fetch_add(1, std::memory_order_seq_cst);
  const std::uint32_t before = slot.finish(slot_bits::kRejected);
  if ((before & slot_bits::kAbandoned) != 0)
    rejected_.fetch_sub(1, std::memory_order_seq_cst);  // counted there
  if ((before & slot_bits::kHeld) == 0) {
    slot.clear(slot_bits::kRejected);
    arena_.give_back(slot);
  }
  announce();
}

void PoolCore::reject_queued() noexcept {
  // Not until pop gives nothing: it may look at an older head or cell than the step on the gate before this,
  // and miss a task whose submitter had not seen that step.
  while (ring_.has_item()) {
    if (TaskSlot* const slot = ring_.pop()) reject(*slot);
  }
  for (int i = 0, count = workers(); i < count; ++i) {
    while (worker(i).deque().has_item()) {
      if (TaskSlot* const slot = worker(i).deque().steal()) reject(*slot);
    }
  }
}

void PoolCore::abandon_running() {
  for (int i = 0, count = workers(); i < count; ++i) {
    static_cast<void>(worker(i).running());  // see Worker::execute
  }
  arena_.for_each([this](TaskSlot& slot) {
    if ((slot.word() & slot_bits::kFinished) != 0) return;
    rejected_.fetch_add(1, std::memory_order_seq_cst);
    if (!slot.abandon()) rejected_.fetch_sub(1, std::memory_order_seq_cst);
  });
  announce();
}

bool PoolCore::stuck(int index) const {
  const TaskSlot* const slot = worker(index).running();
  return slot != nullptr &&
         (slot->word() & (slot_bits::kAbandoned | slot_bits::kFinished)) == slot_bits::kAbandoned;
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
  stats.lost = lost_.load(std::memory_order_seq_cst);
  stats.completed = stats.failed = 0;
  for (int i = 0, count = workers(); i < count; ++i) {
    stats.completed += worker(i).counts().completed.load(std::memory_order_seq_cst);
    stats.failed += worker(i).counts().failed.load(std::memory_order_seq_cst);
  }
}

PoolStats PoolCore::stats() const {
  PoolStats stats;
  read_settled(stats);
  const auto settled_seen = [&] { return stats.completed + stats.failed + stats.rejected_later + stats.lost; };
  // What has settled is read first, so it cannot be more than what was accepted. When it has not changed
  // after that either, both numbers held at one moment; under load that may need some tries.
  std::uint64_t accepted = admission_.accepted();
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t before = settled_seen();
    read_settled(stats);
    if (settled_seen() == before) break;
    accepted = admission_.accepted();
  }
  const std::lock_guard lock(latency_);
  for (int i = 0, count = workers(); i < count; ++i) worker(i).add_latency(stats.waiting, stats.running);
  staff_->add_stats(stats);
  add_functions(stats);
  // Only a task that stop() and its worker settle at this very moment counts for an instant on both sides.
  stats.pending = accepted > settled_seen() ? accepted - settled_seen() : 0;
  stats.submitted = settled_seen() + stats.pending;
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
