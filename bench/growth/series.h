// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/backend.h"

/// What a task costs while one quantity grows and all else stays.
namespace twinpool::bench::growth {

/// A quantity that grows.
struct Series {
  std::string name = {};       ///< "workers"
  std::string conditions = {};  ///< what stays
  std::vector<std::size_t> values = {};
  /// The cost of a task shall not grow faster than the quantity to this power. 1 where a task could have to do with
  /// each worker or submitter; about 0 where each task should cost the same however many wait.
  double most_exponent = 1;
  /// Gives: nanoseconds a task.
  std::function<double(Backend backend, std::size_t value)> run = {};
};

/// Keeps its pools, all idle but the one whose turn it is.
///
/// Requires: the program has one thread. Errors: std::system_error.
[[nodiscard]] std::vector<Series> all_series(std::size_t tasks);

/// By series, twin and value: one number a round; the same place in two lists comes from the same round.
using Costs = std::map<std::string, std::map<Backend, std::map<std::size_t, std::vector<double>>>>;

/// Measures everything once a round, in an order shuffled anew for each.
///
/// Takes:  `progress`, called with the rounds done.
/// Errors: std::runtime_error when a result was wrong.
[[nodiscard]] Costs measure(const std::vector<Series>& all, int rounds, std::uint64_t seed,
                            const std::function<void(int)>& progress);

/// For callgrind and perf: `tasks` tasks in a pool of that twin, driven as `how` says: a window, "forget", or "fib"
/// (then `tasks` is n).
void probe(Backend backend, const std::string& how, std::size_t tasks, int workers);

}  // namespace twinpool::bench::growth
