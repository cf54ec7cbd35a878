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
    case WorkerState::kSpare:
      return "spare";
  }
  return "unknown";
}

int PoolStats::workers_alive() const {
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [](const WorkerStats& worker) {
    return worker.state == WorkerState::kIdle || worker.state == WorkerState::kBusy;
  }));
}

namespace {

/// The counts that are plain sums; stats_test knows if one is forgotten.
constexpr std::uint64_t PoolStats::*kSums[] = {
    &PoolStats::submitted,      &PoolStats::completed,      &PoolStats::failed,
    &PoolStats::cancelled,      &PoolStats::timed_out,      &PoolStats::lost,
    &PoolStats::rejected_later, &PoolStats::pending,        &PoolStats::refused,
    &PoolStats::worker_deaths,  &PoolStats::shared_bytes_in_use, &PoolStats::shared_bytes_limit,
    &PoolStats::retried,        &PoolStats::recycled,       &PoolStats::events_dropped,
    &PoolStats::event_failures, &PoolStats::misdirected,    &PoolStats::bytes_copied,
    &PoolStats::hot_spares,
};

void merge_function(std::vector<FunctionStats>& functions, const FunctionStats& other) {
  const auto same = std::find_if(functions.begin(), functions.end(),
                                 [&](const FunctionStats& function) { return function.name == other.name; });
  if (same == functions.end()) {
    functions.push_back(other);
    return;
  }
  same->completed += other.completed;
  same->failed += other.failed;
  same->waiting.merge(other.waiting);
  same->running.merge(other.running);
}

}  // namespace

void PoolStats::merge(const PoolStats& other) {
  if (this == &other) {
    // The lists would grow while they are read.
    merge(PoolStats(other));
    return;
  }
  for (const auto sum : kSums) this->*sum += other.*sum;
  degraded = degraded || other.degraded;
  paused = paused || other.paused;
  workers.insert(workers.end(), other.workers.begin(), other.workers.end());
  for (const FunctionStats& function : other.functions) merge_function(functions, function);
  waiting.merge(other.waiting);
  running.merge(other.running);
}

}  // namespace twinpool
