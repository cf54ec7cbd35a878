// SPDX-License-Identifier: Apache-2.0
#include "shared/growth.h"

#include <algorithm>

namespace twinpool {

int workers_to_start(int present, int idle, int starting, std::uint64_t waiting, const WorkerRange& range) {
  const int room = std::max(range.max - present, 0);
  const int missing = std::max(range.min - present, 0);
  // Cut first: more waiting tasks than there may ever be workers change nothing, and an int holds the rest.
  const auto most = static_cast<std::uint64_t>(std::max(range.max, 0)) +
                    static_cast<std::uint64_t>(std::max(idle, 0)) +
                    static_cast<std::uint64_t>(std::max(starting, 0));
  const int unserved = static_cast<int>(std::min(waiting, most)) - std::max(idle, 0) - std::max(starting, 0);
  return std::min(std::max(unserved, missing), room);
}

bool may_retire(int present, int min, std::chrono::nanoseconds idle_for, std::chrono::nanoseconds idle_timeout) {
  return present > min && idle_for >= idle_timeout;
}

}  // namespace twinpool
