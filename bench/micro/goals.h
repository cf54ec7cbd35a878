// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/micro/rounds.h"
#include "bench/statistics.h"

namespace twinpool::bench::micro {

/// What the twins' dispatch shall reach on two quiet CPUs, and what it reached.
struct Goal {
  std::string sentence;
  std::string unit;  ///< of `limit` and `value`: "x" or "tasks/s"
  double limit = 0;
  bool at_least = true;  ///< whether `limit` is a lower limit
  double value = 0;      ///< the median over the rounds
  std::optional<Interval> interval;

  [[nodiscard]] bool met() const { return at_least ? value >= limit : value <= limit; }
};

/// Ratios are taken within each round, then their median over the rounds.
std::vector<Goal> judge_goals(const Measurements& measurements);

}  // namespace twinpool::bench::micro
