// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdint>

#include "processes/segment.h"

/// How a dynamic pool hears that it has too few workers.
namespace twinpool::processes {

/// Makes the supervisor look. Takes: its eventfd.
inline void poke_supervisor(int poke) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto poked = ::write(poke, &one, sizeof one);
}

/// Says that a task waits and nobody seems to be free to take it; the supervisor counts for itself. Costs two
/// loads while the pool is as large as it may be, or has been asked already. Gives: whether it was asked now.
inline bool ask_for_workers(const Segment& segment, int poke) {
  SegmentHeader& header = segment.header();
  if (header.wanted.load(std::memory_order_relaxed) >= header.workers_max.load(std::memory_order_relaxed))
    return false;
  // The first one asks for all. seq_cst: whoever comes after the supervisor's exchange asks again.
  if (header.grow.load(std::memory_order_seq_cst) != 0 ||
      header.grow.exchange(1, std::memory_order_seq_cst) != 0)
    return false;
  poke_supervisor(poke);
  return true;
}

}  // namespace twinpool::processes
