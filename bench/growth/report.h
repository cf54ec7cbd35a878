// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bench/growth/series.h"

namespace twinpool::bench::growth {

/// One table a series: nanoseconds a task by value and twin, with half the distance of the quartiles, and for each step
/// the exponent: ln(cost's growth) / ln(value's growth), the median over the rounds. Above the series' limit with the
/// whole 95 % interval a step is "worse than linear".
[[nodiscard]] std::string describe(const std::vector<Series>& all, const Costs& costs);
/// The same as GitHub Markdown.
[[nodiscard]] std::string markdown(const std::vector<Series>& all, const Costs& costs);
[[nodiscard]] std::string json(const std::vector<Series>& all, const Costs& costs, std::uint64_t seed);
/// For a plotting program, blocks two blank lines apart: value, threads and processes in nanoseconds a task.
[[nodiscard]] std::string plot_data(const std::vector<Series>& all, const Costs& costs);

}  // namespace twinpool::bench::growth
