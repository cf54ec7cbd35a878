// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>

#include "shared/strategy.h"

namespace twinpool::strategies {

/// Fair share: the worker whose running time will be the least once it has done what it has, so that over time all
/// have run for equally long, whatever single tasks cost.
///
/// Rule: least spent + (queued + running) * mean, where mean is the time that a finished task took on average over
/// all workers (1 ns while none has: then tasks count alike). Of several, the one that has been handed the fewest
/// tasks; of several still, the one with the lowest number.
///
/// A worker that comes late starts from the least that any other has spent; the Dispatcher sees to that.
/// Takes: at least one load; their `spent` may be estimates.
[[nodiscard]] inline std::size_t fair_share(std::span<const WorkerLoad> loads) {
  const auto held = [](const WorkerLoad& load) { return load.queued + (load.busy ? 1 : 0); };
  double spent_ns = 0;
  double finished = 0;
  for (const WorkerLoad& load : loads) {
    spent_ns += static_cast<double>(load.spent.count());
    finished += static_cast<double>(load.chosen) - static_cast<double>(std::min(load.chosen, held(load)));
  }
  const double mean_ns = finished > 0 ? std::max(spent_ns / finished, 1.0) : 1.0;
  const auto rank = [&](const WorkerLoad& load) {
    return std::tuple(static_cast<double>(load.spent.count()) + static_cast<double>(held(load)) * mean_ns,
                      load.chosen);
  };
  const auto chosen = std::min_element(
      loads.begin(), loads.end(), [&](const WorkerLoad& a, const WorkerLoad& b) { return rank(a) < rank(b); });
  return static_cast<std::size_t>(chosen - loads.begin());
}

}  // namespace twinpool::strategies
