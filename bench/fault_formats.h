// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/fault_drill.h"

namespace twinpool::bench {

/// One run a row.
[[nodiscard]] std::string write_faults_csv(const DrillResults& results);
/// Faults as rows, the twins side by side; under 64 KiB whatever was drilled, as there are few faults.
[[nodiscard]] std::string write_faults_markdown(const DrillResults& results);
/// A test case for each fault in each twin. It fails as the command does: where a result was wrong or the
/// counts contradict each other. What a fault costs is no failure; the answers are properties of the suite.
[[nodiscard]] std::string write_faults_junit(const DrillResults& results);

}  // namespace twinpool::bench
