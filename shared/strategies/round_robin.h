// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "shared/strategy.h"

namespace twinpool::strategies {

struct RoundRobinTurn {
  std::size_t next = 0;
};

/// Round robin: each worker in turn, in the order of their numbers, whatever they do.
///
/// Example: 3 workers: 0 1 2, 0 1 2, ...
/// Takes: at least one load; whose turn it is, which it moves on. A turn past the end, of a pool that has shrunk,
/// begins again at worker 0.
[[nodiscard]] inline std::size_t round_robin(RoundRobinTurn& turn, std::span<const WorkerLoad> loads) {
  const std::size_t chosen = turn.next < loads.size() ? turn.next : 0;
  turn.next = chosen + 1;
  return chosen;
}

}  // namespace twinpool::strategies
