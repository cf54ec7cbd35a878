// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/reporters/terminal.h"
#include "bench/results.h"

namespace twinpool::bench {

/// The curves of sweeps as tables, one for each workload: a line for each value, the knees marked. "" without
/// a sweep. Each ends with an empty line.
[[nodiscard]] std::string print_curves(const BenchResults& results, const TextStyle& style);
/// One sentence for each curve: where its knee is, or why it has none.
[[nodiscard]] std::string knee_sentences(const BenchResults& results);
/// The same as a table of GitHub's Markdown; "" without a sweep.
[[nodiscard]] std::string markdown_of_curves(const BenchResults& results);

}  // namespace twinpool::bench
