// SPDX-License-Identifier: Apache-2.0
#include "shared/restart_policy.h"

#include <algorithm>
#include <cmath>

namespace twinpool {

void RestartPolicy::died(Clock::time_point now, bool productive) {
  deaths_.push_back(now);
  while (now - deaths_.front() > options_.period) deaths_.pop_front();
  unproductive_ = productive ? 0 : unproductive_ + 1;
  if (static_cast<int>(deaths_.size()) > options_.intensity || unproductive_ > options_.start_failures) {
    degraded_ = true;
  }
  if (degraded_ || unproductive_ > 1) next_start_ = std::max(next_start_, now + next_delay());
}

void RestartPolicy::proved() {
  unproductive_ = 0;
  if (!degraded_) return;
  degraded_ = false;
  deaths_.clear();
  next_start_ = {};
}

void RestartPolicy::started(Clock::time_point now) {
  if (degraded_ || unproductive_ > 1) next_start_ = now + next_delay();
}

int RestartPolicy::recent_deaths(Clock::time_point now) const {
  return static_cast<int>(std::count_if(deaths_.begin(), deaths_.end(), [&](Clock::time_point death) {
    return now - death <= options_.period;
  }));
}

std::chrono::milliseconds RestartPolicy::delay() const {
  // A pool that is degraded by many productive deaths waits the limit; it has no series to count.
  if (degraded_ && unproductive_ <= 1) return options_.backoff_limit;
  auto delay = options_.backoff_first;
  for (int i = 2; i < unproductive_ && delay < options_.backoff_limit; ++i) delay *= 2;
  return std::min(delay, options_.backoff_limit);
}

std::chrono::milliseconds RestartPolicy::next_delay() {
  const auto whole = delay();
  if (!random_) return whole;
  const double share = std::uniform_real_distribution<double>(0, options_.backoff_jitter)(*random_);
  return std::chrono::milliseconds(std::llround(static_cast<double>(whole.count()) * (1 - share)));
}

}  // namespace twinpool
