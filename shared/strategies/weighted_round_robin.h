// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "shared/strategy.h"

namespace twinpool::strategies {

struct WeightedTurn {
  std::size_t worker = 0;
  int given = 0;  ///< tasks that it got in this turn
};

/// Weighted round robin: each worker in turn gets as many tasks in a row as its weight says.
///
/// Example: weights {3, 1, 2}: 0 0 0 1 2 2, 0 0 0 1 2 2, ...
/// Takes: at least one load, with weights of at least 1; whose turn it is, which it moves on.
[[nodiscard]] inline std::size_t weighted_round_robin(WeightedTurn& turn, std::span<const WorkerLoad> loads) {
  if (turn.worker < loads.size() && turn.given >= loads[turn.worker].weight) {
    turn = {.worker = turn.worker + 1, .given = 0};
  }
  if (turn.worker >= loads.size()) turn = {};
  ++turn.given;
  return turn.worker;
}

}  // namespace twinpool::strategies
