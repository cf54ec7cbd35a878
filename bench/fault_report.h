// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/fault_drill.h"
#include "bench/reporters/terminal.h"

/// What a fault drill found, for people and for programs. Pure: nothing here prints.
namespace twinpool::bench {

/// The runs of one fault in one twin.
struct DrillSummary {
  int fault = 0;
  Backend backend = Backend::kThreads;
  std::vector<const DrillRun*> runs;
  Answer answer = Answer::kContained;  ///< the worst of all runs
  std::size_t answer_count = 0;        ///< how many runs gave it
};

/// Gives: one summary for each fault and twin that has runs, in the order of the options. They refer to
/// `results`.
[[nodiscard]] std::vector<DrillSummary> summarise(const DrillResults& results);

[[nodiscard]] std::string_view name_of_fault(int fault);
/// The least and the most of one figure over the runs: "3" or "1-3". Takes: a member of DrillRun.
template <typename Value>
[[nodiscard]] std::string range_of(const DrillSummary& summary, Value value) {
  const auto [least, most] = std::minmax_element(
      summary.runs.begin(), summary.runs.end(),
      [&](const DrillRun* a, const DrillRun* b) { return std::invoke(value, a) < std::invoke(value, b); });
  const auto low = std::invoke(value, *least);
  const auto high = std::invoke(value, *most);
  return low == high ? fmt::format("{}", low) : fmt::format("{}-{}", low, high);
}
/// The median of one time over the runs that have it; "-" when none has.
[[nodiscard]] std::string median_of(const DrillSummary& summary, std::optional<double> DrillRun::*time);

/// Faults as rows, a group of columns for each twin, and what the columns mean.
///
/// Takes: `width`, in columns; the twins stand side by side where they fit, else below each other.
[[nodiscard]] std::string print_table(const DrillResults& results, const TextStyle& style, std::size_t width);
/// A few plain sentences: the answer to "what does a fault cost me?", each with a line end.
[[nodiscard]] std::string print_verdict(const DrillResults& results);
/// Every run; see bench/json_schema.md.
[[nodiscard]] nlohmann::json to_json(const DrillResults& results);

}  // namespace twinpool::bench
