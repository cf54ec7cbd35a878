// SPDX-License-Identifier: Apache-2.0
#include "bench/suite_test.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/cell_name.h"
#include "bench/statistics.h"

namespace twinpool::bench {
namespace {

bool differs(CellFinding finding) {
  return finding == CellFinding::kThreads || finding == CellFinding::kProcesses;
}

bool is_tested(CellFinding finding) {
  return differs(finding) || finding == CellFinding::kSame || finding == CellFinding::kNoDifference;
}

}  // namespace

SuiteTest test_suite(const BenchResults& results) {
  SuiteTest suite;
  std::vector<double> p_values;
  std::vector<CellFinding> findings;
  for (const CellResult& cell : results.cells) {
    findings.push_back(find(cell, results.usable_cpus));
    suite.cells.emplace_back();
    if (!is_tested(findings.back())) continue;
    const auto logs = judged_log_ratios(cell);
    p_values.push_back(sign_test(logs));
    suite.fewest_pairs = p_values.size() == 1 ? logs.size() : std::min(suite.fewest_pairs, logs.size());
    suite.cells.back() = SuiteTest::One{.p = p_values.back()};
  }
  suite.tests = p_values.size();
  suite.needed_pairs = fewest_pairs_for(std::max<std::size_t>(1, suite.tests), kSuiteAlpha);
  const auto adjusted = adjust_holm(p_values);
  for (std::size_t i = 0, test = 0; i < suite.cells.size(); ++i) {
    if (!suite.cells[i]) continue;
    suite.cells[i]->adjusted = adjusted[test++];
    suite.cells[i]->differs = differs(findings[i]) && suite.cells[i]->adjusted <= kSuiteAlpha;
  }
  return suite;
}

std::string describe_suite(const BenchResults& results) {
  const SuiteTest suite = test_suite(results);
  if (suite.tests < 2) return "";
  std::vector<std::string> names;
  for (std::size_t i = 0; i < suite.cells.size(); ++i) {
    if (suite.cells[i] && suite.cells[i]->differs) names.push_back(name_of(results.cells[i].cell));
  }
  std::string text = fmt::format(
      "Tested together (Holm over {} cells, {:.0f} % for the whole list), {}.", suite.tests,
      kSuiteAlpha * 100,
      names.empty() ? "none differs beyond doubt" : fmt::format("these differ: {}", fmt::join(names, ", ")));
  if (suite.fewest_pairs < suite.needed_pairs)
    text += fmt::format(" A cell needs {} pairs to be in this list, and the one with fewest has {}.",
                        suite.needed_pairs, suite.fewest_pairs);
  return text + "\n";
}

}  // namespace twinpool::bench
