// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "bench/plan.h"

namespace twinpool::bench {

/// How long a run will take, guessed from its options alone: nothing is calibrated. Seconds.
struct TimeEstimate {
  double least_s = 0;
  double most_s = 0;  ///< more than `least_s` with --precision only
};
/// Gives: nothing with --tasks, which fixes the work of a round and not its length. Pure.
[[nodiscard]] std::optional<TimeEstimate> estimate_time(const Plan& plan);
/// "12 s", "3 min 20 s", "1 h 5 min".
[[nodiscard]] std::string print_span(double seconds);

/// What `twinpool bench --plan` says: each cell, how often it is measured, and how long all will take. Pure.
[[nodiscard]] std::string print_plan(const Plan& plan);

}  // namespace twinpool::bench
