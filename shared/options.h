// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "shared/events.h"
#include "shared/strategy.h"

/// What a user may choose when making a pool, and for one task. One struct for both twins, so that changing
/// the backend changes one word.
namespace twinpool {

/// How many workers: fixed (`.workers = 4`) or dynamic (`.workers = {2, 8}`).
struct WorkerRange {
  int min = 0;  ///< never fewer; 0 with max 0: one a usable CPU
  int max = 0;  ///< never more

  constexpr WorkerRange() = default;
  constexpr WorkerRange(int fixed) : min(fixed), max(fixed) {}  // NOLINT: `.workers = 4` on purpose
  constexpr WorkerRange(int least, int most) : min(least), max(most) {}
  [[nodiscard]] constexpr bool dynamic() const { return min != max; }
  bool operator==(const WorkerRange&) const = default;
};

/// What `submit` does when the pool already holds as many unsettled tasks as it may (C9).
enum class WhenFull {
  kRefuse,       ///< refuses with queue_full at once
  kBlock,        ///< waits up to `block_limit` for room, then refuses with queue_full
  kRunInCaller,  ///< the submitting thread runs the task itself, and has its result when submit returns. In
                 ///< neither twin is such a task isolated, limited or cancelled.
};

/// Which tasks carry times (Future::timing, PoolStats::waiting and running). A clock read costs about 25 ns.
enum class Timing {
  kSampled,  ///< the first 4096 tasks, then one in 16
  kEvery,    ///< all of them
};

/// Priorities of tasks: higher first, first in, first out within one.
///
/// Ageing, so that nothing starves: each 16th task that a worker takes is the one that has waited longest
/// among those it may run, whatever its priority.
inline constexpr int kLowestPriority = -20;
inline constexpr int kHighestPriority = 19;
inline constexpr int kPriorityLevels = kHighestPriority - kLowestPriority + 1;
inline constexpr unsigned kAgeingInterval = 16;

/// What one submission may ask for: `pool.submit<fn>(with{.priority = 5, .run_limit = 200ms}, arguments...)`.
struct with {  // NOLINT(readability-identifier-naming): reads as a word of the call
  /// kLowestPriority to kHighestPriority.
  int priority = 0;
  /// Longest time in the queue; then the task settles as timed_out without having run. None: the pool's.
  std::optional<std::chrono::nanoseconds> wait_limit = {};
  /// Longest time running (C7). None: the pool's.
  std::optional<std::chrono::nanoseconds> run_limit = {};
  /// How often the task may run again after its worker was lost (C5), from its original arguments.
  int retry = 0;
  /// Cancels the task (C8), as Future::cancel does.
  std::stop_token stop = {};
  /// Tasks of one key go to one worker's own queue (a preference while `dispatch.stealing` is on).
  std::optional<std::uint64_t> key = {};
};

/// Where tasks wait, and who chooses (shared/strategy.h).
struct DispatchOptions {
  Strategy strategy = Strategy::kSharedQueue;
  /// A worker whose own queue is empty takes from the queues of others.
  bool stealing = true;
  /// For the weighted strategies: one weight a worker (of the largest number of workers), each at least 1.
  std::vector<int> weights = {};
  /// For Strategy::kCustom.
  ChooseWorker choose = {};
};

/// When a worker is replaced by a fresh one, between two tasks and after the fresh one is ready. 0: never.
struct RecyclingOptions {
  std::uint64_t max_tasks = 0;
  /// Each worker's own limits are shortened by a random share up to this, so that not all leave at once. 0 to
  /// 1.
  double jitter = 0.1;
  std::chrono::milliseconds max_age{0};
  /// Private memory (USS, /proc/PID/smaps_rollup) in bytes; process twin only.
  std::size_t max_uss_bytes = 0;
};

/// On which CPUs workers run.
enum class Affinity {
  kNone,     ///< wherever the system likes
  kSpread,   ///< worker i on the i-th usable CPU, far ones first: neighbours share as little as possible
  kCompact,  ///< worker i on the i-th usable CPU in number order
  kList,     ///< worker i on affinity_cpus[i % size]
};

/// What a worker's set-up and tear-down functions are told.
struct WorkerInfo {
  int index = 0;    ///< the worker's number in its pool, from 0; of a hot spare without a seat: see hot_spares
  int workers = 0;  ///< the largest number of workers of the pool
  std::string_view pool_name;
};
/// A plain function or a captureless lambda: a worker process is no copy of the pool's maker, so nothing can
/// be captured.
using WorkerFunction = void (*)(const WorkerInfo&);

/// How dead workers of the process twin are replaced (C4).
struct RestartOptions {
  /// More than this many deaths within `period` make the pool degraded (Erlang/OTP's restart intensity).
  int intensity = 100;
  std::chrono::milliseconds period{5000};
  /// So do more than this many deaths in a row of workers that had not finished a single task.
  int start_failures = 8;
  /// The first replacement comes at once; while workers die without finishing a task, each next one waits
  /// twice as long as the one before, from `backoff_first` up to `backoff_limit`, shortened by a random share
  /// of up to `backoff_jitter`.
  std::chrono::milliseconds backoff_first{10};
  std::chrono::milliseconds backoff_limit{1000};
  double backoff_jitter = 0.25;
};

/// What only the process twin looks at.
struct ProcessOptions {
  /// Upper limit of payload memory: arguments and results too large to lie in a slot, and SharedBuffers.
  /// Bytes. Address space is taken at once, memory as it is needed.
  std::size_t max_shared_bytes = std::size_t{1} << 30;
  RestartOptions restart = {};
  /// Further workers, 0 to kMaxHotSpares, that are forked and set up ahead and stand by: one of them takes the seat of a
  /// worker that has died, or of one that a dynamic pool grows by, and the next spare is forked after that. They
  /// run no task before, and `workers` does not count them. While it is set up a spare has no seat:
  /// WorkerInfo::index is `workers.max` + the spare's own number then, the seat's number in its tear-down; its age
  /// (recycling.max_age) begins with the seat.
  int hot_spares = 0;
  /// Descriptors that workers keep open beside 0, 1 and 2. All others are closed in them.
  std::vector<int> keep_descriptors = {};
  /// Added to the niceness of the workers; -20 to 19. Below 0 needs CAP_SYS_NICE.
  int nice = 0;
  /// Resource limits of each worker (setrlimit(2), soft and hard); none: inherited.
  std::optional<std::uint64_t> address_space_bytes = {};
  std::optional<std::uint64_t> cpu_seconds = {};
  std::optional<std::uint64_t> core_bytes = {};
  std::optional<std::uint64_t> open_files = {};
  /// Where workers run; empty: where the launcher was started.
  std::string working_directory = {};
};

/// Requires: see `validate`.
struct PoolOptions {
  /// Number of workers; 0: as many as usable CPUs (affinity and cgroup quota). A dynamic pool starts with
  /// min, grows when a task would wait and no worker is idle, and shrinks again after `idle_timeout`.
  WorkerRange workers = 0;
  std::chrono::milliseconds idle_timeout{10'000};
  /// Tasks that may wait. The pool accepts at most `workers.max + queue_capacity` unsettled tasks.
  std::size_t queue_capacity = 4096;
  WhenFull when_full = WhenFull::kRefuse;
  std::chrono::milliseconds block_limit{10'000};
  DispatchOptions dispatch = {};
  Timing timing = Timing::kSampled;

  /// Limits of every task that names none (C7); 0: no limit.
  std::chrono::nanoseconds wait_limit{0};
  std::chrono::nanoseconds run_limit{0};
  /// How long a task that was asked to stop may go on before its worker is killed (processes), or its Future
  /// settles without it and the worker counts as stuck (threads).
  std::chrono::milliseconds grace{1'000};
  /// Threads that may be started in place of stuck ones (thread twin).
  int max_spares = 0;
  /// A worker on one task for longer than this is reported stuck; 0: never.
  std::chrono::milliseconds stuck_after{0};
  /// A task that killed so many workers is not tried again, whatever its `retry` (C5).
  int quarantine = 2;

  RecyclingOptions recycling = {};
  /// Called in each worker before its first task. If it throws, the worker ends as if it had died.
  WorkerFunction set_up = nullptr;
  /// Called in each worker that leaves in peace, after its last task.
  WorkerFunction tear_down = nullptr;
  /// Shown in ps and top, and in reports: "<name>: worker 3 of 8".
  std::string name = "twinpool";
  Affinity affinity = Affinity::kNone;
  std::vector<int> affinity_cpus = {};
  /// Called for each event, one at a time, from a thread of the pool. What it throws is caught and counted
  /// (PoolStats::event_failures).
  EventCallback on_event = {};

  /// How long the destructor lets running tasks go on before it ends them (processes) or leaves them behind
  /// (threads).
  std::chrono::milliseconds stop_limit{1'000};
  ProcessOptions processes = {};
};

inline constexpr int kMaxWorkers = 256;
inline constexpr int kMaxHotSpares = 64;
inline constexpr std::size_t kMaxQueueCapacity = std::size_t{1} << 20;

/// The options with every default filled in.
///
/// Errors: std::invalid_argument with one sentence that names the option, its value and its limits.
[[nodiscard]] PoolOptions validate(PoolOptions options);

/// Checks what one submission asks for.
///
/// Errors: std::invalid_argument with one sentence that names the option, its value and its limits.
void validate(const with& options);

}  // namespace twinpool
