// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace twinpool::bench {

struct TestCase {
  enum class Answer { kPass, kFailure, kSkipped, kError };
  std::string classname;
  std::string name;
  Answer answer = Answer::kPass;
  std::string type = {};     ///< of a failure or an error
  std::string message = {};  ///< one sentence; empty for a pass
};

/// Gives:  a JUnit file with one suite.
/// Source: jenkinsci/xunit-plugin, junit-10.xsd: `skipped` belongs to a suite, `testsuites` must not have it.
[[nodiscard]] std::string write_junit_document(
    const std::string& suite, const std::vector<TestCase>& cases,
    const std::vector<std::pair<std::string, std::string>>& properties, double seconds);

}  // namespace twinpool::bench
