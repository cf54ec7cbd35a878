// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) {
  kill(getpid(), SIGKILL);
  while (true) pause();  // the signal is already on its way
}

}  // namespace

/// What the kernel's OOM killer does to whoever holds the memory: nothing can be caught or cleaned up.
constinit const Fault kKill{
    .name = "kill",
    .sentence = "sends SIGKILL to its own process",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "SIGKILL is for processes, and threads live in one"),
    .processes =
        expect(Answer::kContained, "the process that ends is one worker, and it holds no lock of the pool"),
    .standard = true};

}  // namespace twinpool::bench
