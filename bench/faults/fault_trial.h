// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/backend.h"
#include "bench/trial.h"

/// The trial of kind "faults": one pool under load, one task that goes wrong.
///
/// The load is a closed loop: a window of tasks, several a worker, is kept unsettled until all have been
/// submitted; so workers are busy on however slow a machine, and counts are exact. Or it is an open loop:
/// tasks are due at fixed times, whatever becomes of those before, and are late by all that they waited. The
/// faulty one does half of an ordinary task's work first, so it goes wrong in mid-task.
namespace twinpool::bench {

/// What the driver asks of one trial.
struct FaultSpec {
  int fault = 0;  ///< position in all_faults()
  Backend backend = Backend::kThreads;
  int workers = 2;
  std::uint64_t tasks = 400;  ///< the faulty one among them
  std::uint64_t window = 8;
  std::uint64_t strike_at = 200;  ///< how many tasks are submitted before the faulty one
  std::uint64_t span = 2000;      ///< work of an ordinary task; see load.h
  std::uint64_t seed = 42;
  std::string trace = {};                 ///< path of a SharedTrace to write into; empty: none
  double rate_tasks_per_s = 0;            ///< of an open loop; 0: a closed one
  std::chrono::nanoseconds run_limit{0};  ///< of every task (C7); 0: none
};
[[nodiscard]] nlohmann::json to_json(const FaultSpec& spec);
/// Errors: std::exception when the JSON is not a spec.
[[nodiscard]] FaultSpec fault_spec_from(const nlohmann::json& json);

/// The body; its result is documented in bench/json_schema.md under "faults".
nlohmann::json run_fault_trial(TrialContext& trial);

inline constexpr TrialKind kFaultTrial{"faults", run_fault_trial};

}  // namespace twinpool::bench
