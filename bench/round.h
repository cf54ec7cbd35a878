// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/backend.h"
#include "bench/open_loop.h"
#include "bench/open_sample.h"
#include "bench/plan.h"
#include "bench/trial.h"
#include "bench/workloads/flow.h"

/// The trials of `twinpool bench`: one pool of one backend under one workload.
namespace twinpool::bench {

/// What the driver asks of one trial.
struct RoundSpec {
  Backend backend = Backend::kThreads;
  std::string workload;
  int workers = 1;
  std::uint64_t window = 1;
  std::uint64_t tasks = 0;  ///< 0: find out how fast it is
  std::uint64_t warm_tasks =
      0;  ///< tasks before the measured ones, and at least a window; 0: a tenth of them
  std::uint64_t latency_tasks = 0;  ///< tasks of the second stretch, in which every task is timed
  std::uint64_t max_shared_bytes = 0;
  Strategy strategy = Strategy::kSharedQueue;
  bool stealing = true;
  std::uint64_t planted_tasks = 0;     ///< run in the measured stretch and not counted: a slowdown on purpose
  double calibrate_s = 0;              ///< with `tasks` 0: how long to look
  std::optional<OpenRound> open = {};  ///< none: a closed loop
  FlowOptions flow;
  std::string trace = {};              ///< path of a SharedTrace to write into; empty: none
  std::vector<std::string> load = {};  ///< libraries of workloads to load first
};
/// Reads the spec of a trial, loads the libraries that it names, finds its workload and sets that up: what
/// every trial does that runs a workload, before it makes a pool.
///
/// Errors: std::invalid_argument; whatever the workload's set-up throws.
[[nodiscard]] RoundSpec open_spec(const nlohmann::json& spec);
/// The options of the pool that the spec asks for, as its workload shapes them.
[[nodiscard]] PoolOptions pool_options(const RoundSpec& spec, Timing timing);
[[nodiscard]] RoundSpec make_round_spec(const Cell& cell, Backend backend, std::uint64_t tasks,
                                        const FlowOptions& flow);
/// Makes an open loop of it. Takes: the rate that the load comes to, of a ramp that at its begin.
void open_up(RoundSpec& spec, const OpenLoad& load, double begin_per_s, std::uint64_t seed);

/// What one trial of kind "round" measured.
struct Sample {
  double start_up_s = 0;    ///< from before the pool was made until the first task's result was there
  std::uint64_t tasks = 0;  ///< of an open loop: those that gave a result in time
  double wall_s = 0;  ///< from the first submission (open loop: the begin of the schedule) to the last result
  double throughput_tasks_per_s = 0;
  double cpu_user_s = 0;  ///< of the whole tree during the stretch
  double cpu_system_s = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::uint64_t checksum = 0;
  bool balanced = false;  ///< the pool's own counts add up (C13)
  std::string first_mistake;
  std::vector<std::int64_t> latency_ns;  ///< of a closed loop
  std::optional<OpenSample> open = {};

  [[nodiscard]] double cpu_s() const { return cpu_user_s + cpu_system_s; }
  [[nodiscard]] bool right() const { return failed == 0 && lost == 0 && wrong == 0 && balanced; }
};

void to_json(nlohmann::json& json, const RoundSpec& spec);
void from_json(const nlohmann::json& json, RoundSpec& spec);
void to_json(nlohmann::json& json, const Sample& sample);
void from_json(const nlohmann::json& json, Sample& sample);

/// Lets caches, allocators and workers settle in before anything counts.
Tally warm_up(Flow& flow, const RoundSpec& spec);
/// What a trial gives that does not measure its tasks: whether they were right.
[[nodiscard]] nlohmann::json to_json(const Tally& tally);

/// Marks at which a trial of kind "memory" or "trace" pauses, to be looked at from outside.
inline constexpr std::string_view kMarkRest = "rest";  ///< the pool is there and has run a task
inline constexpr std::string_view kMarkPeak = "peak";  ///< memory: a window of tasks has settled and all
                                                       ///< results are still held; trace: all have been taken

nlohmann::json run_round_trial(TrialContext& trial);
nlohmann::json run_memory_trial(TrialContext& trial);

inline constexpr TrialKind kRoundTrial{"round", run_round_trial};
inline constexpr TrialKind kMemoryTrial{"memory", run_memory_trial};

}  // namespace twinpool::bench
