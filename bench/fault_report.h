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
  bool surprise = false;               ///< a run gave an answer that the fault's author had not expected
};

/// Gives: one summary for each fault and twin that has runs that were not skipped, in the order of the
/// options. They refer to `results`.
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
/// Why a fault has no runs in a twin, as one sentence: it does not apply, or this machine cannot show it; ""
/// when it has some, or was not reached.
[[nodiscard]] std::string find_absence(const DrillResults& results, int fault, Backend backend);
/// The median of one time over the runs that have it; "-" when none has.
[[nodiscard]] std::string median_of(const DrillSummary& summary, std::optional<double> DrillRun::*time);

/// The median of the tasks that were delayed, and of the dip; "all" where the program was gone.
[[nodiscard]] std::string delayed_of(const DrillSummary& summary);
[[nodiscard]] std::string dip_of(const DrillSummary& summary);
/// The most that a run left behind: "none", "1 thread" or "1 thread, 2 fds".
[[nodiscard]] std::string residue_of(const DrillSummary& summary);
/// How the program ended: "ran on", "exit 3", "SIGSEGV", "hung".
[[nodiscard]] std::string ending_of(const DrillRun& run);

/// Two tables with faults as rows, a group of columns for each twin, and what the columns mean: what became
/// of the tasks, and how long it took and what was left.
///
/// Takes: `width`, in columns; the twins stand side by side where they fit, else below each other. 100
/// columns
///        are enough for one twin.
[[nodiscard]] std::string print_table(const DrillResults& results, const TextStyle& style, std::size_t width);
/// Breaks a text into lines of at most `width` columns, each with its end.
[[nodiscard]] std::string wrap(std::string_view text, std::size_t width);
/// Of what the command says in sentences.
inline constexpr std::size_t kFaultTextWidth = 100;
/// A few plain sentences: the answer to "what does a fault cost me?", each with a line end.
[[nodiscard]] std::string print_verdict(const DrillResults& results);
/// What became of the program of a run; see bench/json_schema.md.
[[nodiscard]] nlohmann::json program_json(const TrialEnd& end, bool survived);
/// Every run; see bench/json_schema.md.
[[nodiscard]] nlohmann::json to_json(const DrillResults& results);

}  // namespace twinpool::bench
