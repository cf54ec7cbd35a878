// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bench/results_reader.h"

namespace twinpool::bench {

/// Gives: a table with one column for each run, in the order given: the medians of each cell and backend, and
/// the
///        ratio of the twins with its interval, which is what runs on different days have in common.
[[nodiscard]] std::string print_trend(const std::vector<Recording>& runs);

}  // namespace twinpool::bench
