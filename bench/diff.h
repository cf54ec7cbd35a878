// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/formats/junit_document.h"
#include "bench/gate.h"
#include "bench/measure.h"
#include "bench/results.h"
#include "bench/shift.h"

/// What changed between two runs of `twinpool bench`.
namespace twinpool::bench {

enum class ChangeVerdict {
  kSame,         ///< the interval lies within the margin
  kBetter,       ///< the interval excludes "no change" and is not within the margin
  kWorse,        ///< likewise
  kUnclear,      ///< the interval includes "no change" and goes beyond the margin
  kUndecidable,  ///< too few trials, or too busy a machine
};
[[nodiscard]] std::string_view name_of(ChangeVerdict verdict);

/// One measure of one cell, in the older and in the newer run.
struct Change {
  std::string cell;
  std::string workload;
  const Measure* measure = nullptr;
  std::optional<Backend> backend = {};  ///< none for measures of the whole cell
  std::optional<double> before = {};    ///< none: it was not measured
  std::optional<double> after = {};
  std::optional<Shift> ratio =
      {};  ///< after / before with its interval; none for counts and where one is missing
  std::optional<double> p = {};       ///< Mann-Whitney, where there is an interval
  std::optional<double> p_holm = {};  ///< adjusted for all changes that were tested
  ChangeVerdict verdict = ChangeVerdict::kUndecidable;
  /// Better or worse, also when all changes are judged together; see STATISTICS.md.
  bool holds_in_suite = false;
  std::string why = {};  ///< one sentence where the verdict is kUndecidable
};

/// What one gate says of one change.
struct GateAnswer {
  enum class Kind { kPass, kFail, kUndecided };
  Gate gate;
  Change change;
  Kind kind = Kind::kUndecided;
  std::string sentence = {};
};

struct Comparison {
  std::vector<Change> changes;         ///< the ratio of the twins first within each cell
  std::vector<std::string> unmatched;  ///< cells that only one run has, one sentence each
  std::optional<Shift> machine = {};   ///< speed of the newer machine over the older's, by the controls
  std::vector<GateAnswer> gates = {};

  [[nodiscard]] bool any(GateAnswer::Kind kind) const;
};

/// Compares the cells that both runs have. Pure.
///
/// The ratio of the twins comes first: both were measured in turns, so the speed of the machine cancels.
/// Figures of one backend do not cancel it; the intervals of throughputs and times are widened by what the
/// controls (the same work in every run) say the machine changed, never narrowed. Memory and counts are
/// exact: a change is itself.
///
/// Takes: margin above 0: a smaller change does not matter.
[[nodiscard]] Comparison compare(const BenchResults& before, const BenchResults& after, double margin);

/// Asks each gate of each change that it concerns; the answers go to `comparison.gates`. Pure.
///
/// Errors: UsageError for a gate that concerns no change.
void ask_gates(Comparison& comparison, const std::vector<Gate>& gates);

/// 0, 3 (a gate failed) or, with `strict`, 6 (one was undecided).
[[nodiscard]] int exit_code_of(const Comparison& comparison, bool strict);

/// Which changes hold when all are judged together: one sentence with a line end; "" for fewer than two.
[[nodiscard]] std::string print_suite(const Comparison& comparison);
[[nodiscard]] std::string print_comparison(const Comparison& comparison, bool all_measures);
/// One sentence for each gate that did not pass, and one that counts; "" without gates.
[[nodiscard]] std::string print_gates(const Comparison& comparison);
/// `::error` and `::warning` lines, which GitHub shows beside the change.
[[nodiscard]] std::string print_annotations(const Comparison& comparison);
[[nodiscard]] std::string markdown_of(const Comparison& comparison);
[[nodiscard]] std::string csv_of(const Comparison& comparison);
[[nodiscard]] std::vector<TestCase> test_cases_of(const Comparison& comparison);
[[nodiscard]] nlohmann::json to_json(const Comparison& comparison);

}  // namespace twinpool::bench
