// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "shared/strategy.h"

namespace twinpool::strategies {

/// Least used: the worker that has been handed the fewest tasks so far, over its lifetime; of several, the one
/// with the lowest number. What the tasks cost and whether they are done does not matter.
///
/// A worker that comes late (a dynamic pool has grown) starts from the least that any other has, so it is not
/// handed every task until it has caught up; the Dispatcher sees to that.
/// Takes: at least one load.
[[nodiscard]] inline std::size_t least_used(std::span<const WorkerLoad> loads) {
  const auto chosen = std::min_element(
      loads.begin(), loads.end(), [](const WorkerLoad& a, const WorkerLoad& b) { return a.chosen < b.chosen; });
  return static_cast<std::size_t>(chosen - loads.begin());
}

}  // namespace twinpool::strategies
