// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "bench/fault_drill.h"
#include "bench/plan.h"

/// What one crash costs in each twin, said beside the figures of speed and memory: the other half of the
/// choice.
namespace twinpool::bench {

/// Drills one fault, a write through a null pointer, in both twins with the plan's first number of workers.
///
/// Gives:   the runs; none when the plan does not compare both twins.
/// Errors:  as run_drills.
[[nodiscard]] std::optional<DrillResults> drill_crash(const Plan& plan);

/// One sentence with a line end: "A crash ... cost ...". "" when neither twin has a complete run. Pure.
[[nodiscard]] std::string describe_crash(const DrillResults& results);

}  // namespace twinpool::bench
