// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

/// What a user may choose when making a pool. One struct for both twins, so that changing the backend changes
/// one word.
namespace twinpool {

/// What `submit` does when the pool already holds as many unsettled tasks as it may (C9).
enum class WhenFull {
  kRefuse,  ///< refuses with queue_full at once
  kBlock,   ///< waits up to `block_limit` for room, then refuses with queue_full
};

/// Which tasks carry times (Future::timing, PoolStats::waiting and running). A clock read costs about 25 ns.
enum class Timing {
  kSampled,  ///< the first 4096 tasks, then one in 16
  kEvery,    ///< all of them
};

/// How dead workers of the process twin are replaced (C4).
struct RestartOptions {
  /// More than this many deaths within `period` make the pool degraded (Erlang/OTP's restart intensity).
  int intensity = 100;
  std::chrono::milliseconds period{5000};
  /// So do more than this many deaths in a row of workers that had not finished a single task.
  int start_failures = 8;
  /// The first replacement comes at once; while workers die without finishing a task, each next one waits
  /// twice as long as the one before, from `backoff_first` up to `backoff_limit`.
  std::chrono::milliseconds backoff_first{10};
  std::chrono::milliseconds backoff_limit{1000};
};

/// What only the process twin looks at.
struct ProcessOptions {
  /// Upper limit of payload memory: arguments and results too large to lie in a slot, and SharedBuffers.
  /// Bytes. Address space is taken at once, memory as it is needed.
  std::size_t max_shared_bytes = std::size_t{1} << 30;
  RestartOptions restart = {};
  /// Descriptors that workers keep open beside 0, 1 and 2. All others are closed in them.
  std::vector<int> keep_descriptors = {};
};

/// Requires: see `validate`.
struct PoolOptions {
  /// Number of workers; 0: as many as usable CPUs (affinity and cgroup quota).
  int workers = 0;
  /// Tasks that may wait. The pool accepts at most `workers + queue_capacity` unsettled tasks.
  std::size_t queue_capacity = 4096;
  WhenFull when_full = WhenFull::kRefuse;
  std::chrono::milliseconds block_limit{10'000};
  Timing timing = Timing::kSampled;
  /// How long the destructor lets running tasks go on before it ends them (processes) or leaves them behind
  /// (threads).
  std::chrono::milliseconds stop_limit{1'000};
  ProcessOptions processes = {};
};

inline constexpr int kMaxWorkers = 256;
inline constexpr std::size_t kMaxQueueCapacity = std::size_t{1} << 20;

/// The options with every default filled in.
///
/// Errors: std::invalid_argument with one sentence that names the option, its value and its limits.
[[nodiscard]] PoolOptions validate(PoolOptions options);

}  // namespace twinpool
