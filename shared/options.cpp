// SPDX-License-Identifier: Apache-2.0
#include "shared/options.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "shared/usable_cpus.h"

namespace twinpool {
namespace {

void require(bool ok, const std::string& sentence) {
  if (!ok) throw std::invalid_argument(sentence);
}

}  // namespace

PoolOptions validate(PoolOptions options) {
  using std::to_string;
  constexpr std::chrono::milliseconds zero{0};
  require(options.workers >= 0 && options.workers <= kMaxWorkers,
          "workers is " + to_string(options.workers) + "; it must be 1 to " + to_string(kMaxWorkers) +
              ", or 0 for one a usable CPU");
  if (options.workers == 0) options.workers = std::min(usable_cpus(), kMaxWorkers);
  require(options.queue_capacity >= 1 && options.queue_capacity <= kMaxQueueCapacity,
          "queue_capacity is " + to_string(options.queue_capacity) + "; it must be 1 to " +
              to_string(kMaxQueueCapacity));
  require(options.block_limit >= zero, "block_limit is negative; it must be 0 or more");
  require(options.stop_limit >= zero, "stop_limit is negative; it must be 0 or more");
  // The largest milliseconds do not fit nanoseconds; a year is "for ever" as well.
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 365);
  options.block_limit = std::min(options.block_limit, kLongest);
  options.stop_limit = std::min(options.stop_limit, kLongest);

  const ProcessOptions& processes = options.processes;
  constexpr std::size_t kLeast = std::size_t{64} << 10;
  require(processes.max_shared_bytes >= kLeast, "max_shared_bytes is " +
                                                    to_string(processes.max_shared_bytes) +
                                                    "; it must be at least " + to_string(kLeast));
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
  return options;
}

}  // namespace twinpool
