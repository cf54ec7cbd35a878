// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

/// All cells of a run judged together: among many cells some differ by chance alone, so the list of "which
/// differ" is one claim and has one error rate.
struct SuiteTest {
  struct One {
    double p = 1;         ///< of the sign test that the median log-ratio is 0
    double adjusted = 1;  ///< by Holm
    bool differs = false;
  };
  std::vector<std::optional<One>> cells;  ///< as the results' cells; nothing where no verdict may be given
  std::size_t tests = 0;                  ///< cells that were tested
  std::size_t fewest_pairs = 0;           ///< of a tested cell
  std::size_t needed_pairs = 0;           ///< with fewer, no cell can be in the list, however much it differs
};
inline constexpr double kSuiteAlpha = 0.05;  ///< chance that the list holds a cell that does not differ

/// Pure.
[[nodiscard]] SuiteTest test_suite(const BenchResults& results);
/// One sentence with a line end; "" for fewer than two tested cells, whose own interval says it all.
[[nodiscard]] std::string describe_suite(const BenchResults& results);

}  // namespace twinpool::bench
