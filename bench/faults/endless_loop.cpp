// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike() {
  volatile std::uint64_t rounds = 0;
  while (true) rounds = rounds + 1;
}

}  // namespace

/// Burns a CPU and asks nobody: no cancellation request, no stop token reaches it.
const Fault kEndlessLoop{"endless-loop", "loops for ever", false, strike};

}  // namespace twinpool::bench
