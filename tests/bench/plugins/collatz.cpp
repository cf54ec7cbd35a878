// SPDX-License-Identifier: Apache-2.0
#include "bench/workload.h"

static std::uint64_t steps_to_one(std::uint64_t number) {
  std::uint64_t steps = 0;
  for (std::uint64_t n = number + 1; n != 1; ++steps) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  return steps;
}

static constexpr twinpool::bench::Workload kCollatz{.name = "collatz",
                                                    .sentence = "counts the steps of a number to one",
                                                    .exercises = "a workload of your own",
                                                    .expected = twinpool::bench::Expected::kThreads,
                                                    .task = &steps_to_one};

TWINPOOL_WORKLOADS(&kCollatz);
