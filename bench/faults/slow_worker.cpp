// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"
#include "bench/faults/load.h"

namespace twinpool::bench {
namespace {

constexpr int kTimes = 10;
thread_local bool slow = false;

void strike(const Scene& /*scene*/) { slow = true; }

bool feel(const Scene& scene) {
  if (!slow) return false;
  // Kept, or the compiler would leave the work out.
  for (int i = 1; i < kTimes; ++i) {
    [[maybe_unused]] volatile const std::uint64_t count = count_primes(scene.first, scene.span);
  }
  return true;
}

}  // namespace

/// Each later task on the struck worker does its work ten times over, as if its CPU had been throttled. The
/// worker lives and answers, so nobody replaces it.
constinit const Fault kSlowWorker{
    .name = "slow-worker",
    .sentence = "leaves its worker ten times slower",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kWorkerTainted, "a slow worker takes fewer tasks; each one is late"),
    .processes = expect(Answer::kWorkerTainted, "the same: slow is not dead, so nobody replaces it"),
    .feel = feel,
    .standard = true};

}  // namespace twinpool::bench
