// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <new>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/shared_map.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kAdditions = 5'000;

std::atomic<std::uint64_t>* counter = nullptr;
void set_up(const Settings&) {
  if (counter == nullptr) counter = new (map_shared(sizeof *counter)) std::atomic<std::uint64_t>(0);
}

std::uint64_t add(std::uint64_t number) {
  const std::uint64_t before = counter->load();
  for (std::uint64_t i = 0; i < kAdditions; ++i) counter->fetch_add(1, std::memory_order_relaxed);
  return mix(number) + (counter->load() - before >= kAdditions ? 1 : 0);
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + 1; }

}  // namespace

constinit const Workload kSameCounter{.name = "same-counter",
                                      .family = "sharing",
                                      .sentence = "adds 5,000 times to one counter in shared memory",
                                      .exercises = "true sharing: the control of false-sharing",
                                      .why = "isolation does not help where memory is shared on purpose",
                                      .expected = Expected::kNoDifference,
                                      .margin = 0.15,
                                      .set_up = &set_up,
                                      .task = &add,
                                      .answer = &answer};

}  // namespace twinpool::bench
