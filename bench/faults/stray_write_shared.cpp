// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& scene) {
  std::fill(std::begin(scene.ground.canaries), std::end(scene.ground.canaries), 0);
}

bool feel(const Scene& scene) {
  return std::any_of(std::begin(scene.ground.canaries), std::end(scene.ground.canaries),
                     [](const volatile std::uint64_t& word) { return word != kCanary; });
}

}  // namespace

/// Memory that is shared is shared in both twins: the honest draw.
constinit const Fault kStrayWriteShared{
    .name = "stray-write-shared",
    .sentence = "writes over a SharedBuffer that all workers use",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "one memory for all"),
    .processes = expect(Answer::kSpread, "a SharedBuffer is one memory for all, here too"),
    .feel = feel,
    .standard = true};

}  // namespace twinpool::bench
