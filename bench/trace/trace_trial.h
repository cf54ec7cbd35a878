// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "bench/trial.h"

namespace twinpool::bench {

/// The trial of kind "trace": one round of a workload, as kRoundTrial runs it, with each task and what the
/// pool tells of its workers written into a SharedTrace (RoundSpec::trace). Pauses when the pool is there and
/// when all results are. Of a round whose tasks crash it is the first life of the program only.
nlohmann::json run_trace_trial(TrialContext& trial);

inline constexpr TrialKind kTraceTrial{"trace", run_trace_trial};

}  // namespace twinpool::bench
