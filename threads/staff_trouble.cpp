// SPDX-License-Identifier: Apache-2.0
// Workers that cannot be set up, and workers that do not come back from a task.
#include <algorithm>
#include <string>
#include <utility>

#include "threads/pool_core.h"
#include "threads/staff.h"

namespace twinpool::threads {

void Staff::set_up_failed(int place, const std::string& why) noexcept {
  std::string hopeless;
  {
    const std::lock_guard lock(mutex_);
    Place& gone = at(place);
    Seat& chair = seat(gone.seat);
    const auto now = Clock::now();
    policy_.died(now, false);
    ++deaths_;
    if (core_.board().open()) core_.board().entry(place).count_death(DeathCause::kSetUp, 0);
    try {
      chair.last_death = "could not be set up: " + why;
      last_failure_ = "worker " + std::to_string(gone.seat) + " " + chair.last_death;
    } catch (...) {  // no memory for the text
    }
    gone.why = Leave::kFailed;
    gone.post = Post::kLeaving;
    tell(EventKind::kWorkerLost, place, chair.last_death);
    if (chair.successor == place) chair.successor = -1;
    if (chair.occupant == place) {
      vacate(gone.seat);
      chair.vacant_by_death = true;
      chair.died = now;
    }
    if (policy_.degraded() && !std::exchange(degraded_, true)) {
      core_.show_flag(kScoreboardDegraded, true);
      tell_pool(EventKind::kPoolDegraded, "is degraded, too many workers died; " + last_failure_);
    }
    if (degraded_ && count_of(Post::kWorking) == 0) hopeless = last_failure_;
    set_timer(kMendKey, std::max(now, policy_.next_start()));
    changed_.notify_all();
  }
  if (!hopeless.empty()) give_up_hope(hopeless);
}

void Staff::give_up_hope(const std::string& why) noexcept {
  // Without the lock: whoever waits for one of these tasks may do something with the pool at once.
  core_.lose_hope(why);
  const std::lock_guard lock(mutex_);
  if (!degraded_ || count_of(Post::kWorking) > 0) core_.regain_hope();  // a worker came meanwhile
}

std::optional<Clock::time_point> Staff::mend(Clock::time_point now) noexcept {
  if (closed_) return std::nullopt;
  // While workers keep failing, one start moves the moment of the next.
  const auto may_start = [&] { return policy_.next_start() <= now; };
  const auto start_one = [&](auto&& start_it) {
    if (!start_it()) return false;
    if (policy_.troubled()) policy_.started(now);
    return true;
  };
  try {
    while (present_.load(std::memory_order_relaxed) < range_.min && may_start() &&
           start_one([this] { return start_in_free_seat(); })) {
    }
  } catch (...) {
    return now + options_.processes.restart.backoff_limit;
  }
  for (int i = 0; i < core_.workers() && may_start(); ++i) {
    if (at(i).due) static_cast<void>(renew(i));
  }
  changed_.notify_all();  // reload may go on
  // Also when this look came too early, since a start or death meanwhile has moved the moment: those who are
  // due, and tasks that wait for more workers, have no other timer.
  const bool enough = present_.load(std::memory_order_relaxed) >= range_.min;
  if (enough && may_start()) return std::nullopt;
  return std::max(policy_.next_start(), now + std::chrono::milliseconds(1));
}

std::optional<Clock::time_point> Staff::look(std::uint64_t key, Clock::time_point now) noexcept {
  if (key == kMendKey) {
    std::optional<Clock::time_point> again;
    {
      const std::lock_guard lock(mutex_);
      again = mend(now);
    }
    core_.task_waits();
    return again;
  }
  const std::lock_guard lock(mutex_);
  if (key == kPulseKey) return look_at_all(now);
  const int place = static_cast<int>(key - kAgeKeys);
  if (at(place).post != Post::kWorking || at(place).leaves_at == Clock::time_point::max()) return std::nullopt;
  if (at(place).leaves_at > now) return at(place).leaves_at;
  static_cast<void>(renew(place));
  return std::nullopt;
}

std::optional<Clock::time_point> Staff::look_at_all(Clock::time_point now) noexcept {
  if (closed_) return std::nullopt;
  for (int i = 0; i < core_.workers(); ++i) {
    if (at(i).post != Post::kWorking && at(i).post != Post::kLeaving) continue;
    Worker& worker = core_.worker(i);
    const std::uint64_t task = worker.busy_on(-1) ? worker.finished() + 1 : 0;
    if (pulse_->feed(static_cast<std::size_t>(i), task, now) == Beat::kStuck) {
      mark_stuck(i, "has been on one task for longer than " + std::to_string(options_.stuck_after.count()) +
                        " ms");
    }
  }
  return now + pulse_->look_interval();
}

void Staff::overran(Worker& worker, const std::string& why) noexcept {
  const std::lock_guard lock(mutex_);
  if (!closed_) mark_stuck(worker.place(), why);
}

void Staff::mark_stuck(int place, const std::string& why) noexcept {
  Place& here = at(place);
  Worker& worker = core_.worker(place);
  if (here.stuck || worker.running() == nullptr) return;
  here.stuck = true;
  tell(EventKind::kWorkerStuck, place, why);
  start_spare(place);
  // It answers by `resumed` once it is back, at once if it has just come back.
  worker.order(worker_orders::kOverran);
}

void Staff::start_spare(int stuck) noexcept {
  for (int place = 2 * seats(); place < static_cast<int>(places_.size()); ++place) {
    if (at(place).post != Post::kEmpty) continue;
    try {
      start(place, at(stuck).seat, -1);
      at(place).stands_in_for = stuck;
    } catch (...) {
      // No thread to be had: the pool goes on with the workers that are not stuck.
    }
    return;
  }
}

void Staff::resumed(Worker& worker) noexcept {
  worker.withdraw(worker_orders::kOverran);
  const std::lock_guard lock(mutex_);
  if (at(worker.place()).stuck) end_stuck(worker.place());
}

void Staff::end_stuck(int place) noexcept {
  at(place).stuck = false;
  tell(EventKind::kWorkerResumed, place, "goes on");
  for (int spare = 2 * seats(); spare < core_.workers(); ++spare) {
    Place& stand_in = at(spare);
    if (stand_in.stands_in_for != place || stand_in.post == Post::kEmpty) continue;
    stand_in.stands_in_for = -1;
    if (stand_in.post != Post::kLeaving) order_leave(spare, Leave::kSpare);
  }
}

}  // namespace twinpool::threads
