// SPDX-License-Identifier: Apache-2.0
#include "processes/staff.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "processes/door.h"
#include "processes/recovery.h"
#include "processes/worker_entry.h"
#include "shared/outcome.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

std::uint32_t seed() {
  return static_cast<std::uint32_t>(Clock::now().time_since_epoch().count()) ^
         static_cast<std::uint32_t>(::getpid());
}

}  // namespace

Staff::Staff(const Segment& segment, const SupervisorContext& context)
    : segment_(segment),
      header_(segment.header()),
      context_(context),
      // Read here, by a process that is not bound to one of them.
      cpus_(context.options.affinity == Affinity::kNone ? std::vector<CpuPlace>{} : read_usable_places()),
      policy_(context.options.processes.restart, seed()),
      random_(seed()),
      places_(static_cast<std::size_t>(segment.record_count())),
      seats_(static_cast<std::size_t>(segment.seat_count())),
      events_(header_.events, context.owner_bell, context.options.tells_events),
      wanted_(static_cast<int>(std::min<std::uint32_t>(header_.wanted.load(), header_.seats))) {
  // An earlier supervisor may have lost these.
  for (int i = 0; i < seats(); ++i) {
    seat(i).lost = record(i).seat.load() == kSeatLost;
    seat(i).died = Clock::now();
  }
}

bool Staff::stopping() const { return header_.stopping.load(std::memory_order_seq_cst) != 0; }

bool Staff::empty() const {
  return std::none_of(places_.begin(), places_.end(), [](const Place& place) { return place.pid != 0; });
}

int Staff::present() const {
  return static_cast<int>(
      std::count_if(seats_.begin(), seats_.end(), [](const Seat& chair) { return chair.occupant >= 0; }));
}

void Staff::look() {
  greet();
  obey_kills();
  if (!stopping()) {
    set_size();
    fill_seats();
    renew();
    fill_spares();
    judge_policy();
  }
  events_.flush();
}

void Staff::hear(pid_t pid, int status) {
  const auto found =
      std::find_if(places_.begin(), places_.end(), [&](const Place& place) { return place.pid == pid; });
  if (found == places_.end()) return;
  const int place = static_cast<int>(found - places_.begin());
  if (WIFSTOPPED(status)) {
    stopped(place);
  } else if (WIFCONTINUED(status)) {
    continued(place);
  } else {
    bury(place, status);
  }
}

/// Makes a place ready for a worker that is new there.
Staff::Place Staff::fresh_at(int place) {
  WorkerRecord& here = record(place);
  Place fresh;
  fresh.post = Post::kStarting;
  fresh.generation = header_.reload.load(std::memory_order_acquire);
  fresh.tasks_at_birth = fresh.seen_tasks = here.tasks.load(std::memory_order_relaxed);
  fresh.recycling = Recycling(context_.options.recycling, std::uniform_real_distribution<double>(0, 1)(random_));
  fresh.incarnation = here.incarnation.load(std::memory_order_relaxed) + 1;
  here.incarnation.store(fresh.incarnation, std::memory_order_release);
  here.leave.store(0, std::memory_order_relaxed);
  here.stopped.store(0, std::memory_order_relaxed);
  here.kill_ref.store(0, std::memory_order_relaxed);
  here.take_place.store(0, std::memory_order_relaxed);
  here.fault.written.store(0, std::memory_order_relaxed);
  fresh.born = fresh.ready = fresh.idle_since = Clock::now();
  return fresh;
}

/// Takes: `seat_index`: of a hot spare, which has none, its number as the scoreboard has it.
bool Staff::start(int place, int seat_index, int replaces) {
  Place fresh = fresh_at(place);
  fresh.replaces = replaces;
  const WorkerBirth birth{.place = place,
                          .supervisor = ::getpid(),
                          .max_tasks = fresh.recycling.max_tasks(),
                          .cpus = cpus_};
  ScoreboardEntry& shown = context_.board->entry(place);
  shown.arrive(0, static_cast<std::uint32_t>(seat_index), scoreboard_time(Clock::now()));
  const pid_t pid = ::fork();
  if (pid == 0) become_worker(segment_, context_, birth);
  if (pid < 0) {
    header_.start_errno.store(static_cast<std::uint32_t>(errno), std::memory_order_release);
    policy_.died(Clock::now(), false);
    shown.leave(WorkerState::kLost, scoreboard_time(Clock::now()));
    return false;
  }
  shown.id.store(pid, std::memory_order_relaxed);
  fresh.pid = pid;
  at(place) = fresh;
  record(place).pid.store(static_cast<std::uint32_t>(pid), std::memory_order_release);
  if (is_spare(place)) {
    tell(EventKind::kWorkerStarted, place);
    return true;
  }
  header_.alive.fetch_add(1, std::memory_order_seq_cst);
  if (replaces >= 0) {
    seat(seat_index).successor = place;
    tell(EventKind::kWorkerStarted, place);
  } else {
    occupy(seat_index, place);
  }
  return true;
}

void Staff::occupy(int seat_index, int place) {
  Seat& chair = seat(seat_index);
  chair.occupant = place;
  record(seat_index).seat.store(kFirstOccupant + static_cast<std::uint32_t>(place), std::memory_order_release);
  const bool fresh = at(place).post == Post::kStarting;
  if (std::exchange(chair.lost, false)) {
    const auto delay = std::chrono::duration_cast<milliseconds>(Clock::now() - chair.died);
    const auto delay_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(delay.count(), 0, UINT32_MAX));
    record(place).restarts.fetch_add(1, std::memory_order_relaxed);
    record(place).restart_delay_ms.store(delay_ms, std::memory_order_relaxed);
    context_.board->entry(place).count_restart(delay);
    EventRecord event{};
    event.delay_ms = delay_ms;
    tell(EventKind::kWorkerRestarted, place, event);
  } else if (fresh) {
    tell(EventKind::kWorkerStarted, place);
  }
}

void Staff::greet() {
  const auto now = Clock::now();
  for (int i = 0; i < places(); ++i) {
    if (at(i).post == Post::kStarting && record(i).ready.load(std::memory_order_acquire) == at(i).incarnation)
      arrived(i, now);
  }
}

void Staff::arrived(int place, Clock::time_point now) {
  Place& fresh = at(place);
  fresh.post = is_spare(place) ? Post::kStandingBy : Post::kWorking;
  fresh.ready = fresh.idle_since = now;
  tell(EventKind::kWorkerReady, place);
  if (is_spare(place)) return;
  somebody_came_ = true;
  release_record(fresh);
  const int old = std::exchange(fresh.replaces, -1);
  if (old < 0) return;
  const int seat_index = segment_.seat_of(place);
  seat(seat_index).successor = -1;
  occupy(seat_index, place);
  if (at(old).post == Post::kWorking || at(old).post == Post::kStarting) order_leave(old, Leave::kRecycled);
}

void Staff::order_leave(int place, Leave why) {
  at(place).post = Post::kLeaving;
  at(place).why = why;
  // seq_cst: the worker reads it between setting its idle bit and sleeping.
  record(place).leave.store(1, std::memory_order_seq_cst);
  knock(record(place));
}

void Staff::bury(int place, int status) {
  const Place gone = at(place);
  WorkerRecord& here = record(place);
  const auto now = Clock::now();
  const TaskType* const was_running =
      is_spare(place) ? nullptr : recover_worker(segment_, place, gone.pid, status, context_.owner_bell);
  const bool peaceful = gone.post == Post::kLeaving && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                        was_running == nullptr;
  const bool productive = finished_a_task(place) || has_lived(place, now);
  here.pid.store(0, std::memory_order_release);
  if (!is_spare(place)) header_.alive.fetch_sub(1, std::memory_order_seq_cst);
  if (!stopping()) {
    EventRecord event{};
    event.status = status;
    event.type = was_running;
    if (peaceful) {
      if (gone.why == Leave::kRecycled && !is_spare(place)) {
        here.recycled.fetch_add(1, std::memory_order_relaxed);
        header_.recycled.fetch_add(1, std::memory_order_release);
      }
      tell(gone.why == Leave::kRecycled ? EventKind::kWorkerRecycled : EventKind::kWorkerRetired, place, event);
    } else {
      here.last_status.store(static_cast<std::uint32_t>(status), std::memory_order_relaxed);
      here.last_pid.store(static_cast<std::uint32_t>(gone.pid), std::memory_order_relaxed);
      here.last_type.store(was_running, std::memory_order_relaxed);
      here.last_death_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
      here.deaths.fetch_add(1, std::memory_order_release);
      header_.deaths.fetch_add(1, std::memory_order_release);
      if (gone.post == Post::kStarting) {
        event.detail |= kInSetUp;
        note_set_up_failure(place, status);
      }
      if (gone.asked_to_die) {
        event.detail |= kByThePool;
      } else {
        policy_.died(now, productive);
        last_death_ = now;
      }
      if (here.fault.written.load(std::memory_order_acquire) != 0 && here.fault.has_address != 0) {
        event.detail |= kHasAddress;
        event.address = here.fault.address;
      }
      tell(EventKind::kWorkerLost, place, event);
    }
  }
  show_leaving(place, peaceful, status);
  release_record(at(place));
  at(place) = {};
  if (is_spare(place)) return;
  vacate(place, gone.post != Post::kLeaving);
  somebody_came_ = true;  // it may have been counted on
}

void Staff::show_leaving(int place, bool peaceful, int status) {
  ScoreboardEntry& shown = context_.board->entry(place);
  const Place& gone = at(place);
  if (stopping() || peaceful) {
    if (!stopping() && gone.why == Leave::kRecycled) shown.count_recycled();
    shown.leave(stopping() ? WorkerState::kStopped : WorkerState::kAbsent, scoreboard_time(Clock::now()));
    return;
  }
  shown.count_death(cause_of({.status = status,
                              .by_the_pool = gone.asked_to_die,
                              .in_set_up = gone.post == Post::kStarting,
                              .oom_kill = oom_kills_.more()}),
                    WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  shown.leave(gone.post == Post::kLeaving ? WorkerState::kAbsent : WorkerState::kLost,
              scoreboard_time(Clock::now()));
}

void Staff::vacate(int place, bool lost) {
  const int index = segment_.seat_of(place);
  Seat& chair = seat(index);
  if (chair.successor == place) chair.successor = -1;
  if (chair.occupant != place) return;
  chair.occupant = -1;
  chair.lost = lost;
  chair.died = Clock::now();
  if (chair.successor >= 0) {  // there is its replacement already
    const int fresh = std::exchange(chair.successor, -1);
    at(fresh).replaces = -1;
    occupy(index, fresh);
  } else if (lost) {
    record(index).seat.store(kSeatLost, std::memory_order_release);
  } else {
    empty_seat(segment_, index);
  }
}

void Staff::note_set_up_failure(int place, int status) {
  WorkerRecord& here = record(place);
  std::string why;
  if (here.failed_incarnation.load(std::memory_order_acquire) == at(place).incarnation) {
    why.assign(here.set_up_failure, ::strnlen(here.set_up_failure, kFailureBytes));
  } else {
    why = describe({.worker = 0,  // its name is put in its place below
                    .pid = at(place).pid,
                    .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                    .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0},
                   "") +
          " in its set-up";
    why.replace(0, why.find(" (pid"), segment_.name_of(place));
  }
  std::snprintf(header_.start_failure, sizeof header_.start_failure, "%s could not be set up: %s",
                segment_.name_of(place).c_str(), why.c_str());
}

bool Staff::finished_a_task(int place) const {
  return record(place).tasks.load(std::memory_order_relaxed) > at(place).tasks_at_birth;
}

bool Staff::has_lived(int place, Clock::time_point now) const {
  const Place& here = at(place);
  return here.post != Post::kStarting && now - here.ready >= context_.options.processes.restart.backoff_limit;
}

std::optional<int> Staff::free_place(int seat_index) const {
  if (at(seat_index).pid == 0) return seat_index;
  if (at(seat_index + seats()).pid == 0) return seat_index + seats();
  return std::nullopt;
}

std::optional<int> Staff::free_seat() const {
  for (const bool lost : {true, false}) {
    for (int i = 0; i < seats(); ++i) {
      if (seat(i).occupant < 0 && seat(i).lost == lost && free_place(i)) return i;
    }
  }
  return std::nullopt;
}

void Staff::fill_seats() {
  while (present() < wanted_) {
    const auto now = Clock::now();
    const auto empty_seat = free_seat();
    if (!empty_seat || policy_.next_start() > now) return;
    policy_.started(now);
    const int place = *free_place(*empty_seat);
    if (!promote(place, *empty_seat) && !start(place, *empty_seat, -1)) return;
  }
  // Where somebody was lost before the pool became smaller nobody is missing now.
  for (int i = 0; i < seats(); ++i) {
    if (std::exchange(seat(i).lost, false)) empty_seat(segment_, i);
  }
}

void Staff::judge_policy() {
  prove();
  const std::uint32_t degraded = policy_.degraded() ? 1 : 0;
  if (header_.degraded.load(std::memory_order_seq_cst) != degraded) {
    header_.degraded.store(degraded, std::memory_order_seq_cst);
    context_.board->set_flag(kScoreboardDegraded, degraded != 0);
    tell(degraded != 0 ? EventKind::kPoolDegraded : EventKind::kPoolRecovered, -1);
  }
  // Nobody is left and nobody may come soon: what waits would wait without end.
  if (degraded != 0 && header_.alive.load(std::memory_order_seq_cst) == 0) {
    fail_queued(segment_, SlotState::kLost, context_.owner_bell);
  }
}

/// A replacement that has shown that it can work ends the bad times.
void Staff::prove() {
  if (!policy_.troubled()) return;
  const auto now = Clock::now();
  for (int i = 0; i < segment_.place_count(); ++i) {
    if (at(i).pid == 0 || at(i).born < last_death_) continue;
    if (finished_a_task(i) || has_lived(i, now)) return policy_.proved();
  }
}

void Staff::tell(EventKind kind, int place, EventRecord event) {
  event.kind = static_cast<std::uint32_t>(kind);
  event.place = place;
  event.pid = place >= 0 ? at(place).pid : 0;
  events_.tell(event);
}

}  // namespace twinpool::processes
