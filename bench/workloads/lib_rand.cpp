// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr int kDraws = 5'000;

// What rand() gives depends on who drew before, so only its range can be checked.
std::uint64_t draw(std::uint64_t number) {
  std::uint64_t in_range = 0;
  for (int i = 0; i < kDraws; ++i) in_range += std::rand() >= 0 ? 1 : 0;
  return mix(number) + in_range;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kDraws; }

}  // namespace

constinit const Workload kLibRand{.name = "lib-rand",
                                  .family = "library",
                                  .sentence = "draws 5,000 numbers with rand()",
                                  .exercises = "a global lock hidden in the C library",
                                  .why = "all threads of a program take one lock for each number",
                                  .expected = Expected::kProcesses,
                                  .margin = 0.1,
                                  .task = &draw,
                                  .answer = &answer};

}  // namespace twinpool::bench
