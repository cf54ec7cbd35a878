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
/// submitted. The faulty one does half of an ordinary task's work first, so it goes wrong in mid-task.
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
  std::string trace = {};  ///< path of a SharedTrace to write into; empty: none
};
[[nodiscard]] nlohmann::json to_json(const FaultSpec& spec);
/// Errors: std::exception when the JSON is not a spec.
[[nodiscard]] FaultSpec fault_spec_from(const nlohmann::json& json);

/// What TrialPage::marks mean in this kind of trial.
enum FaultMark : std::size_t {
  kHungTasks,     ///< unsettled when the pool had stopped settling anything
  kStruckWorker,  ///< process or thread id of the worker that began the faulty task
  kGapBeforeNs,   ///< longest time without a completion, up to the fault
  kGapAfterNs,    ///< the same from the last completion before the fault on
};

/// How long nothing may settle before what is unsettled counts as hung. Generous where the fault ends by
/// itself, since then only a broken pool hangs and a busy machine must not look like one.
inline constexpr std::chrono::milliseconds kHangPatience{1'000};
inline constexpr std::chrono::milliseconds kPatience{10'000};
/// What stop() is given to end a stuck worker.
inline constexpr std::chrono::milliseconds kStopLimit{200};

/// The body; its result is documented in bench/json_schema.md under "faults".
nlohmann::json run_fault_trial(TrialContext& trial);

inline constexpr TrialKind kFaultTrial{"faults", run_fault_trial};

}  // namespace twinpool::bench
