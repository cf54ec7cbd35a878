// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/micro/contestants.h"

namespace twinpool::bench::micro {

struct RoundOptions {
  int rounds = 15;
  double case_s = 0.05;  ///< how long each case is timed in each round
  std::uint64_t seed = 1;
};

/// What one case gave, one element a round, all in nanoseconds a task. The percentiles are empty for
/// throughput cases.
struct Series {
  std::vector<double> mean_ns;
  std::vector<double> p50_ns;
  std::vector<double> p99_ns;
};

/// By contestant and window. The same element of two series comes from the same round.
using Measurements = std::map<std::pair<std::string_view, std::size_t>, Series>;

/// Measures every case once a round, in an order shuffled anew for each round, so that whatever slows the
/// machine down for a while meets all of them alike.
///
/// Takes:  `before_round`, called with the number of rounds done before each round and after the last.
/// Errors: std::runtime_error when a case gave a wrong result.
Measurements measure(std::span<const Case> cases, const RoundOptions& options,
                     const std::function<void(int)>& before_round);

}  // namespace twinpool::bench::micro
