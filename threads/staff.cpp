// SPDX-License-Identifier: Apache-2.0
#include "threads/staff.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "shared/recycling.h"
#include "threads/pool_core.h"
#include "threads/worker.h"

namespace twinpool::threads {

Staff::Staff(PoolCore& core, const PoolOptions& options)
    : core_(core),
      options_(options),
      // Read here, by a thread that is not bound: a worker's own mask may be a single CPU.
      cpus_(options.affinity == Affinity::kNone ? std::vector<CpuPlace>{} : read_usable_places()),
      most_(options.workers.max),
      places_(static_cast<std::size_t>(places_of(options))),
      seats_(static_cast<std::size_t>(options.workers.max)),
      range_(options.workers),
      policy_(options.processes.restart),
      random_(static_cast<std::minstd_rand::result_type>(now_ns())),
      before_(static_cast<std::size_t>(options.workers.max + options.max_spares)),
      deadlines_([this](std::uint64_t key, Clock::time_point now) { return look(key, now); }) {
  if (options.stuck_after.count() > 0) pulse_.emplace(places_.size(), options.stuck_after);
}

Staff::~Staff() = default;

void Staff::open() {
  std::unique_lock lock(mutex_);
  for (int i = 0; i < range_.min; ++i) {
    try {
      start(i, i, -1);
    } catch (const std::system_error& error) {
      throw std::system_error(error.code(), "cannot start the thread of worker " + std::to_string(i + 1) +
                                                " of " + std::to_string(range_.min));
    }
  }
  if (pulse_) set_timer(kPulseKey, Clock::now() + pulse_->look_interval());
  if (options_.set_up == nullptr) return;
  changed_.wait(lock, [this] {
    return count_of(Post::kWorking) > 0 ? count_of(Post::kStarting) == 0 || deaths_ > 0 : degraded_;
  });
  if (count_of(Post::kWorking) == 0) {
    throw std::runtime_error("the pool '" + options_.name + "' has no worker: " + last_failure_);
  }
}

void Staff::start(int place, int seat_index, int replaces) {
  core_.make_place(place);
  Place& fresh = at(place);
  fresh.seat = seat_index;
  fresh.replaces = replaces;
  fresh.why = Leave::kEnd;
  fresh.due = false;
  fresh.restart_delay.reset();
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  const Recycling recycling = is_spare(place) ? Recycling() : Recycling(options_.recycling, random);
  fresh.leaves_at =
      recycling.max_age().count() == 0 ? Clock::time_point::max() : Clock::now() + recycling.max_age();
  core_.worker(place).appoint(seat_index, recycling.max_tasks());
  core_.add_reference();
  core_.worker_came();
  try {
    fresh.thread = std::thread([&core = core_, place] {
      core.staff().work(place);
      core.drop_references(1);
    });
  } catch (...) {
    core_.worker_left();
    core_.drop_references(1);
    throw;
  }
  fresh.number = ++starts_;
  fresh.post = Post::kStarting;
  if (replaces >= 0) {
    seat(seat_index).successor = place;
  } else if (!is_spare(place)) {
    occupy(seat_index, place);
  }
}

void Staff::occupy(int seat_index, int place) {
  Seat& chair = seat(seat_index);
  if (chair.occupant < 0) present_.fetch_add(1, std::memory_order_seq_cst);
  chair.occupant = place;
  core_.fill_seat(seat_index);
  if (std::exchange(chair.vacant_by_death, false)) {
    ++chair.restarts;
    const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - chair.died);
    if (core_.board().open()) core_.board().entry(place).count_restart(delay);
    at(place).restart_delay = delay;
  }
}

void Staff::vacate(int seat_index) {
  seat(seat_index).occupant = -1;
  present_.fetch_sub(1, std::memory_order_seq_cst);
  core_.empty_seat(seat_index);
}

bool Staff::start_in_free_seat() {
  for (int i = 0; i < seats(); ++i) {
    if (seat(i).occupant >= 0) continue;
    for (const int place : {i, i + seats()}) {
      if (at(place).post != Post::kEmpty) continue;
      start(place, i, -1);
      return true;
    }
  }
  return false;
}

void Staff::work(int place) noexcept {
  Worker& worker = core_.worker(place);
  // Seat and order were written before the thread was started, under the lock.
  const Place& here = at(place);
  worker.arrive();
  announce(place);
  static_cast<void>(place_this_thread(options_, worker.seat(), cpus_));
  std::string why;
  if (set_up(here, why)) {
    arrived(place);
    worker.serve();
    worker.end_serving();
    tear_down(here);
  } else {
    worker.end_serving();
    set_up_failed(place, why);
  }
  worker.depart();
  left(place);
  core_.worker_left();
}

void Staff::announce(int place) noexcept {
  // Not by who starts it: only now has the thread an id to tell.
  const std::lock_guard lock(mutex_);
  const Place& fresh = at(place);
  if (const auto delay = fresh.restart_delay) {
    tell(EventKind::kWorkerRestarted, place, "is made anew after " + std::to_string(delay->count()) + " ms",
         *delay);
  } else {
    tell(EventKind::kWorkerStarted, place,
         is_spare(place) ? "has a spare that stands in for it" : "has started");
  }
}

WorkerInfo Staff::info_of(const Place& here) const {
  return {.index = here.seat, .workers = options_.workers.max, .pool_name = options_.name};
}

bool Staff::set_up(const Place& here, std::string& why) const noexcept {
  if (options_.set_up == nullptr) return true;
  try {
    options_.set_up(info_of(here));
    return true;
  } catch (...) {
    try {
      const Failure failure = failure_of_current_exception();
      why = "set-up threw " + failure.type_name + ": " + failure.message;
    } catch (...) {  // no memory for the text
    }
  }
  return false;
}

void Staff::tear_down(const Place& here) const noexcept {
  if (options_.tear_down == nullptr) return;
  try {
    options_.tear_down(info_of(here));
  } catch (...) {
    // The worker leaves anyway, and nobody waits for an answer.
  }
}

void Staff::arrived(int place) {
  const std::lock_guard lock(mutex_);
  Place& fresh = at(place);
  if (fresh.post == Post::kStarting) fresh.post = Post::kWorking;
  fresh.ready = Clock::now();
  if (policy_.troubled()) {
    policy_.proved();
    set_timer(kMendKey, fresh.ready);  // what waits may need more workers
    if (std::exchange(degraded_, false)) {
      core_.regain_hope();
      core_.show_flag(kScoreboardDegraded, false);
      tell_pool(EventKind::kPoolRecovered, "has workers again");
    }
  }
  tell(EventKind::kWorkerReady, place, "is ready");
  core_.worker(place).begin_serving();  // before it replaces anybody: the strength must not dip
  if (const int old = std::exchange(fresh.replaces, -1); old >= 0) {
    seat(fresh.seat).successor = -1;
    const bool old_works = seat(fresh.seat).occupant == old;
    occupy(fresh.seat, place);
    if (old_works) order_leave(old, Leave::kRecycled);
  }
  if (fresh.leaves_at != Clock::time_point::max()) {
    set_timer(kAgeKeys + static_cast<std::uint64_t>(place), fresh.leaves_at);
  }
  changed_.notify_all();
}

void Staff::order_leave(int place, Leave why) noexcept {
  at(place).post = Post::kLeaving;
  at(place).why = why;
  core_.worker(place).order(worker_orders::kLeave);
}

void Staff::left(int place) noexcept {
  std::thread before;
  {
    const std::lock_guard lock(mutex_);
    Place& gone = at(place);
    if (gone.stuck) end_stuck(place);
    if (gone.why == Leave::kRecycled) {
      ++seat(gone.seat).recycled;
      ++recycled_;
      if (core_.board().open()) core_.board().entry(place).count_recycled();
      tell(EventKind::kWorkerRecycled, place, "has left for a fresh one");
    } else if (gone.why == Leave::kRetired) {
      tell(EventKind::kWorkerRetired, place, "has left: the pool needs fewer workers");
    }
    if (pulse_) pulse_->forget(static_cast<std::size_t>(place));
    gone.post = Post::kEmpty;
    gone.stands_in_for = -1;
    // A thread cannot join itself: the next one to leave does it. At the end see_off joins all.
    if (!closed_ && gone.thread.joinable()) before = std::exchange(last_left_, std::move(gone.thread));
    const int occupant = seat(gone.seat).occupant;
    if (!closed_ && occupant >= 0 && at(occupant).due) static_cast<void>(renew(occupant));
    changed_.notify_all();
  }
  if (before.joinable()) before.join();
}

void Staff::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  deadlines_.stop();
}

bool Staff::anybody_stuck() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.stuck; });
}

bool Staff::beyond_reach(int place) const {
  if (core_.stuck(place)) return true;
  const WorkerPhase phase = core_.worker(place).phase();
  return (phase == WorkerPhase::kArriving && options_.set_up != nullptr) ||
         (phase == WorkerPhase::kDeparting && options_.tear_down != nullptr);
}

bool Staff::see_off(std::optional<Clock::time_point> deadline) {
  const bool all_left = core_.wait_for_workers(deadline);
  if (!all_left) core_.abandon_running();
  bool left_behind = false;
  std::vector<std::thread> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.reserve(places_.size() + 1);
    for (int i = 0; i < core_.workers(); ++i) {
      std::thread& thread = at(i).thread;
      if (!thread.joinable()) continue;
      if (!all_left && beyond_reach(i)) {
        thread.detach();
        left_behind = true;
      } else {
        ending.push_back(std::move(thread));
      }
    }
    if (last_left_.joinable()) ending.push_back(std::move(last_left_));
  }
  for (std::thread& thread : ending) thread.join();
  return !left_behind;
}

int Staff::count_of(Post post) const {
  return static_cast<int>(
      std::count_if(places_.begin(), places_.end(), [&](const Place& place) { return place.post == post; }));
}

}  // namespace twinpool::threads
