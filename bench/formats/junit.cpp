// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "bench/cell_name.h"
#include "bench/diff.h"
#include "bench/formats/format.h"
#include "bench/formats/junit_document.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

std::string join(const std::vector<std::string>& sentences) {
  std::string all;
  for (const std::string& sentence : sentences) all += (all.empty() ? "" : "\n") + sentence;
  return all;
}

/// Whether what a cell was to deliver is right; a crash is no failed test but one that could not be run.
TestCase correctness_of(const CellResult& cell) {
  TestCase test{.classname = "twinpool.bench." + std::string(cell.cell.workload->name),
                .name = name_of(cell.cell)};
  if (!cell.problems.empty()) {
    test.answer = TestCase::Answer::kFailure;
    test.type = "wrong-result";
    test.message = join(cell.problems);
  } else if (!cell.crashes.empty()) {
    test.answer = TestCase::Answer::kError;
    test.type = "crash";
    test.message = join(cell.crashes);
  } else if (!cell.complete) {
    test.answer = TestCase::Answer::kSkipped;
    test.message = "the run was interrupted in this cell";
  }
  return test;
}

}  // namespace

std::string write_junit(const Report& report) {
  std::vector<TestCase> cases;
  if (report.comparison != nullptr && !report.comparison->gates.empty()) {
    cases = test_cases_of(*report.comparison);
  } else {
    for (const CellResult& cell : report.results.cells) cases.push_back(correctness_of(cell));
  }
  return write_junit_document("twinpool bench", cases,
                              {{"version", kVersion},
                               {"seed", std::to_string(report.results.plan.seed)},
                               {"foreign_cpu", fmt::format("{:.3f}", report.results.foreign_cpu)}},
                              report.results.wall_s);
}

}  // namespace twinpool::bench
