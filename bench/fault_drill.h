// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/backend.h"
#include "bench/faults/fault.h"
#include "bench/trial.h"

/// Fault drills: what one faulty task costs a pool and its program, seen from outside of both.
namespace twinpool::bench {

/// The answer in one word or two.
enum class Answer {
  /// The program ran on, every other task was delivered, and the pool has its full strength (again).
  kContained,
  /// The program ran on and every other task was delivered, but the worker never comes back from the task.
  kWorkerStuck,
  /// The program ran on, but other tasks were lost or failed, or the pool stayed weaker than it was.
  kSpread,
  /// The program ended with the faulty task.
  kProgramDied,
  /// The program came to no end and was killed at the deadline.
  kProgramHung,
};
[[nodiscard]] std::string_view name_of(Answer answer);

/// What one trial showed. Times in seconds; nothing: did not happen or cannot be said.
struct DrillRun {
  Backend backend = Backend::kThreads;
  int fault = 0;   ///< position in all_faults()
  int repeat = 0;  ///< from 0; runs of both twins with the same number strike at the same point of the load
  std::uint64_t strike_at = 0;
  int workers = 0;
  std::uint64_t tasks = 0;  ///< that were to be submitted

  // Each submitted task is counted in exactly one of delivered, failed, lost and hung.
  std::uint64_t submitted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;  ///< gave a failure other than worker_lost
  std::uint64_t lost = 0;    ///< gave worker_lost, or never gave anything because the program was gone
  std::uint64_t hung = 0;    ///< unsettled when the pool, or the program, had stopped settling anything
  std::uint64_t wrong = 0;   ///< of the delivered: not the right value
  std::uint64_t refused = 0;

  bool fired = false;  ///< the faulty task began to go wrong
  TrialEnd end;
  bool program_survived = false;
  int workers_lost = 0;   ///< died; all of them when the program did
  int workers_stuck = 0;  ///< alive and of no use any more
  bool full_strength = false;
  std::optional<double> noticed_s;  ///< from the fault until the task's future had settled
  std::optional<double>
      restored_s;  ///< from the fault until the pool had its full strength; only when a worker died
  std::optional<double> gap_before_s;
  std::optional<double> gap_after_s;  ///< longest time without a completion from the fault on
  nlohmann::json trial;               ///< what the trial itself gave; null when it died
  std::string imbalance;              ///< a sentence when the counts contradict each other or the pool's own
};

/// Gives: the answer that a run's facts amount to. Pure.
[[nodiscard]] Answer judge(const DrillRun& run);
/// Gives: a sentence when the counts do not add up, or the pool counted otherwise than its user; else "".
/// Pure.
[[nodiscard]] std::string find_imbalance(const DrillRun& run);

class ChromeTrace;

/// A trial that could not do its work: nothing was measured.
struct DrillFailure : std::runtime_error {
  DrillFailure(const std::string& sentence, bool unfit_machine)
      : std::runtime_error(sentence), unfit(unfit_machine) {}
  bool unfit;  ///< the machine refused something (exit code 4), else it is a mistake of this program (1)
};

struct DrillOptions {
  std::vector<int> faults;  ///< positions in all_faults()
  std::vector<Backend> backends{kBackends.begin(), kBackends.end()};
  int workers = 2;
  std::uint64_t tasks = 400;
  int repeats = 5;
  std::uint64_t seed = 42;
  std::string program = "/proc/self/exe";  ///< must know the trial kind kFaultTrial
  ChromeTrace* trace = nullptr;            ///< gets one more trial of each fault and twin, which counts nowhere
};
/// Tasks kept unsettled for each worker.
inline constexpr std::uint64_t kWindowPerWorker = 4;

struct DrillResults {
  DrillOptions options;
  std::uint64_t span =
      0;  ///< work of one task, found on this machine before the first trial; see faults/load.h
  std::vector<DrillRun> runs;
  bool interrupted = false;
};

/// Runs one fresh process for each fault, twin and repeat; twins alternate (A B, B A, ...).
///
/// Takes:   `progress`, called after every run with the runs so far and how many there will be.
/// Gives:   all runs; fewer when an Interrupt that lives meanwhile got a signal.
/// Errors:  DrillFailure when a pool cannot be started, std::system_error when no process can.
/// Threads: as for Trial: this program has one thread.
DrillResults run_drills(
    const DrillOptions& options,
    const std::function<void(const DrillRun&, std::size_t done, std::size_t total)>& progress);

}  // namespace twinpool::bench
