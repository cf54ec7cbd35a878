// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kAdditions = 20'000;
constexpr unsigned kSlots = 8;

// Neighbours in one cache line. Each worker writes its own alone, so nothing is shared in the program's
// sense.
alignas(64) std::atomic<std::uint64_t> counters[kSlots];
std::atomic<unsigned> next_slot;
thread_local const unsigned slot = next_slot.fetch_add(1) % kSlots;

std::uint64_t add(std::uint64_t number) {
  std::atomic<std::uint64_t>& own = counters[slot];
  for (std::uint64_t i = 0; i < kAdditions; ++i) {
    // A load and a store, not one atomic addition: what a plain `++` of a global compiles to.
    own.store(own.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  return mix(number) + kAdditions;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kAdditions; }

}  // namespace

constinit const Workload kFalseSharing{
    .name = "false-sharing",
    .family = "sharing",
    .sentence = "adds 20,000 times to its worker's own counter beside those of the others",
    .exercises = "neighbouring globals in one cache line",
    .why = "copy-on-write gives each process its own page; threads pass one cache line to and fro",
    .expected = Expected::kProcesses,
    .margin = 0.1,
    .task = &add,
    .answer = &answer};

}  // namespace twinpool::bench
