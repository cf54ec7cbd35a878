// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/observer.h"

#include <condition_variable>
#include <mutex>
#include <string>

namespace twinpool::bench::micro {

Observer::Observer(const Pool& pool) : pool_(pool) {
  if (const std::string path = pool.scoreboard_path(); !path.empty()) board_.emplace(path);
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

// The first look is half a period away, so that a stretch of any length meets one look a period on average.
void Observer::watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  auto next = std::chrono::steady_clock::now() + kPeriod / 2;
  while (!never.wait_until(lock, stop, next, [&stop] { return stop.stop_requested(); })) {
    static_cast<void>(pool_.stats());
    if (board_) static_cast<void>(board_->read());
    looks_.fetch_add(1, std::memory_order_relaxed);
    next += kPeriod;
  }
}

}  // namespace twinpool::bench::micro
