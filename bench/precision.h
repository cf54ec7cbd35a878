// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "bench/results.h"
#include "bench/statistics.h"

/// Pairs until the interval is narrow enough: by default within bounds, with `--precision` within wider ones.
/// The rule is fixed before the run and looks at the width of the interval only, never at where it lies.
namespace twinpool::bench {

/// A cell gets this many times its first pairs at most, so that a precision that the machine cannot give ends
/// too.
inline constexpr std::size_t kDefaultFactor = 4;
inline constexpr std::size_t kAskedFactor = 10;

/// Whether a cell's pairs are looked at after `pairs` of them: first at `first`, then each time a quarter
/// more, always at whole blocks of two. Few looks keep the interval near to its coverage.
[[nodiscard]] bool is_look(std::size_t pairs, std::size_t first);

/// Whether the half-width of the interval, as a share, is `precision` or less: sqrt(high / low) <= 1 +
/// precision.
[[nodiscard]] bool is_precise(std::span<const double> log_ratios, const Judging& judging, double precision);

/// Whether the cell reached the precision of the plan; nothing when it has none.
[[nodiscard]] std::optional<bool> reached_precision(const CellResult& cell, const Plan& plan);
/// As far as it was asked for.
[[nodiscard]] bool every_cell_is_precise(const BenchResults& results);

/// One or two sentences with line ends on which cells reached the precision, and how near the others came; ""
/// when none was asked for.
[[nodiscard]] std::string describe_precision(const BenchResults& results);

}  // namespace twinpool::bench
