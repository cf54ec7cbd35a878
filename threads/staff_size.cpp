// SPDX-License-Identifier: Apache-2.0
// How many workers there are: growing, retiring, resizing.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "shared/growth.h"
#include "threads/pool_core.h"
#include "threads/staff.h"

namespace twinpool::threads {

void Staff::task_waits() noexcept {
  // Sequentially consistent: may_retire takes its worker off before it looks for tasks a last time.
  if (present_.load(std::memory_order_seq_cst) >= most_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (closed_ || policy_.next_start() > now) return;
  const int starting = count_of(Post::kStarting);
  int missing = workers_to_start(present_.load(std::memory_order_relaxed), 0, starting, core_.waiting(), range_);
  if (policy_.troubled()) {
    missing = std::min(missing, 1);  // the first that can be set up has the others started
    policy_.started(now);
  }
  try {
    // Only threads are made here. They set themselves up side by side.
    while (missing > 0 && start_in_free_seat()) --missing;
  } catch (...) {
    // The system has no thread or memory to give: the task waits for the workers that there are.
  }
}

bool Staff::may_retire(Worker& worker) noexcept {
  const std::lock_guard lock(mutex_);
  Place& here = at(worker.place());
  if (here.post == Post::kLeaving) return true;
  const bool spare_or_renewed = is_spare(worker.place()) || seat(here.seat).successor >= 0;
  if (closed_ || here.post != Post::kWorking || spare_or_renewed) return false;
  if (!twinpool::may_retire(present_.load(std::memory_order_relaxed), range_.min, options_.idle_timeout,
                            options_.idle_timeout)) {
    return false;
  }
  vacate(here.seat);
  if (core_.has_task()) {
    occupy(here.seat, worker.place());
    return false;
  }
  here.post = Post::kLeaving;
  here.why = Leave::kRetired;
  changed_.notify_all();
  return true;
}

void Staff::resize(const WorkerRange& range) {
  const int most = options_.workers.max;
  if (range.min < 1 || range.min > range.max || range.max > most) {
    throw std::invalid_argument("resize to " + std::to_string(range.min) + " to " + std::to_string(range.max) +
                                " workers; it must be 1 to " + std::to_string(most) +
                                ", the largest number that the pool was made for, and min not above max");
  }
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  range_ = range;
  most_.store(range.max, std::memory_order_relaxed);
  core_.set_dynamic(range.dynamic());
  while (present_.load(std::memory_order_relaxed) < range.min && start_in_free_seat()) {
  }
  // The highest numbers go first: they are woken last, so they are the ones that idle.
  for (int i = seats() - 1; i >= 0 && present_.load(std::memory_order_relaxed) > range.max; --i) {
    if (const int place = seat(i).occupant; place >= 0) {
      vacate(i);
      order_leave(place, Leave::kRetired);
      if (const int fresh = std::exchange(seat(i).successor, -1); fresh >= 0) {
        at(fresh).replaces = -1;
        order_leave(fresh, Leave::kRetired);
      }
    }
  }
  // Sleepers learn that their sleep is limited now, or no more.
  for (int i = 0; i < core_.workers(); ++i) {
    if (at(i).post == Post::kWorking) core_.worker(i).order(worker_orders::kLook);
  }
}

}  // namespace twinpool::threads
