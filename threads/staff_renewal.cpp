// SPDX-License-Identifier: Apache-2.0
// Fresh workers for old ones: recycling by tasks and age, reload.
#include "threads/pool_core.h"
#include "threads/staff.h"

namespace twinpool::threads {

bool Staff::renew(int place) noexcept {
  Place& old = at(place);
  if (closed_ || old.post != Post::kWorking || is_spare(place)) return false;
  if (seat(old.seat).successor >= 0) return true;
  old.due = true;  // tried again when the other place is free or the pool is mended
  const int other = place < seats() ? place + seats() : place - seats();
  if (at(other).post != Post::kEmpty) return false;
  const auto now = Clock::now();
  if (policy_.next_start() > now) {
    set_timer(kMendKey, policy_.next_start());
    return false;
  }
  try {
    start(other, old.seat, place);
    if (policy_.troubled()) policy_.started(now);
    return true;
  } catch (...) {
    set_timer(kMendKey, now + options_.processes.restart.backoff_limit);
    return false;
  }
}

void Staff::due(Worker& worker) noexcept {
  const std::lock_guard lock(mutex_);
  static_cast<void>(renew(worker.place()));
}

bool Staff::reload(std::optional<Clock::time_point> deadline) {
  std::unique_lock lock(mutex_);
  const std::uint64_t last = starts_;
  const auto is_old = [&](int place) { return at(place).post != Post::kEmpty && at(place).number <= last; };
  const auto wait_until = [&](auto&& done) {
    const auto ended = [&] { return closed_ || done(); };
    if (!deadline) {
      changed_.wait(lock, ended);
    } else if (!changed_.wait_until(lock, *deadline, ended)) {
      return false;
    }
    return !closed_;
  };
  for (int i = 0; i < seats(); ++i) {
    const bool replaced = wait_until([&] {
      const int place = seat(i).occupant;
      if (place < 0 || !is_old(place)) return true;
      if (at(place).post == Post::kWorking) static_cast<void>(renew(place));
      return false;
    });
    if (!replaced) return false;
  }
  // Those in the midst of a task have time until the limit.
  return wait_until([&] {
    for (int place = 0; place < core_.workers(); ++place) {
      if (is_old(place) && !is_spare(place)) return false;
    }
    return true;
  });
}

}  // namespace twinpool::threads
