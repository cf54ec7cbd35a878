// SPDX-License-Identifier: Apache-2.0
#include "processes/owner.h"

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "processes/door.h"
#include "processes/growth_request.h"
#include "processes/recovery.h"
#include "processes/task_queue.h"
#include "shared/cpu_aware_spin.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

/// Every wait looks again after so long, whatever was or was not heard.
constexpr milliseconds kLookAgain{50};
constexpr milliseconds kStartLimit{10'000};
constexpr milliseconds kEndLimit{5'000};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

Descriptor make_eventfd(const char* what) {
  Descriptor fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.open())
    throw std::system_error(errno, std::generic_category(), std::string("make an eventfd for ") + what);
  return fd;
}

}  // namespace

ProcessPool::Owner::Owner(PoolOptions options)
    : options_(validate(std::move(options))), launcher_(Launcher::start()) {
  books_ = TaskBooks::create({.workers = options_.workers.max,
                              .slots = static_cast<std::uint32_t>(options_.queue_capacity) +
                                       static_cast<std::uint32_t>(options_.workers.max),
                              .payload_bytes = options_.processes.max_shared_bytes},
                             launcher_->known_tasks());
  segment_ = &books_->segment();
  set_range(options_.workers);
  segment_->header().wanted.store(static_cast<std::uint32_t>(options_.workers.min), std::memory_order_relaxed);
  try {
    start();
  } catch (...) {
    if (monitor_ != nullptr) {
      monitor_->expect_end();
      monitor_->end_everything(kEndLimit);
      monitor_.reset();
    }
    if (observer_ != nullptr) observer_->stop();
    books_->orphan();
    throw;
  }
}

ProcessPool::Owner::~Owner() {
  if (::getpid() != owner_pid_) {
    // A copy in a fork of the program: the pool is the other's, and its threads were not forked.
    static_cast<void>(monitor_.release());
    static_cast<void>(observer_.release());
    return;
  }
  stop(options_.stop_limit);
  books_->orphan();
}

void ProcessPool::Owner::start() {
  board_ = ScoreboardMemory::create({.pool_name = options_.name,
                                     .backend = ScoreboardBackend::kProcesses,
                                     .seats = segment_->seat_count(),
                                     .places = segment_->place_count()});
  observer_ = std::make_unique<Observer>(*segment_, board_, options_);
  poke_ = make_eventfd("the supervisor");
  Descriptor bell = make_eventfd("the owner");
  Descriptor socket = launcher_->open_pool(
      *segment_, options_, {.poke = poke_.get(), .owner_bell = bell.get(), .board = board_.fd()});
  try {
    monitor_ =
        std::make_unique<Monitor>(*books_, *observer_, std::move(bell), std::move(socket),
                                  options_.processes.restart);
  } catch (const boost::system::system_error& error) {  // no std::system_error, though it looks like one
    throw std::system_error(error.code().value(), std::generic_category(), "make the pool's monitor");
  }
  if (monitor_->wait_started(kStartLimit) == 0) {
    const int error = monitor_->start_error();
    throw std::system_error(error != 0 ? error : ETIMEDOUT, std::generic_category(),
                            "fork the supervisor of the pool");
  }
  wait_for_workers();
}

std::optional<SubmitError> ProcessPool::Owner::refuse(SubmitError error) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  return error;
}

std::optional<SubmitError> ProcessPool::Owner::check(const Call& call, std::size_t bytes,
                                                     const Writer& count) const {
  if (call.sequence >= launcher_->known_tasks()) return SubmitError::kUnknownTask;
  for (const auto& block : const_cast<Writer&>(count).attached()) {
    if (block->home != books_) return SubmitError::kForeignBuffer;
  }
  if (bytes > kInlineArguments && bytes > books_->extents().capacity()) return SubmitError::kTooLarge;
  if (closed_hint_.load(std::memory_order_acquire)) return SubmitError::kClosed;
  if (is_cut_off()) return SubmitError::kDegraded;
  return std::nullopt;
}

std::optional<SubmitError> ProcessPool::Owner::enqueue(const Call& call, TaskState*& accepted) {
  Writer count;
  call.encode(call.references, count);
  const std::size_t bytes = count.size();
  if (const auto error = check(call, bytes, count)) return refuse(*error);
  Place place;
  if (const auto error = find_place(call, bytes, place)) return refuse(*error);

  TaskRecord& record = *place.record;
  Slot& slot = segment_->slot(TaskBooks::index_of(record));
  try {
    books_->attach(record, place.arguments, expected_result(call), std::move(count.attached()));
    const Extent& result = TaskBooks::result_of(record);
    slot.type = call.type;
    slot.sequence = call.sequence;
    slot.arguments_bytes = bytes;
    slot.arguments_offset = place.arguments.empty() ? kInline : place.arguments.offset;
    slot.result_offset = result.empty() ? kInline : result.offset;
    slot.result_capacity = result.bytes;
    slot.submitted_ns = takes_times() ? now_ns() : 0;
    if (slot.submitted_ns != 0) slot.started_ns = slot.settled_ns = 0;  // it may settle without having run
    Writer writer(place.arguments.empty() ? std::span<std::byte>(slot.arguments, bytes)
                                          : segment_->payload().subspan(place.arguments.offset, bytes));
    call.encode(call.references, writer);
  } catch (...) {
    books_->abandon(&record);
    throw;
  }
  if (!publish(record)) {
    books_->abandon(&record);
    return refuse(SubmitError::kClosed);
  }
  announce_work(*segment_);
  if (dynamic_.load(std::memory_order_relaxed)) ask_for_workers_if_missing();
  // Between the check above and the push the last worker may have been given up: then nobody would look at
  // the ring.
  if (is_cut_off()) poke_supervisor();
  accepted = &record;
  return std::nullopt;
}

/// Room for a result as large as this function's last one, if that was too large for a slot. Only a guess:
/// while memory is short, results are given theirs when they are there.
Extent ProcessPool::Owner::expected_result(const Call& call) {
  const std::uint64_t hint = books_->result_hint(call.sequence);
  if (hint == 0 || books_->extents().in_use() + hint > books_->extents().capacity() / 2) return {};
  return books_->extents().allocate(hint).value_or(Extent{});
}

std::optional<SubmitError> ProcessPool::Owner::try_place(const Call& call, std::size_t bytes, Place& place) {
  place.record = books_->acquire(call.type, call.sequence);
  if (place.record == nullptr) return SubmitError::kQueueFull;
  if (bytes <= kInlineArguments) return std::nullopt;
  if (const auto extent = books_->allocate(bytes)) {
    place.arguments = *extent;
    return std::nullopt;
  }
  books_->abandon(place.record);
  return SubmitError::kOutOfMemory;
}

std::optional<SubmitError> ProcessPool::Owner::find_place(const Call& call, std::size_t bytes, Place& place) {
  auto error = try_place(call, bytes, place);
  if (!error || options_.when_full == WhenFull::kRefuse) return error;
  wait_for_room(deadline_after(options_.block_limit), [&] {
    if (closed_hint_.load(std::memory_order_acquire)) {
      error = SubmitError::kClosed;
    } else if (is_cut_off()) {
      error = SubmitError::kDegraded;
    } else {
      error = try_place(call, bytes, place);
      return !error;
    }
    return true;
  });
  return error;
}

bool ProcessPool::Owner::publish(TaskRecord& record) {
  const std::uint32_t index = TaskBooks::index_of(record);
  const std::uint32_t generation = TaskBooks::generation_of(record);
  const auto cpu = static_cast<std::uint32_t>(current_cpu() + 1);
  SegmentHeader& header = segment_->header();
  const std::lock_guard lock(push_mutex_);
  if (closed_) return false;
  // The ring has twice as many places as there are slots; only entries whose tasks have ended can fill it.
  // The head is read only when it may matter: reading it at each submission pulls its line away from the
  // workers.
  const std::uint64_t tail = header.tail.load(std::memory_order_relaxed);
  if (tail - seen_head_ >= segment_->ring_size()) {
    skip_stale(*segment_);
    seen_head_ = header.head.load(std::memory_order_acquire);
  }
  if (header.owner_cpu.load(std::memory_order_relaxed) != cpu)
    header.owner_cpu.store(cpu, std::memory_order_relaxed);
  segment_->slot(index).word.store(SlotWord::make(generation, 0, SlotState::kQueued).bits,
                                   std::memory_order_release);
  // Counted first: whoever sees the task settled sees it submitted.
  submitted_.store(submitted_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  push_entry(*segment_, make_ref(generation, index));
  return true;
}

bool ProcessPool::Owner::takes_times() {
  if (options_.timing == Timing::kEvery) return true;
  const std::uint64_t number = submitted_.load(std::memory_order_relaxed);
  return number - timed_from_.load(std::memory_order_relaxed) < 4096 || number % 16 == 0;
}

bool ProcessPool::Owner::is_cut_off() const {
  const SegmentHeader& header = segment_->header();
  return header.degraded.load(std::memory_order_seq_cst) != 0 &&
         header.alive.load(std::memory_order_seq_cst) == 0;
}

void ProcessPool::Owner::poke_supervisor() const {
  if (monitor_->supervisor_pid() == 0) {  // there is nobody to poke, and so nobody else who would do it
    fail_queued(*segment_, SlotState::kLost);
    return;
  }
  processes::poke_supervisor(poke_.get());
}

std::shared_ptr<const SharedBlock> ProcessPool::Owner::allocate_shared(std::size_t bytes) {
  if (closed_hint_.load(std::memory_order_acquire)) throw SubmitRefused(SubmitError::kClosed);
  return books_->allocate_shared(bytes);
}

template <typename Done>
bool ProcessPool::Owner::wait_for_room(Clock::time_point deadline, Done done) {
  SegmentHeader& header = segment_->header();
  {
    const std::lock_guard lock(room_mutex_);
    ++room_waiters_;
    header.room_wanted.store(1, std::memory_order_seq_cst);
  }
  bool ok = false;
  for (;;) {
    const std::uint32_t room = header.room.load(std::memory_order_seq_cst);
    ok = done();
    const auto now = Clock::now();
    if (ok || now >= deadline) break;
    futex_wait(header.room, room, FutexScope::kAllProcesses, std::min(deadline, now + kLookAgain));
  }
  const std::lock_guard lock(room_mutex_);
  if (--room_waiters_ == 0) header.room_wanted.store(0, std::memory_order_seq_cst);
  return ok;
}

bool ProcessPool::Owner::is_idle() const {
  if (!skip_stale(*segment_)) return false;
  for (int index = 0; index < segment_->place_count(); ++index) {
    const SlotRef intent = segment_->worker(index).intent.load(std::memory_order_acquire);
    if (intent == 0 || ref_index(intent) >= segment_->slot_count()) continue;
    const SlotWord word{segment_->slot(ref_index(intent)).word.load(std::memory_order_acquire)};
    if (word.generation() == ref_generation(intent) && word.state() != SlotState::kFree && !word.terminal())
      return false;
  }
  return true;
}

bool ProcessPool::Owner::wait_until_idle(Clock::time_point deadline) {
  return wait_for_room(deadline, [this] { return is_idle(); });
}

void ProcessPool::Owner::close_submissions() {
  const std::lock_guard lock(push_mutex_);
  closed_ = true;
  closed_hint_.store(true, std::memory_order_release);
  board_.set_flag(kScoreboardClosed, true);
}

bool ProcessPool::Owner::drain(std::chrono::nanoseconds limit) {
  close_submissions();
  if (!wait_until_idle(deadline_after(limit))) return false;
  if (!drained_.exchange(true)) observer_->tell_pool(EventKind::kPoolDrained, "is drained");
  stop(std::chrono::nanoseconds{0});
  return true;
}

bool ProcessPool::Owner::stop(std::chrono::nanoseconds limit) {
  const std::lock_guard lock(stop_mutex_);
  if (stopped_) return clean_;
  stopped_ = true;
  close_submissions();
  fail_queued(*segment_, SlotState::kClosed);
  clean_ = wait_until_idle(deadline_after(limit));

  monitor_->expect_end();
  SegmentHeader& header = segment_->header();
  if (clean_) {
    header.stopping.store(1, std::memory_order_seq_cst);
    for (int index = 0; index < segment_->place_count(); ++index) knock(segment_->worker(index));
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto poked = ::write(poke_.get(), &one, sizeof one);
    monitor_->wait_supervisor_gone(milliseconds(1'000));
  } else {
    // Settled before its worker is killed, so that nobody takes it for a crash; the worker's result comes too
    // late.
    for (std::uint32_t i = 0; i < segment_->slot_count(); ++i) {
      Slot& slot = segment_->slot(i);
      const SlotWord word{slot.word.load(std::memory_order_acquire)};
      settle_slot(slot, word.generation(), SlotState::kClosed);
    }
  }
  monitor_->end_everything(kEndLimit);
  monitor_->finish();
  observer_->stop();
  for (int place = 0; place < board_.places(); ++place) {
    if (board_.entry(place).id.load(std::memory_order_relaxed) != 0)
      board_.entry(place).leave(WorkerState::kStopped, scoreboard_time(Clock::now()));
  }
  return clean_;
}

PoolStats ProcessPool::Owner::stats() {
  PoolStats stats;
  books_->count_outcomes(stats);
  // Read after the outcomes: what has settled by then was submitted before.
  stats.submitted = submitted_.load(std::memory_order_acquire);
  stats.pending = stats.submitted - stats.completed - stats.failed - stats.lost - stats.rejected_later;
  stats.refused = refused_.load(std::memory_order_relaxed);
  const SegmentHeader& header = segment_->header();
  stats.degraded = header.degraded.load(std::memory_order_acquire) != 0;
  stats.worker_deaths = header.deaths.load(std::memory_order_acquire);
  stats.shared_bytes_in_use = books_->extents().in_use();
  stats.shared_bytes_limit = books_->extents().capacity();
  stats.recycled = header.recycled.load(std::memory_order_acquire);
  stats.events_dropped = observer_->dropped();
  stats.event_failures = observer_->failures();
  const bool closed = closed_hint_.load(std::memory_order_acquire);
  for (int seat = 0; seat < segment_->seat_count(); ++seat)
    stats.workers.push_back(seat_stats(*segment_, *observer_, seat, closed));
  for (int index = 0; index < segment_->place_count(); ++index) {
    stats.waiting.add(segment_->worker(index).waiting);
    stats.running.add(segment_->worker(index).running);
  }
  const std::lock_guard lock(latency_mutex_);
  stats.waiting = stats.waiting.since(waiting_before_);
  stats.running = stats.running.since(running_before_);
  return stats;
}

void ProcessPool::Owner::reset_latency() {
  const std::lock_guard lock(latency_mutex_);
  waiting_before_ = Histogram();
  running_before_ = Histogram();
  for (int index = 0; index < segment_->place_count(); ++index) {
    waiting_before_.add(segment_->worker(index).waiting);
    running_before_.add(segment_->worker(index).running);
  }
  timed_from_.store(submitted_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace twinpool::processes
