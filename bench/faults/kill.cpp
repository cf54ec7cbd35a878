// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike() {
  kill(getpid(), SIGKILL);
  while (true) pause();  // the signal is already on its way
}

}  // namespace

/// What the kernel's OOM killer does to whoever holds the memory: nothing can be caught or cleaned up.
const Fault kKill{"kill", "sends SIGKILL to its own process", true, strike};

}  // namespace twinpool::bench
