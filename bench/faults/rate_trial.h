// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "bench/backend.h"
#include "bench/trial.h"

/// The trial of kind "rates": a pool under steady load for some time, and a task that goes wrong every so
/// often.
namespace twinpool::bench {

/// What the driver asks of one trial.
struct RateSpec {
  int fault = 0;  ///< position in all_faults()
  Backend backend = Backend::kThreads;
  int workers = 2;
  std::uint64_t every = 0;  ///< each so manyth task strikes; 0: none does
  std::chrono::nanoseconds duration{0};
  std::uint64_t window = 8;
  std::uint64_t span = 2000;  ///< work of an ordinary task; see load.h
  std::uint64_t seed = 42;
  std::chrono::nanoseconds run_limit{0};  ///< of every task (C7); 0: none
};
[[nodiscard]] nlohmann::json to_json(const RateSpec& spec);
/// Errors: std::exception when the JSON is not a spec.
[[nodiscard]] RateSpec rate_spec_from(const nlohmann::json& json);

/// The body. A closed loop as in a drill, and refused submissions are tried again; its result is documented
/// in bench/json_schema.md under "faults", `rates`.
nlohmann::json run_rate_trial(TrialContext& trial);

inline constexpr TrialKind kRateTrial{"rates", run_rate_trial};

}  // namespace twinpool::bench
