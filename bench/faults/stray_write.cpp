// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "bench/faults/fault.h"
#include "shared/options.h"

namespace twinpool::bench {
namespace {

/// One a worker, on the heap since before the pool was made: the same address in every worker of both twins.
struct alignas(64) Canary {
  volatile std::uint64_t words[8];
};
Canary* canaries = nullptr;

std::string prepare() {
  canaries = new Canary[kMaxWorkers];
  for (int worker = 0; worker < kMaxWorkers; ++worker) {
    for (volatile std::uint64_t& word : canaries[worker].words) word = kCanary;
  }
  return "";
}

void strike(const Scene& /*scene*/) {
  for (int worker = 0; worker < kMaxWorkers; ++worker) {
    if (worker == own_worker_number()) continue;
    for (volatile std::uint64_t& word : canaries[worker].words) word = 0;
  }
}

bool feel(const Scene& /*scene*/) {
  for (const volatile std::uint64_t& word : canaries[own_worker_number()].words) {
    if (word != kCanary) return true;
  }
  return false;
}

}  // namespace

/// Writes over heap memory that only the other workers use.
constinit const Fault kStrayWrite{
    .name = "stray-write",
    .sentence = "writes over private memory of the other workers",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "a thread can write wherever any thread can"),
    .processes = expect(Answer::kContained, "the write hits the worker's own copy of the pages"),
    .feel = feel,
    .prepare = prepare,
    .standard = true};

}  // namespace twinpool::bench
