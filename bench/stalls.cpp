// SPDX-License-Identifier: Apache-2.0
#include "bench/stalls.h"

#include <cmath>
#include <limits>

#include "bench/absolute_sleep.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

/// Gives: whether there was time left to hold the worker up.
bool hold_worker(std::int64_t until_ns) {
  const bool in_time = now_ns() < until_ns;
  sleep_until(until_ns);
  return in_time;
}

}  // namespace

Stalls::Stalls(Pool& pool, int workers, double round_s, double stall_s, double every_s)
    : pool_(pool), workers_(workers), length_ns_(std::llround(stall_s * 1e9)) {
  if (stall_s <= 0) return;
  const auto at = [&](double seconds) { at_ns_.push_back(std::llround(seconds * 1e9)); };
  if (every_s <= 0) {
    at((round_s - stall_s) / 2);
  } else {
    for (double begin_s = (every_s - stall_s) / 2; begin_s + stall_s < round_s; begin_s += every_s)
      at(begin_s);
  }
}

std::int64_t Stalls::next_ns() const {
  return begun_ < at_ns_.size() ? at_ns_[begun_] : std::numeric_limits<std::int64_t>::max();
}

void Stalls::begin(std::int64_t now) {
  ++begun_;
  // Ahead of what waits, or the stall would come when the backlog is done and not when it is due.
  for (int i = 0; i < workers_; ++i)
    tasks_.push_back(pool_.submit<hold_worker>(with{.priority = kHighestPriority}, now + length_ns_));
}

int Stalls::finish() {
  int held = 0;
  for (Future<bool>& task : tasks_) {
    const Outcome<bool> outcome = task.outcome();  // none where the round's patience was over before it began
    held += outcome && outcome.value() ? 1 : 0;
  }
  tasks_.clear();
  return held;
}

}  // namespace twinpool::bench
