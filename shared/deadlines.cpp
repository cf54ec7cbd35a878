// SPDX-License-Identifier: Apache-2.0
#include "shared/deadlines.h"

#include <pthread.h>

#include "shared/quiet_thread.h"

namespace twinpool {

void Deadlines::set(std::uint64_t key, Clock::time_point when) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) {
    thread_ = start_quiet_thread("twinpool-dead", [this] { run(); });
  }
  arm(key, when);
  if (by_time_.begin()->second == key) changed_.notify_one();
}

void Deadlines::arm(std::uint64_t key, Clock::time_point when) {
  const auto [entry, fresh] = by_key_.try_emplace(key, when);
  if (!fresh) {
    if (entry->second <= when) return;
    by_time_.erase({entry->second, key});
    entry->second = when;
  }
  by_time_.emplace(when, key);
}

void Deadlines::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (by_time_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [when, key] = *by_time_.begin();
    const auto now = Clock::now();
    if (when > now) {
      changed_.wait_until(lock, when);
      continue;
    }
    by_time_.erase(by_time_.begin());
    by_key_.erase(key);
    lock.unlock();
    const auto again = check_(key, now);
    lock.lock();
    if (again && !stopping_) arm(key, *again);
  }
}

void Deadlines::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace twinpool
