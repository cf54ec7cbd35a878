// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "shared/strategy.h"

namespace twinpool::strategies {

struct InterleavedTurn {
  std::size_t next = 0;
  int round = 1;
};

/// Interleaved weighted round robin: rounds from 1 up to the largest weight; in round r each worker whose weight
/// is at least r gets one task, in the order of their numbers. Over a cycle of all rounds each worker gets its
/// weight, as in weighted round robin, but without a run of tasks to one of them.
///
/// Example: weights {3, 1, 2}: 0 1 2, 0 2, 0; 0 1 2, 0 2, 0; ...
/// Source: Katevenis, Sidiropoulos, Courcoubetis, "Weighted round-robin cell multiplexing in a general-purpose ATM
/// switch chip", IEEE JSAC 9 (1991).
/// Takes: at least one load, with weights of at least 1; the turn, which it moves on.
[[nodiscard]] inline std::size_t interleaved_weighted_round_robin(InterleavedTurn& turn,
                                                                  std::span<const WorkerLoad> loads) {
  const auto in_round = [&](const WorkerLoad& load) { return load.weight >= turn.round; };
  const auto from = loads.begin() + static_cast<std::ptrdiff_t>(std::min(turn.next, loads.size()));
  auto chosen = std::find_if(from, loads.end(), in_round);
  if (chosen == loads.end()) {
    ++turn.round;
    chosen = std::find_if(loads.begin(), loads.end(), in_round);
  }
  if (chosen == loads.end()) {
    // Nobody weighs so much: the cycle is over. Every weight is at least 1, so round 1 begins with worker 0.
    turn.round = 1;
    chosen = loads.begin();
  }
  const auto index = static_cast<std::size_t>(chosen - loads.begin());
  turn.next = index + 1;
  return index;
}

}  // namespace twinpool::strategies
