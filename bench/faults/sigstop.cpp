// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) {
  kill(getpid(), SIGSTOP);
  while (true) pause();  // whoever continues it finds a task that still never ends
}

}  // namespace

constinit const Fault kSigstop{
    .name = "sigstop",
    .sentence = "stops its own process (SIGSTOP)",
    .ending = Ending::kNever,
    .strike = strike,
    .threads = expect(Answer::kProgramHung, "a stop is for the process: every thread stands still"),
    .processes =
        expect(Answer::kWorkerStuck, "one worker stands still, and the supervisor gives it no more work"),
    .hangs = true,
    .standard = true};

}  // namespace twinpool::bench
