// SPDX-License-Identifier: Apache-2.0
#include "shared/stats.h"

#include <algorithm>

namespace twinpool {

std::string_view name_of(WorkerState state) {
  switch (state) {
    case WorkerState::kStarting:
      return "starting";
    case WorkerState::kIdle:
      return "idle";
    case WorkerState::kBusy:
      return "busy";
    case WorkerState::kLost:
      return "lost";
    case WorkerState::kStuck:
      return "stuck";
    case WorkerState::kAbsent:
      return "absent";
    case WorkerState::kStopped:
      return "stopped";
  }
  return "unknown";
}

int PoolStats::workers_alive() const {
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [](const WorkerStats& worker) {
    return worker.state == WorkerState::kIdle || worker.state == WorkerState::kBusy;
  }));
}

}  // namespace twinpool
