// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) {
  volatile std::uint64_t rounds = 0;
  while (true) rounds = rounds + 1;
}

}  // namespace

/// Burns a CPU and asks nobody: no cancellation request, no stop token reaches it.
constinit const Fault kEndlessLoop{
    .name = "endless-loop",
    .sentence = "loops for ever",
    .ending = Ending::kNever,
    .strike = strike,
    .threads = expect(Answer::kWorkerStuck, "a thread cannot be ended from outside"),
    .processes =
        expect(Answer::kWorkerStuck, "a worker is killed only when a limit was set; stop() kills it"),
    .hangs = true,
    .standard = true};

}  // namespace twinpool::bench
