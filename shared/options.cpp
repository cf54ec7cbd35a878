// SPDX-License-Identifier: Apache-2.0
#include "shared/options.h"

#include <sched.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "shared/usable_cpus.h"

namespace twinpool {
namespace {

constexpr int kMaxRetry = 1'000;
constexpr int kMaxSpares = 64;
constexpr int kMaxWeight = 1'000;
/// The largest milliseconds do not fit nanoseconds, nor does a moment so far away; a year is "for ever" as well.
constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);

void require(bool ok, const std::string& sentence) {
  if (!ok) throw std::invalid_argument(sentence);
}

void check_workers(const WorkerRange& workers) {
  using std::to_string;
  require(workers.min >= 0 && workers.max <= kMaxWorkers && workers.max >= 0,
          "workers is " + to_string(workers.min < 0 ? workers.min : workers.max) + "; it must be 1 to " +
              to_string(kMaxWorkers) + ", or 0 for one a usable CPU");
  require(workers.min <= workers.max, "workers.min is " + to_string(workers.min) + " and workers.max is " +
                                          to_string(workers.max) + "; min must not be larger than max");
  require(workers.min >= 1 || workers.max == 0,
          "workers.min is 0; a dynamic pool keeps at least 1 worker");
}

void check_limits(const PoolOptions& options) {
  using std::to_string;
  require(options.wait_limit.count() >= 0, "wait_limit is negative; it must be longer than 0, or 0 for none");
  require(options.run_limit.count() >= 0, "run_limit is negative; it must be longer than 0, or 0 for none");
  require(options.grace.count() >= 0, "grace is negative; it must be 0 or more");
  require(options.stuck_after.count() >= 0, "stuck_after is negative; it must be longer than 0, or 0 for never");
  require(options.max_spares >= 0 && options.max_spares <= kMaxSpares,
          "max_spares is " + to_string(options.max_spares) + "; it must be 0 to " + to_string(kMaxSpares));
  require(options.quarantine >= 1,
          "quarantine is " + to_string(options.quarantine) + "; it must be 1 or more");
}

void check_dispatch(const PoolOptions& options) {
  using std::to_string;
  const DispatchOptions& dispatch = options.dispatch;
  const bool weighted = dispatch.strategy == Strategy::kWeightedRoundRobin ||
                        dispatch.strategy == Strategy::kInterleavedWeightedRoundRobin;
  const auto workers = static_cast<std::size_t>(options.workers.max);
  require(!weighted || dispatch.weights.size() == workers,
          "dispatch.weights names " + to_string(dispatch.weights.size()) + " workers; " +
              std::string(name_of(dispatch.strategy)) + " needs one weight for each of the " +
              to_string(workers));
  require(weighted || dispatch.weights.empty(), "dispatch.weights is given, but the strategy " +
                                                    std::string(name_of(dispatch.strategy)) +
                                                    " does not look at weights");
  for (const int weight : dispatch.weights) {
    require(weight >= 1 && weight <= kMaxWeight, "dispatch.weights has a " + to_string(weight) +
                                                     "; each weight must be 1 to " + to_string(kMaxWeight));
  }
  require((dispatch.strategy == Strategy::kCustom) == static_cast<bool>(dispatch.choose),
          dispatch.choose ? "dispatch.choose is given, but the strategy is not custom"
                          : "the strategy is custom, but dispatch.choose is empty");
}

void check_recycling(const RecyclingOptions& recycling) {
  require(recycling.jitter >= 0 && recycling.jitter <= 1, "recycling.jitter must be 0 to 1");
  require(recycling.max_age.count() >= 0, "recycling.max_age is negative; it must be longer than 0, or 0");
}

void check_affinity(const PoolOptions& options) {
  using std::to_string;
  const bool list = options.affinity == Affinity::kList;
  require(list != options.affinity_cpus.empty(),
          list ? "affinity is a list, but affinity_cpus is empty"
               : "affinity_cpus is given, but affinity is not a list");
  for (const int cpu : options.affinity_cpus) {
    require(cpu >= 0 && cpu < CPU_SETSIZE, "affinity_cpus has a " + to_string(cpu) + "; CPUs are 0 to " +
                                               to_string(CPU_SETSIZE - 1));
  }
}

}  // namespace

PoolOptions validate(PoolOptions options) {
  using std::to_string;
  constexpr std::chrono::milliseconds zero{0};
  check_workers(options.workers);
  if (options.workers.max == 0) options.workers = std::min(usable_cpus(), kMaxWorkers);
  require(options.idle_timeout > zero, "idle_timeout is 0 or less; it must be longer than 0");
  require(options.queue_capacity >= 1 && options.queue_capacity <= kMaxQueueCapacity,
          "queue_capacity is " + to_string(options.queue_capacity) + "; it must be 1 to " +
              to_string(kMaxQueueCapacity));
  require(options.block_limit >= zero, "block_limit is negative; it must be 0 or more");
  require(options.stop_limit >= zero, "stop_limit is negative; it must be 0 or more");
  for (auto* const time : {&options.block_limit, &options.stop_limit, &options.idle_timeout, &options.grace,
                           &options.stuck_after, &options.recycling.max_age, &options.processes.restart.period,
                           &options.processes.restart.backoff_first, &options.processes.restart.backoff_limit}) {
    *time = std::min(*time, kLongest);
  }
  options.wait_limit = std::min<std::chrono::nanoseconds>(options.wait_limit, kLongest);
  options.run_limit = std::min<std::chrono::nanoseconds>(options.run_limit, kLongest);
  check_limits(options);
  check_dispatch(options);
  check_recycling(options.recycling);
  check_affinity(options);
  require(!options.name.empty() && options.name.size() <= 64 &&
              options.name.find_first_of("\n\r") == std::string::npos,
          "name has " + to_string(options.name.size()) + " bytes; it must have 1 to 64 and no line break");

  const ProcessOptions& processes = options.processes;
  constexpr std::size_t kLeast = std::size_t{64} << 10;
  require(processes.max_shared_bytes >= kLeast, "max_shared_bytes is " +
                                                    to_string(processes.max_shared_bytes) +
                                                    "; it must be at least " + to_string(kLeast));
  require(processes.hot_spares >= 0 && processes.hot_spares <= kMaxHotSpares,
          "hot_spares is " + to_string(processes.hot_spares) + "; it must be 0 to " + to_string(kMaxHotSpares));
  require(processes.keep_descriptors.size() <= 100, "keep_descriptors names " +
                                                        to_string(processes.keep_descriptors.size()) +
                                                        " descriptors; it may name at most 100");
  const RestartOptions& restart = processes.restart;
  require(restart.intensity >= 1,
          "restart.intensity is " + to_string(restart.intensity) + "; it must be 1 or more");
  require(restart.start_failures >= 1,
          "restart.start_failures is " + to_string(restart.start_failures) + "; it must be 1 or more");
  require(restart.period.count() > 0, "restart.period must be longer than 0");
  require(restart.backoff_first.count() > 0, "restart.backoff_first must be longer than 0");
  require(restart.backoff_limit >= restart.backoff_first,
          "restart.backoff_limit is shorter than restart.backoff_first");
  require(restart.backoff_jitter >= 0 && restart.backoff_jitter <= 1,
          "restart.backoff_jitter must be 0 to 1");
  require(processes.nice >= -20 && processes.nice <= 19,
          "processes.nice is " + to_string(processes.nice) + "; it must be -20 to 19");
  return options;
}

void validate(const with& options) {
  using std::to_string;
  require(options.priority >= kLowestPriority && options.priority <= kHighestPriority,
          "priority is " + to_string(options.priority) + "; it must be " + to_string(kLowestPriority) + " to " +
              to_string(kHighestPriority));
  require(!options.wait_limit || options.wait_limit->count() > 0,
          "wait_limit is 0 or less; leave it out for the pool's own, or make it longer than 0");
  require(!options.run_limit || options.run_limit->count() > 0,
          "run_limit is 0 or less; leave it out for the pool's own, or make it longer than 0");
  require(std::max(options.wait_limit.value_or(kLongest), options.run_limit.value_or(kLongest)) <= kLongest,
          "wait_limit or run_limit is longer than a year; leave it out for the pool's own");
  require(options.retry >= 0 && options.retry <= kMaxRetry,
          "retry is " + to_string(options.retry) + "; it must be 0 to " + to_string(kMaxRetry));
}

}  // namespace twinpool
