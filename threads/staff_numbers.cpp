// SPDX-License-Identifier: Apache-2.0
// What is told and counted of workers: events and stats.
#include <algorithm>
#include <string>
#include <utility>

#include "threads/pool_core.h"
#include "threads/staff.h"

namespace twinpool::threads {

void Staff::tell(EventKind kind, int place, const std::string& what, std::chrono::milliseconds delay) noexcept {
  if (!core_.events().listens()) return;
  try {
    Event event;
    event.kind = kind;
    event.worker = at(place).seat;
    event.id = core_.worker(place).thread_id();
    event.delay = delay;
    event.message = options_.name + ": worker " + std::to_string(event.worker) + " " + what;
    if (kind == EventKind::kWorkerStuck) event.task = core_.worker(place).task_name();
    core_.events().tell(std::move(event));
  } catch (...) {
    // No memory for the text of an event, which may be dropped.
  }
}

void Staff::tell_pool(EventKind kind, const std::string& what) noexcept {
  if (!core_.events().listens()) return;
  try {
    Event event;
    event.kind = kind;
    event.message = options_.name + ": the pool " + what;
    core_.events().tell(std::move(event));
  } catch (...) {
    // As above.
  }
}

void Staff::set_timer(std::uint64_t key, Clock::time_point when) noexcept {
  try {
    deadlines_.set(key, when);
  } catch (...) {
    // No thread to be had for the timer: the next worker that leaves or fails sets it again.
  }
}

WorkerState Staff::state_of(int seat_index) const {
  const Seat& chair = seats_[static_cast<std::size_t>(seat_index)];
  if (chair.occupant >= 0) {
    return at(chair.occupant).stuck ? WorkerState::kStuck : core_.worker(chair.occupant).stats().state;
  }
  if (closed_) return WorkerState::kStopped;
  return chair.vacant_by_death ? WorkerState::kLost : WorkerState::kAbsent;
}

void Staff::add_place(WorkerStats& stats, int place) const {
  if (place >= core_.workers()) return;
  const Worker& worker = core_.worker(place);
  const WorkerStats here = worker.stats();
  stats.tasks += here.tasks;
  stats.busy += here.busy;
  worker.add_latency(stats.waiting, stats.running);
}

WorkerStats Staff::stats_of(int seat_index) const {
  const Seat& chair = seats_[static_cast<std::size_t>(seat_index)];
  WorkerStats stats;
  stats.index = seat_index;
  stats.state = state_of(seat_index);
  if (chair.occupant >= 0) stats.id = core_.worker(chair.occupant).stats().id;
  stats.restarts = chair.restarts;
  stats.recycled = chair.recycled;
  stats.last_death = chair.last_death;
  add_place(stats, seat_index);
  add_place(stats, seat_index + seats());
  return stats;
}

void Staff::add_stats(PoolStats& stats) const {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < seats(); ++i) stats.workers.push_back(stats_of(i));
  for (int place = 2 * seats(); place < core_.workers(); ++place) {
    WorkerStats spare;
    spare.index = place - seats();
    if (at(place).post == Post::kEmpty) {
      spare.state = closed_ ? WorkerState::kStopped : WorkerState::kAbsent;
    } else {
      const WorkerStats here = core_.worker(place).stats();
      spare.state = at(place).stuck ? WorkerState::kStuck : here.state;
      spare.id = here.id;
    }
    add_place(spare, place);
    stats.workers.push_back(std::move(spare));
  }
  for (std::size_t i = 0; i < stats.workers.size(); ++i) {
    if (before_[i] == nullptr) continue;
    stats.workers[i].waiting = stats.workers[i].waiting.since(before_[i]->waiting);
    stats.workers[i].running = stats.workers[i].running.since(before_[i]->running);
  }
  stats.worker_deaths = deaths_;
  stats.recycled = recycled_;
  stats.degraded = degraded_;
}

void Staff::reset_latency() {
  const std::lock_guard lock(mutex_);
  const auto listed = static_cast<std::size_t>(core_.workers() - std::min(core_.workers() - seats(), seats()));
  for (std::size_t i = 0; i < listed; ++i) {
    auto fresh = std::make_unique<Latency>();
    WorkerStats now;
    const int index = static_cast<int>(i);
    add_place(now, index < seats() ? index : index + seats());
    if (index < seats()) add_place(now, index + seats());
    fresh->waiting = now.waiting;
    fresh->running = now.running;
    before_[i] = std::move(fresh);
  }
}

}  // namespace twinpool::threads
