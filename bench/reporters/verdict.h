// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/results.h"

namespace twinpool::bench {

/// Two or three plain sentences: who was faster by how much, at what memory and start-up time, and what was
/// wrong, if anything.
[[nodiscard]] std::string print_verdict(const BenchResults& results);

}  // namespace twinpool::bench
