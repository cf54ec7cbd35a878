// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/results.h"

namespace twinpool::bench {

/// What open loops showed, in sentences: the twins' latencies, who could not keep up, what a stall did and
/// what the closed loop beside it saw of it, and whether the generator itself was late. "" without open
/// loops.
[[nodiscard]] std::string open_loop_sentences(const BenchResults& results);

/// "84 000/s", or of a ramp "12 000 to 144 000/s".
[[nodiscard]] std::string print_offered_rate(const CellResult& cell);
/// "70 % of 120 000 tasks/s" or "20 000 tasks/s": what was offered.
[[nodiscard]] std::string print_offered(const CellResult& cell);

}  // namespace twinpool::bench
