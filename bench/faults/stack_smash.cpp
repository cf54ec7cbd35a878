// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// Not known to the compiler, which would else see that the writes leave the array.
volatile std::size_t written = 256;

__attribute__((noinline, no_sanitize("address", "undefined"))) void smash() {
  volatile char small[16];
  volatile char* const begin = small;
  for (std::size_t i = 0; i < written; ++i) begin[i] = 0x41;
}

void strike(const Scene& /*scene*/) { smash(); }

}  // namespace

/// Writes over its own frame, the canary and the return address, into its callers' frames. This file is built
/// with -fstack-protector-strong, as distributions build theirs: the function notices when it returns and
/// calls abort().
constinit const Fault kStackSmash{
    .name = "stack-smash",
    .sentence = "writes far beyond an array on its stack",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the canary calls abort(), which ends the process"),
    .processes = expect(Answer::kContained, "the process that ends is one worker")};

}  // namespace twinpool::bench
