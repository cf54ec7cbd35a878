// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) {
  kill(getppid(), SIGKILL);
  while (true) pause();  // the workers follow their supervisor
}

}  // namespace

/// Workers are the supervisor's children and end with it; what they were running is lost, what waited is not:
/// the launcher starts another supervisor.
constinit const Fault kSupervisorKilled{
    .name = "supervisor-killed",
    .sentence = "kills the supervisor of the workers",
    .strike = strike,
    .threads = does_not_apply("threads have no supervisor"),
    .processes = {Answer::kContained, Answer::kSpread,
                  "all workers die with it, and each loses the task that it was running"},
    .standard = true};

}  // namespace twinpool::bench
