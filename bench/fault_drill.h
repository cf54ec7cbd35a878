// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
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
#include "bench/faults/residue.h"
#include "bench/trial.h"

/// Fault drills: what one faulty task costs a pool and its program, seen from outside of both.
namespace twinpool::bench {

/// Each submitted task is counted in exactly one of delivered, failed, lost and hung.
struct TaskCounts {
  std::uint64_t submitted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;  ///< gave a failure other than worker_lost
  std::uint64_t lost = 0;    ///< gave worker_lost, or never gave anything because the program was gone
  std::uint64_t hung = 0;    ///< unsettled when the pool, or the program, had stopped settling anything
  std::uint64_t wrong = 0;   ///< of the delivered: not the right value
  std::uint64_t refused = 0;
};

/// What one trial showed. Times in seconds; nothing: did not happen or cannot be said.
struct DrillRun : TaskCounts {
  Backend backend = Backend::kThreads;
  int fault = 0;   ///< position in all_faults()
  int repeat = 0;  ///< from 0; runs of both twins with the same number strike at the same point of the load
  std::uint64_t strike_at = 0;
  int workers = 0;
  std::uint64_t tasks = 0;         ///< that were to be submitted
  std::uint64_t faulty_tasks = 1;  ///< among them
  std::string skipped;             ///< why this machine cannot show the fault; nothing else is known then

  std::uint64_t faulty_delivered = 0;    ///< faulty tasks that gave their value all the same
  std::uint64_t spoilt_same = 0;         ///< later tasks of the struck worker that felt the fault
  std::uint64_t spoilt_others = 0;       ///< tasks of other workers that did
  std::optional<std::uint64_t> delayed;  ///< tasks that took more than 10 times the median before the fault
  std::optional<double> dip_tasks;       ///< see faults/disturbance.h; none: all that was left of the load
  Residue residue;

  bool fired = false;  ///< the faulty task began to go wrong
  TrialEnd end;
  bool limited = false;      ///< tasks had a running limit, which ends what would hang
  bool stood_still = false;  ///< its process was stopped, and was killed for that
  bool program_survived = false;
  int workers_lost = 0;   ///< died; all of them when the program did
  int workers_stuck = 0;  ///< alive and of no use any more
  bool full_strength = false;
  /// From the fault until somebody knew: the task's future had failed, or the program had ended.
  std::optional<double> noticed_s;
  std::optional<double>
      gone_s;  ///< from the program's end until its last process was gone; only when it died
  std::optional<double>
      restored_s;  ///< from the fault until the pool had its full strength; only when a worker died
  std::optional<double> gap_before_s;
  std::optional<double> gap_after_s;  ///< longest time without a completion from the fault on
  nlohmann::json trial;               ///< what the trial itself gave; null when it died
  std::string imbalance;              ///< a sentence when the counts contradict each other or the pool's own
};

/// Gives: the answer that a run's facts amount to. Pure. Requires: it was not skipped.
[[nodiscard]] Answer judge(const DrillRun& run);
/// Whether that is not what the fault's author expected. A running limit may do better on faults that hang.
[[nodiscard]] bool is_surprise(const DrillRun& run);
/// Gives: a sentence when the tasks do not add up, or the pool (null where it is gone) counted otherwise than
/// its user; else "". Pure.
[[nodiscard]] std::string find_imbalance(const TaskCounts& counts, const nlohmann::json& pool);
/// Gives: a sentence when the counts do not add up, or the pool counted otherwise than its user; else "".
/// Pure.
[[nodiscard]] std::string find_imbalance(const DrillRun& run);

/// What one trial of steady load showed, with a fault every so often or without.
struct RateRun : TaskCounts {
  Backend backend = Backend::kThreads;
  int fault = 0;
  int repeat = 0;
  int workers = 0;
  std::uint64_t every = 0;  ///< 0: without faults, for comparison
  double duration_s = 0;    ///< as asked for
  double elapsed_s = 0;     ///< longer on a machine so slow that no fault had struck by then
  std::string skipped;
  std::uint64_t fired = 0;  ///< faults that began
  TrialEnd end;
  bool stood_still = false;
  bool program_survived = false;
  std::uint64_t worker_deaths = 0;  ///< all of them when the program died
  std::uint64_t restarts = 0;
  double cpu_s = 0;       ///< of all processes of the trial
  double weak_s = 0;      ///< not all workers were there
  double degraded_s = 0;  ///< the pool said that it is degraded (C4)
  std::string imbalance;

  /// Of the whole duration, also when the program died before its end.
  [[nodiscard]] double throughput_tasks_per_s() const { return static_cast<double>(delivered) / elapsed_s; }
};

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
  /// Rates instead of single faults: each so manyth task strikes, for so long. 0: single faults.
  std::uint64_t every = 0;
  std::chrono::nanoseconds duration{0};
  double rate_tasks_per_s = 0;             ///< of an open loop for single faults; 0: a closed one
  std::chrono::nanoseconds run_limit{0};   ///< of every task (C7); 0: none
  std::string program = "/proc/self/exe";  ///< must know the trial kinds kFaultTrial and kRateTrial
  ChromeTrace* trace = nullptr;  ///< gets one more trial of each fault and twin, which counts nowhere
};
/// Tasks kept unsettled for each worker.
inline constexpr std::uint64_t kWindowPerWorker = 4;

struct DrillResults {
  DrillOptions options;
  std::uint64_t span =
      0;  ///< work of one task, found on this machine before the first trial; see faults/load.h
  std::vector<DrillRun> runs;
  std::vector<RateRun> rates;  ///< of run_rates (rate_drill.h)
  bool interrupted = false;
};

/// Runs one fresh process for each fault, twin and repeat; twins alternate (A B, B A, ...).
///
/// Takes:   `progress`, called after every run with the runs so far and how many there will be.
/// Gives:   all runs, none where a fault does not apply to a twin; fewer when an Interrupt that lives
///          meanwhile got a signal.
/// Errors:  DrillFailure when a pool cannot be started, std::system_error when no process can.
/// Threads: as for Trial: this program has one thread.
DrillResults run_drills(
    const DrillOptions& options,
    const std::function<void(const DrillRun&, std::size_t done, std::size_t total)>& progress);

/// Faults of `options` in the twins that they apply to.
[[nodiscard]] std::size_t count_pairs(const DrillOptions& options);

/// Waits for a trial's end, and kills one whose process has been standing still (SIGSTOP) for
/// kStandstillLimit. Takes: `meanwhile`, which is called about every 50 ms. Gives: whether it had to kill it.
bool wait_for_end(Trial& trial, const std::function<void()>& meanwhile = {});
/// Errors: DrillFailure when the trial could not do its work: it ended before anything could go wrong.
void check_began(const nlohmann::json& result, const TrialEnd& end, bool fired);
/// Reads off the counter page, which outlives the trial.
[[nodiscard]] TaskCounts read_counts(const TrialPage& page);
/// The program is gone: what it had not settled is lost, or hung when it had to be killed.
void account_for_death(TaskCounts& counts, bool hung);
/// Work of one drill task: about 1 ms.
inline constexpr std::chrono::microseconds kTaskTarget{1'000};
/// Beside the load: time to start, to notice hangs, to come back to strength, to stop.
inline constexpr std::chrono::seconds kTrialOverhead{45};

}  // namespace twinpool::bench
