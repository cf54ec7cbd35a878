// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <tuple>

#include "shared/strategy.h"

namespace twinpool::strategies {

/// Least busy: the worker that has the fewest tasks now, counting those in its own queue and the one that it runs;
/// of several, the one that has been handed the fewest so far; of several still, the one with the lowest number.
///
/// "Now" and not over the lifetime: a worker that was busy an hour ago and is idle is as good as any other.
/// Takes: at least one load.
[[nodiscard]] inline std::size_t least_busy(std::span<const WorkerLoad> loads) {
  const auto rank = [](const WorkerLoad& load) {
    return std::tuple(load.queued + (load.busy ? 1 : 0), load.chosen);
  };
  const auto chosen = std::min_element(
      loads.begin(), loads.end(), [&](const WorkerLoad& a, const WorkerLoad& b) { return rank(a) < rank(b); });
  return static_cast<std::size_t>(chosen - loads.begin());
}

}  // namespace twinpool::strategies
