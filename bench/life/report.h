// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/life/life.h"

namespace twinpool::bench::life {

/// A case and, by round, what it gave.
struct Measured {
  Case what;
  std::vector<Samples> rounds = {};
  std::vector<std::string> failures = {};  ///< of rounds that gave nothing: one sentence each
};

/// One line a figure, one table a chapter: p50 and p99 over the samples of all rounds, half the distance of the
/// quartiles of the rounds' medians, the goal, and whether the median met it.
[[nodiscard]] std::string describe(const std::vector<Measured>& all);
/// The same as GitHub Markdown.
[[nodiscard]] std::string markdown(const std::vector<Measured>& all);
/// Every sample of every round, in nanoseconds, bytes and numbers.
[[nodiscard]] std::string json(const std::vector<Measured>& all, std::uint64_t seed);

}  // namespace twinpool::bench::life
