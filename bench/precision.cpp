// SPDX-License-Identifier: Apache-2.0
#include "bench/precision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/cell_name.h"

namespace twinpool::bench {
namespace {

std::size_t next_look(std::size_t pairs) {
  const std::size_t more = std::max<std::size_t>(2, pairs / 4);
  return pairs + more + more % 2;
}

/// "echo/workers:2 (4.1 % after 100 pairs)"
std::string describe_miss(const CellResult& cell) {
  const auto half = half_width_of(cell);
  const std::size_t pairs = judged_log_ratios(cell).size();
  return half ? fmt::format("{} ({:.2g} % after {} pairs)", name_of(cell.cell), *half * 100, pairs)
              : fmt::format("{} (no interval after {} pairs)", name_of(cell.cell), pairs);
}

}  // namespace

bool is_look(std::size_t pairs, std::size_t first) {
  std::size_t look = first + first % 2;
  while (look < pairs) look = next_look(look);
  return look == pairs;
}

bool is_precise(std::span<const double> log_ratios, const Judging& judging, double precision) {
  const auto interval = interval_of(log_ratios, judging);
  return interval && (interval->high - interval->low) / 2 <= std::log1p(precision);
}

std::optional<bool> reached_precision(const CellResult& cell, const Plan& plan) {
  if (!plan.precision) return std::nullopt;
  return is_precise(judged_log_ratios(cell), cell.judging, *plan.precision);
}

bool every_cell_is_precise(const BenchResults& results) {
  if (!results.plan.precision_asked) return true;
  return std::all_of(results.cells.begin(), results.cells.end(), [&](const CellResult& cell) {
    return reached_precision(cell, results.plan).value_or(true);
  });
}

std::string describe_precision(const BenchResults& results) {
  if (!results.plan.precision_asked) return "";
  std::vector<std::string> missed;
  for (const CellResult& cell : results.cells) {
    if (cell.complete && !*reached_precision(cell, results.plan)) missed.push_back(describe_miss(cell));
  }
  const std::size_t all = results.cells.size();
  std::string text =
      fmt::format("Precision of {:.3g} %: reached in {} of {} {}.\n", *results.plan.precision * 100,
                  all - missed.size(), all, all == 1 ? "cell" : "cells");
  if (missed.empty()) return text;
  return text + fmt::format(
                    "NOT REACHED within {} pairs{}: {}. Ask for less, or give it a quieter machine, more "
                    "time or longer rounds.\n",
                    results.plan.most_pairs(), results.plan.max_time_s ? " and --max-time" : "",
                    fmt::join(missed, ", "));
}

}  // namespace twinpool::bench
