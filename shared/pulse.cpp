// SPDX-License-Identifier: Apache-2.0
#include "shared/pulse.h"

#include <algorithm>

namespace twinpool {

Beat Pulse::feed(std::size_t worker, std::uint64_t task, Clock::time_point now) {
  Seen& seen = seen_[worker];
  if (task != seen.task) {
    const bool was_stuck = seen.stuck;
    seen = {.task = task, .since = now, .stuck = false};
    return was_stuck ? Beat::kResumed : Beat::kNone;
  }
  if (task == 0 || seen.stuck || now - seen.since < stuck_after_) return Beat::kNone;
  seen.stuck = true;
  return Beat::kStuck;
}

std::chrono::nanoseconds Pulse::seen_for(std::size_t worker, Clock::time_point now) const {
  return seen_[worker].task == 0 ? std::chrono::nanoseconds{0} : now - seen_[worker].since;
}

std::chrono::nanoseconds Pulse::look_interval() const {
  using std::chrono::nanoseconds;
  return std::clamp<nanoseconds>(stuck_after_ / 4, std::chrono::milliseconds(1), std::chrono::seconds(1));
}

}  // namespace twinpool
