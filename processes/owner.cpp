// SPDX-License-Identifier: Apache-2.0
#include "processes/owner.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "processes/door.h"
#include "processes/growth_request.h"
#include "processes/recovery.h"
#include "processes/task_queue.h"
#include "shared/ready_state.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

/// Every wait looks again after so long, whatever was or was not heard.
constexpr milliseconds kLookAgain{50};
constexpr milliseconds kStartLimit{10'000};
constexpr milliseconds kEndLimit{5'000};

Descriptor copy_of(const Descriptor& fd) {
  Descriptor copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy.open()) throw std::system_error(errno, std::generic_category(), "copy a descriptor of the pool");
  return copy;
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
                              .spares = options_.processes.hot_spares,
                              .slots = static_cast<std::uint32_t>(options_.queue_capacity) +
                                       static_cast<std::uint32_t>(options_.workers.max),
                              .payload_bytes = options_.processes.max_shared_bytes},
                             launcher_->known_tasks());
  segment_ = &books_->segment();
  waiting_ = std::make_unique<WaitingTasks>(*segment_, options_.dispatch);
  functions_ = std::make_unique<FunctionTable>(*segment_);
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
    books_->endings().stop();
    waiting_.reset();
    functions_.reset();
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
  waiting_.reset();
  functions_.reset();
  books_->orphan();
}

void ProcessPool::Owner::start() {
  board_ = ScoreboardMemory::create({.pool_name = options_.name,
                                     .backend = ScoreboardBackend::kProcesses,
                                     .seats = segment_->seat_count(),
                                     .places = segment_->record_count()});
  for (int place = segment_->place_count(); place < segment_->record_count(); ++place) {
    const int number = segment_->seat_count() + place - segment_->place_count();
    board_.entry(place).seat.store(static_cast<std::uint32_t>(number), std::memory_order_relaxed);
  }
  observer_ = std::make_unique<Observer>(*segment_, board_, options_);
  poke_ = make_eventfd("the supervisor");
  Descriptor bell = make_eventfd("the owner");
  Descriptor socket = launcher_->open_pool(
      *segment_, options_, {.poke = poke_.get(), .owner_bell = bell.get(), .board = board_.fd()});
  books_->endings().start(options_.grace, copy_of(bell), copy_of(poke_));
  try {
    monitor_ = std::make_unique<Monitor>(*books_, *observer_, std::move(bell), std::move(socket),
                                         options_.processes.restart, [this] { serve_notes(); });
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
  if (waiting_->closed()) return SubmitError::kClosed;
  if (is_cut_off()) return SubmitError::kDegraded;
  return std::nullopt;
}

/// Gives: none for a task that asks for nothing special in a pool that asks for nothing either.
std::optional<TaskTerms> ProcessPool::Owner::terms_of(const with* options) {
  const Endings::Limits pool_limits{.wait = options_.wait_limit, .run = options_.run_limit};
  const bool limited = pool_limits.wait.count() > 0 || pool_limits.run.count() > 0;
  if (options == nullptr && !limited && !waiting_->chooses()) return std::nullopt;
  TaskTerms terms;
  terms.where = waiting_->choose(options);
  terms.limits = pool_limits;
  if (options == nullptr) {
    terms.watched = limited;
    return terms;
  }
  terms.limits.wait = options->wait_limit.value_or(pool_limits.wait);
  terms.limits.run = options->run_limit.value_or(pool_limits.run);
  terms.attempts = 1 + options->retry;
  terms.last_attempt = std::min(terms.attempts, std::max(options_.quarantine, 1));
  terms.watched =
      terms.limits.wait.count() > 0 || terms.limits.run.count() > 0 || options->stop.stop_possible();
  return terms;
}

std::optional<SubmitError> ProcessPool::Owner::enqueue(const Call& call, const with* options,
                                                       TaskState*& accepted) {
  Writer count;
  call.encode(call.references, count);
  const std::size_t bytes = count.size();
  if (const auto error = check(call, bytes, count)) return refuse(*error);
  Place place;
  if (const auto error = find_place(call, bytes, place)) {
    if (*error == SubmitError::kQueueFull) {
      tell_full();
      if (options_.when_full == WhenFull::kRunInCaller) return run_in_caller(call, accepted);
    }
    return refuse(*error);
  }
  if (full_told_.load(std::memory_order_relaxed)) full_told_.store(false, std::memory_order_relaxed);

  TaskRecord& record = *place.record;
  const SlotRef ref = make_ref(TaskBooks::generation_of(record), TaskBooks::index_of(record));
  WaitingTasks::Where where;
  try {
    fill(call, bytes, place, count, options);
    where = TaskBooks::where_of(record);
  } catch (...) {
    books_->abandon(&record);
    throw;
  }
  if (options != nullptr && options->stop.stop_requested()) {
    // A worker that is awake would begin it before it is cancelled.
    if (!waiting_->count_unqueued()) {
      books_->abandon(&record);
      return refuse(SubmitError::kClosed);
    }
    books_->endings().cancel_unqueued(ref);
    accepted = &record;
    return std::nullopt;
  }
  const auto pushed = waiting_->push(ref, where, bytes);
  if (pushed != WaitingTasks::Pushed::kDone) {
    books_->abandon(&record);
    return refuse(pushed == WaitingTasks::Pushed::kClosed ? SubmitError::kClosed : SubmitError::kOutOfMemory);
  }
  after_push(where);
  if (options != nullptr && options->stop.stop_possible()) books_->endings().follow(ref, options->stop);
  accepted = &record;
  return std::nullopt;
}

void ProcessPool::Owner::after_push(WaitingTasks::Where where) {
  waiting_->announce(where);
  if (dynamic_.load(std::memory_order_relaxed)) ask_for_workers_if_missing();
  // Between the check and the push the last worker may have been given up: then nobody would look at the ring.
  if (is_cut_off()) poke_supervisor();
}

void ProcessPool::Owner::fill(const Call& call, std::size_t bytes, Place& place, const Writer& count,
                              const with* options) {
  TaskRecord& record = *place.record;
  Slot& slot = segment_->slot(TaskBooks::index_of(record));
  books_->attach(record, std::exchange(place.arguments, {}), expected_result(call),
                 std::move(const_cast<Writer&>(count).attached()));
  const Extent& arguments = TaskBooks::arguments_of(record);
  const Extent& result = TaskBooks::result_of(record);
  slot.type = call.type;
  slot.sequence = call.sequence;
  slot.arguments_bytes = bytes;
  std::uint32_t control = 0;
  if (!arguments.empty()) {
    control |= kArgumentsApart;
    slot.arguments_offset = arguments.offset;
  }
  if (!result.empty()) {
    control |= kResultApart;
    slot.result_offset = result.offset;
    slot.result_capacity = result.bytes;
  }
  if (takes_times()) {
    control |= kSampled;
    slot.submitted_ns = now_ns();
    slot.started_ns = slot.settled_ns = 0;  // it may settle without having run
    functions_->prepare(call.sequence);
  }
  if (const auto terms = terms_of(options)) {
    control |= terms->last_attempt > 1 ? kTimesStart | kMayRetry : kTimesStart;
    slot.started_ns = slot.settled_ns = 0;
    slot.attempt = 1;
    slot.last_attempt = static_cast<std::uint32_t>(terms->last_attempt);
    books_->set_terms(record, *terms);
    if (terms->watched) {
      books_->endings().watch(make_ref(TaskBooks::generation_of(record), TaskBooks::index_of(record)), terms->limits,
                              options != nullptr && options->stop.stop_possible());
    }
  }
  slot.control.store(control, std::memory_order_relaxed);
  Writer writer(arguments.empty() ? std::span<std::byte>(slot.arguments, bytes)
                                  : segment_->payload().subspan(arguments.offset, bytes));
  call.encode(call.references, writer);
}

/// The pool is full, and the user wants the submitting thread to work then (C9).
std::optional<SubmitError> ProcessPool::Owner::run_in_caller(const Call& call, TaskState*& accepted) {
  if (!waiting_->count_unqueued()) return refuse(SubmitError::kClosed);
  ReadyState* state = nullptr;
  try {
    state = ReadyState::run(call, takes_times());
  } catch (...) {
    waiting_->uncount_unqueued();
    throw;
  }
  functions_->count_in_caller(call.sequence, state->succeeded());
  (state->succeeded() ? completed_by_callers_ : failed_by_callers_).fetch_add(1, std::memory_order_release);
  accepted = state;
  return std::nullopt;
}

void ProcessPool::Owner::tell_full() noexcept {
  if (full_told_.exchange(true, std::memory_order_relaxed)) return;
  try {
    observer_->tell_pool(EventKind::kPoolFull,
                         "is full: " + std::to_string(segment_->slot_count()) + " tasks are unsettled");
  } catch (...) {  // NOLINT: no memory for the text of an event, which may be dropped
  }
}

/// In the monitor's thread: whose tasks have settled that somebody wants to hear of, or are to run again.
void ProcessPool::Owner::serve_notes() noexcept {
  SegmentHeader& header = segment_->header();
  // Before the look: who notes something after it rings again.
  if (header.notify_pending.exchange(0, std::memory_order_seq_cst) == 0) return;
  for (std::uint32_t first = 0; first < segment_->slot_count(); first += 64) {
    std::atomic<std::uint64_t>& word = segment_->done_word(first);
    if (word.load(std::memory_order_seq_cst) == 0) continue;
    for (std::uint64_t bits = word.exchange(0, std::memory_order_seq_cst); bits != 0; bits &= bits - 1) {
      const std::uint32_t index = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (index >= segment_->slot_count()) break;
      if (const auto where = books_->serve_note(index, *waiting_)) after_push(*where);
    }
  }
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
  if (*error == SubmitError::kQueueFull) {
    if (options_.when_full == WhenFull::kRunInCaller) return error;
    tell_full();
  }
  wait_for_room(deadline_after(options_.block_limit), [&] {
    if (waiting_->closed()) {
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

bool ProcessPool::Owner::takes_times() {
  if (options_.timing == Timing::kEvery) return true;
  const std::uint64_t number = waiting_->submitted();
  return number - timed_from_.load(std::memory_order_relaxed) < 4096 || number % 16 == 0;
}

bool ProcessPool::Owner::is_cut_off() const {
  const SegmentHeader& header = segment_->header();
  return header.degraded.load(std::memory_order_seq_cst) != 0 &&
         header.alive.load(std::memory_order_seq_cst) == 0;
}

void ProcessPool::Owner::poke_supervisor() const {
  if (monitor_->supervisor_pid() == 0) {  // there is nobody to poke, and so nobody else who would do it
    fail_queued(*segment_, SlotState::kLost, books_->endings().owner_bell());
    return;
  }
  processes::poke_supervisor(poke_.get());
}

std::shared_ptr<const SharedBlock> ProcessPool::Owner::allocate_shared(std::size_t bytes) {
  if (waiting_->closed()) throw SubmitRefused(SubmitError::kClosed);
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
  // Seems so. A task between two runs lies in no ring and in nobody's hands.
  for (std::uint32_t i = 0; i < segment_->slot_count(); ++i) {
    const SlotWord word{segment_->slot(i).word.load(std::memory_order_acquire)};
    if (word.state() != SlotState::kFree && !word.terminal()) return false;
  }
  return true;
}

bool ProcessPool::Owner::wait_until_idle(Clock::time_point deadline) {
  return wait_for_room(deadline, [this] { return is_idle(); });
}

void ProcessPool::Owner::close_submissions() {
  waiting_->close();
  board_.set_flag(kScoreboardClosed, true);
}

void ProcessPool::Owner::pause() {
  waiting_->pause();
  board_.set_flag(kScoreboardPaused, true);
}

void ProcessPool::Owner::resume() {
  waiting_->resume();
  board_.set_flag(kScoreboardPaused, false);
  if (dynamic_.load(std::memory_order_relaxed)) ask_for_workers_if_missing();
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
  waiting_->stop();
  end_waiting(*segment_, SlotState::kClosed, books_->endings().owner_bell());
  clean_ = wait_until_idle(deadline_after(limit));

  monitor_->expect_end();
  SegmentHeader& header = segment_->header();
  if (clean_) {
    header.stopping.store(1, std::memory_order_seq_cst);
    for (int index = 0; index < segment_->record_count(); ++index) knock(segment_->worker(index));
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto poked = ::write(poke_.get(), &one, sizeof one);
    monitor_->wait_supervisor_gone(milliseconds(1'000));
  } else {
    // Settled before its worker is killed, so that nobody takes it for a crash; the worker's result comes too
    // late.
    for (std::uint32_t i = 0; i < segment_->slot_count(); ++i) {
      Slot& slot = segment_->slot(i);
      const SlotWord word{slot.word.load(std::memory_order_acquire)};
      books_->endings().settle(make_ref(word.generation(), i), SlotState::kClosed);
    }
  }
  monitor_->end_everything(kEndLimit);
  monitor_->finish();
  // What the monitor has not come to. Nobody else is left.
  tell_all_again(*segment_);
  serve_notes();
  books_->endings().stop();
  observer_->stop();
  for (int place = 0; place < board_.places(); ++place) {
    if (board_.entry(place).id.load(std::memory_order_relaxed) != 0)
      board_.entry(place).leave(WorkerState::kStopped, scoreboard_time(Clock::now()));
  }
  return clean_;
}

}  // namespace twinpool::processes
