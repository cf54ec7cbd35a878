// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kLocks = 20'000;

std::uint64_t lock_own(std::uint64_t number) {
  std::mutex own;
  std::uint64_t sum = mix(number);
  for (std::uint64_t i = 0; i < kLocks; ++i) {
    const std::lock_guard guard(own);
    ++sum;
    asm volatile("" : : "r"(&sum) : "memory");
  }
  return sum;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kLocks; }

}  // namespace

constinit const Workload kLibMutex{.name = "lib-mutex",
                                   .family = "library",
                                   .sentence = "locks a mutex of its own 20,000 times",
                                   .exercises = "locks that nobody else wants",
                                   .why = "glibc locks without atomic operations while there is one thread",
                                   .expected = Expected::kProcesses,
                                   .margin = 0.1,
                                   .task = &lock_own,
                                   .answer = &answer};

}  // namespace twinpool::bench
