// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/faults/fault.h"
#include "bench/faults/load.h"
#include "shared/future.h"

/// The load of a drill: tasks, one of which is faulty now and then, and what becomes of them.
namespace twinpool::bench {

/// Feeds a pool, checks and counts what comes back: in the trial's page, so that the counts outlive the
/// trial.
class Feed {
 public:
  struct Options {
    int fault = 0;           ///< position in all_faults()
    std::uint64_t span = 0;  ///< work of an ordinary task; see load.h
    std::uint64_t seed = 0;
    std::uint64_t window = 0;  ///< most tasks that are unsettled at one time
  };
  /// One task that has settled. Times in nanoseconds of the steady clock.
  struct Settled {
    std::int64_t submitted_ns;  ///< or was to be
    std::int64_t settled_ns;
    bool faulty;
    bool delivered;
  };
  Feed(Pool& pool, TrialPage& page, SharedGround ground, const Options& options);

  [[nodiscard]] bool full() const { return in_flight_.size() >= options_.window; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  /// When a task was last submitted, or had settled.
  [[nodiscard]] Clock::time_point last_moved() const { return last_moved_; }

  /// Takes: the number of the faulty task among those of one strike, nothing for an ordinary one; when the
  /// task
  ///        was due, from which on its latency counts.
  /// Gives: why it was refused.
  std::optional<SubmitError> submit(std::optional<int> faulty, std::int64_t due_ns);
  /// Takes what has settled; calls `each` for every one. Gives: whether anything had.
  /// Errors: std::logic_error when a faulty task gave a value although its fault never returns.
  template <typename Each>
  bool take_settled(Each each) {
    bool any = false;
    for (auto flight = in_flight_.begin(); flight != in_flight_.end();) {
      if (!flight->future.ready()) {
        ++flight;
        continue;
      }
      each(settle(*flight));
      flight = in_flight_.erase(flight);
      any = true;
    }
    if (any) last_moved_ = Clock::now();
    return any;
  }
  /// Waits a moment for the oldest one.
  void wait_a_moment();

  /// Whether the last faulty task's worker must be replaced: it died, or the task is over its limit and goes
  /// on.
  [[nodiscard]] bool struck_worker_is_lost() const { return struck_worker_is_lost_; }
  /// How that task ended, as one sentence.
  [[nodiscard]] const std::string& ending() const { return ending_; }

  /// The load is over: what is unsettled counts as hung, in the page.
  void give_up();
  /// What became of the hung tasks when the pool was stopped: counts by failure, "unsettled" among them. None
  /// is in flight any more then.
  [[nodiscard]] nlohmann::json settle_hung();

 private:
  struct Flight {
    Future<std::uint64_t> future;
    std::uint64_t expected;
    bool faulty;
    std::int64_t submitted_ns;
  };
  template <auto Fn, typename... Args>
  Submission<std::uint64_t> try_submit(Args... args);
  Submission<std::uint64_t> hand_over(const LoadTask& piece, std::optional<int> faulty);
  Settled settle(Flight& flight);

  Pool& pool_;
  TrialPage& page_;
  const SharedGround ground_;
  const Options options_;
  const Fault& fault_;
  const std::vector<LoadTask> load_;
  std::deque<Flight> in_flight_;
  std::uint64_t next_ = 0;
  bool struck_worker_is_lost_ = false;
  std::string ending_;
  Clock::time_point last_moved_;
};

/// How finely a drill looks.
inline constexpr std::chrono::microseconds kWatchPeriod{100};
/// Waits until all workers can run tasks. Errors: std::runtime_error after kPatience.
void wait_for_workers(const Pool& pool, int workers);
void pause_for(std::chrono::nanoseconds period);
[[nodiscard]] nlohmann::json to_json(const PoolStats& stats);

/// The options of a drill's pool. Takes: `run_limit`, of every task; 0: none.
[[nodiscard]] PoolOptions pool_options(int workers, std::uint64_t window, std::chrono::nanoseconds run_limit);
/// Workers that the pool calls stuck.
[[nodiscard]] int count_stuck(const PoolStats& stats);

/// How long nothing may settle before what is unsettled counts as hung. Generous where no task hangs because
/// of the fault, since then only a broken pool hangs and a busy machine must not look like one.
inline constexpr std::chrono::milliseconds kHangPatience{1'000};
inline constexpr std::chrono::milliseconds kPatience{10'000};
/// How long a task that is over its limit may go on before its worker is killed or given up.
inline constexpr std::chrono::milliseconds kGrace{100};
/// What stop() is given to end a stuck worker.
inline constexpr std::chrono::milliseconds kStopLimit{200};

/// Core files off, the stack bounded: before a pool is made in which something is to go wrong.
void tame_process();

}  // namespace twinpool::bench
