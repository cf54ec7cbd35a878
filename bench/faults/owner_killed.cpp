// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& scene) {
  kill(static_cast<pid_t>(scene.page.marks[kOwner]), SIGKILL);
  while (true) pause();  // launcher, supervisor and workers follow their owner (C11)
}

}  // namespace

/// Nothing can survive for want of an owner; the question is what is left lying about.
constinit const Fault kOwnerKilled{
    .name = "owner-killed",
    .sentence = "kills the program that made the pool (SIGKILL)",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the owner is the workers' own process"),
    .processes = expect(Answer::kProgramDied, "workers end with their owner, and nothing is left (C11)"),
    .standard = true};

}  // namespace twinpool::bench
