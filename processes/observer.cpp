// SPDX-License-Identifier: Apache-2.0
#include "processes/observer.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "shared/future.h"
#include "shared/outcome.h"

namespace twinpool::processes {
namespace {

/// What the worker at `place` has in hand; 0: nothing.
SlotRef in_hand(const Segment& segment, int place) {
  const SlotRef intent = segment.worker(place).intent.load(std::memory_order_acquire);
  if (intent == 0 || ref_index(intent) >= segment.slot_count()) return 0;
  const SlotWord word{segment.slot(ref_index(intent)).word.load(std::memory_order_acquire)};
  const bool own = word.generation() == ref_generation(intent) && word.in_hands() && word.worker() == place;
  return own ? intent : 0;
}

}  // namespace

std::string known_name(const TaskType* type) {
  const auto known = TaskRegistry::all();
  return type != nullptr && std::find(known.begin(), known.end(), type) != known.end() ? std::string(type->name)
                                                                                      : std::string();
}

Observer::Observer(const Segment& segment, const ScoreboardMemory& board, const PoolOptions& options)
    : segment_(segment),
      board_(board),
      options_(options),
      reader_(segment.header().events),
      stuck_(std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(segment.place_count()))),
      queue_(options.on_event) {
  if (options.stuck_after.count() > 0)
    pulse_.emplace(static_cast<std::size_t>(segment.place_count()), options.stuck_after);
}

void Observer::listen() noexcept {
  while (const auto told = reader_.next(segment_.record_count())) {
    if (!queue_.listens()) continue;
    try {
      tell(*told);
    } catch (...) {  // NOLINT: no memory for the text of an event, which may be dropped
    }
  }
}

void Observer::tell(const EventRecord& told) {
  Event event;
  event.kind = static_cast<EventKind>(told.kind);
  event.when = Clock::time_point(std::chrono::nanoseconds(told.when_ns));
  if (told.place < 0) {
    return tell_pool(event.kind, event.kind == EventKind::kPoolDegraded ? "is degraded, too many workers died"
                                                                       : "has workers again");
  }
  event.worker = told.place < segment_.place_count() ? segment_.seat_of(told.place) : -1;
  event.id = told.pid;
  event.delay = std::chrono::milliseconds(told.delay_ms);
  event.task = known_name(told.type);
  if (event.kind == EventKind::kWorkerLost) {
    event.signal = WIFSIGNALED(told.status) ? WTERMSIG(told.status) : 0;
    event.exit_status = WIFEXITED(told.status) ? WEXITSTATUS(told.status) : 0;
    event.core_dumped = WIFSIGNALED(told.status) && WCOREDUMP(told.status);
  }
  event.message = options_.name + ": " + sentence(told, event.task);
  queue_.tell(std::move(event));
}

std::string Observer::sentence(const EventRecord& told, const std::string& task) const {
  const std::string worker = segment_.name_of(told.place) + " ";
  const std::string running = task.empty() ? "" : " while running '" + task + "'";
  switch (static_cast<EventKind>(told.kind)) {
    case EventKind::kWorkerStarted:
      return worker + "has started";
    case EventKind::kWorkerReady:
      return worker + "is ready";
    case EventKind::kWorkerLost:
      return loss(told, task);
    case EventKind::kWorkerRestarted:
      return worker + "is made anew after " + std::to_string(told.delay_ms) + " ms";
    case EventKind::kWorkerRecycled:
      return worker + "has left for a fresh one";
    case EventKind::kWorkerRetired:
      return worker + "has left: the pool needs fewer workers";
    case EventKind::kWorkerStuck:
      return worker + ((told.detail & kByThePool) != 0 ? "is over its limit and is killed" : "was stopped (SIGSTOP)") +
             running;
    default:
      return worker + "goes on";
  }
}

std::string Observer::loss(const EventRecord& told, const std::string& task) const {
  const WorkerRecord& record = segment_.worker(told.place);
  if ((told.detail & kInSetUp) != 0 && WIFEXITED(told.status) &&
      record.failed_incarnation.load(std::memory_order_acquire) != 0) {
    return segment_.name_of(told.place) + " could not be set up: " +
           std::string(record.set_up_failure, ::strnlen(record.set_up_failure, kFailureBytes));
  }
  WorkerLoss how{.worker = 0,  // its name is put in its place below
                 .pid = told.pid,
                 .signal = WIFSIGNALED(told.status) ? WTERMSIG(told.status) : 0,
                 .exit_status = WIFEXITED(told.status) ? WEXITSTATUS(told.status) : 0,
                 .was_running = !task.empty()};
  if ((told.detail & kHasAddress) != 0) how.address = told.address;
  std::string text = describe(how, task);
  text.replace(0, text.find(" (pid"), segment_.name_of(told.place));
  if ((told.detail & kInSetUp) != 0) text += " in its set-up";
  if ((told.detail & kByThePool) != 0) text += ", by the pool: it was over its limit";
  return text;
}

void Observer::degraded(const std::string& what) noexcept {
  board_.set_flag(kScoreboardDegraded, true);
  tell_pool(EventKind::kPoolDegraded, what);
}

void Observer::died_with_supervisor(int place, int pid, const TaskType* type) noexcept {
  ScoreboardEntry& shown = board_.entry(place);
  shown.count_death(DeathCause::kSignal, SIGKILL);
  shown.leave(WorkerState::kLost, scoreboard_time(Clock::now()));
  if (!queue_.listens()) return;
  EventRecord event{};
  event.kind = static_cast<std::uint32_t>(EventKind::kWorkerLost);
  event.place = place;
  event.pid = pid;
  event.status = SIGKILL;
  event.type = type;
  event.when_ns = now_ns();
  try {
    tell(event);
  } catch (...) {  // NOLINT: as above
  }
}

void Observer::tell_pool(EventKind kind, const std::string& what) noexcept {
  if (!queue_.listens()) return;
  try {
    Event event;
    event.kind = kind;
    event.message = options_.name + ": the pool " + what;
    queue_.tell(std::move(event));
  } catch (...) {  // NOLINT: as above
  }
}

std::optional<std::chrono::nanoseconds> Observer::look() noexcept {
  if (!pulse_) return std::nullopt;
  const auto now = Clock::now();
  for (int place = 0; place < segment_.place_count(); ++place) {
    const SlotRef ref = in_hand(segment_, place);
    const Beat beat = pulse_->feed(static_cast<std::size_t>(place), ref, now);
    if (beat == Beat::kNone) continue;
    stuck_[static_cast<std::size_t>(place)].store(beat == Beat::kStuck, std::memory_order_relaxed);
    tell_pulse(beat == Beat::kStuck ? EventKind::kWorkerStuck : EventKind::kWorkerResumed, place,
               ref != 0 ? segment_.slot(ref_index(ref)).type : nullptr);
  }
  return pulse_->look_interval();
}

void Observer::tell_pulse(EventKind kind, int place, const TaskType* type) noexcept {
  if (!queue_.listens()) return;
  try {
    Event event;
    event.kind = kind;
    event.worker = segment_.seat_of(place);
    event.id = static_cast<int>(segment_.worker(place).pid.load(std::memory_order_acquire));
    event.task = known_name(type);
    event.message = options_.name + ": worker " + std::to_string(event.worker) +
                    (kind == EventKind::kWorkerStuck
                         ? " has been on one task ('" + event.task + "') for longer than " +
                               std::to_string(options_.stuck_after.count()) + " ms"
                         : " goes on");
    queue_.tell(std::move(event));
  } catch (...) {  // NOLINT: as above
  }
}

void Observer::stop() noexcept {
  listen();
  queue_.stop();
}

}  // namespace twinpool::processes
