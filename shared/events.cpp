// SPDX-License-Identifier: Apache-2.0
#include "shared/events.h"

namespace twinpool {

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::kWorkerStarted:
      return "worker_started";
    case EventKind::kWorkerReady:
      return "worker_ready";
    case EventKind::kWorkerLost:
      return "worker_lost";
    case EventKind::kWorkerRestarted:
      return "worker_restarted";
    case EventKind::kWorkerRecycled:
      return "worker_recycled";
    case EventKind::kWorkerRetired:
      return "worker_retired";
    case EventKind::kWorkerStuck:
      return "worker_stuck";
    case EventKind::kWorkerResumed:
      return "worker_resumed";
    case EventKind::kPoolFull:
      return "pool_full";
    case EventKind::kPoolDegraded:
      return "pool_degraded";
    case EventKind::kPoolRecovered:
      return "pool_recovered";
    case EventKind::kPoolDrained:
      return "pool_drained";
  }
  return "unknown";
}

}  // namespace twinpool
