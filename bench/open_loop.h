// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "bench/arrivals.h"
#include "bench/load.h"
#include "bench/open_sample.h"
#include "bench/workloads/flow.h"

/// The generators of one round: tasks by a schedule that does not wait for results, and the closed loop
/// beside.
namespace twinpool::bench {

class SharedCheckpoint;
struct TrialPage;

/// The load of one round, with its rate known.
struct OpenRound {
  double tasks_per_s = 1;    ///< of a ramp: at its begin
  double rise_to_per_s = 0;  ///< of a ramp: at its end; 0: there is none
  std::uint64_t tasks = 1;   ///< of the schedule
  std::uint64_t window = 1;  ///< unsettled or untaken at a time, at most
  int workers = 1;
  Arrivals arrivals = Arrivals::kFixed;
  std::uint64_t seed = 42;  ///< of Poisson arrivals
  double stall_s = 0;
  double stall_every_s = 0;
  double crash_every_s = 0;

  [[nodiscard]] bool is_ramp() const { return rise_to_per_s > 0; }
  [[nodiscard]] double end_per_s() const { return is_ramp() ? rise_to_per_s : tasks_per_s; }
  [[nodiscard]] double length_s() const {
    return static_cast<double>(tasks) / ((tasks_per_s + end_per_s()) / 2);
  }
  [[nodiscard]] RateCourse course() const { return {tasks_per_s, end_per_s(), length_s()}; }
};

struct OpenResult {
  Tally tally;
  OpenSample sample;
  double wall_s = 0;  ///< from the begin of the schedule to the last result
  double achieved_tasks_per_s =
      0;  ///< results by time, the time of one task after the schedule's end left out
};

/// Submits each task at its time, or, when it is late, at once; takes results meanwhile.
///
/// Latency counts from the *intended* start, so a task that came late because of those before it says so (no
/// coordinated omission). Between two tasks it takes what has settled and then sleeps until an absolute time,
/// so it neither drifts nor keeps a CPU busy. A full queue makes it wait for room. A schedule that the pool
/// cannot follow is given up after twice its length and a second; what still waits then is cancelled.
///
/// Requires: a pool with Timing::kEvery. Takes: `page`, where given, counts along; `checkpoint`, where given,
/// has
///          what earlier lives of this program did: the loop goes on behind it, keeps its own there, crashes
///          a worker as often as the round says, and gives an empty result.
/// Errors:  SubmitRefused for any other reason than a full queue.
/// Source:  G. Tene, "How NOT to Measure Latency"; wrk2 (constant throughput, correct latency recording).
[[nodiscard]] OpenResult run_open_loop(Pool& pool, Flow& flow, const OpenRound& round, TrialPage* page,
                                       SharedCheckpoint* checkpoint = nullptr);

/// What the same schedule of the records of all lives came to.
[[nodiscard]] OpenResult sum_up(const OpenRound& round, SharedCheckpoint& checkpoint);

/// The same generator as a closed loop of the same length with the same stalls, `in_flight` tasks at a time.
[[nodiscard]] ClosedBeside run_closed_loop(Pool& pool, Flow& flow, const OpenRound& round,
                                           std::uint64_t in_flight, Tally& tally);

void to_json(nlohmann::json& json, const OpenRound& round);
void from_json(const nlohmann::json& json, OpenRound& round);

}  // namespace twinpool::bench
