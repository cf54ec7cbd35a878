// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "processes/process_pool.h"
#include "tests/conformance/gate.h"
#include "tests/conformance/resources.h"

/// What the tests of the process twin's own clauses share: tasks that kill their worker, and looking for
/// processes.
namespace twinpool::isolation {

using conformance::atomic_at;
using conformance::eventually;
using conformance::failure_of;
using conformance::Gate;
using conformance::held_now;
using conformance::is_alive;
using conformance::kPatience;
using conformance::outcome_of;
using conformance::pass_gate;
using conformance::value_of;
using conformance::Words;
using processes::ProcessPool;
using std::chrono::milliseconds;

inline int identity(int n) { return n; }
inline int worker_pid() { return getpid(); }
inline void kill_own_worker() {
  kill(getpid(), SIGKILL);
  pause();
}
inline void exit_own_worker(int status) { _exit(status); }

/// Restarts without limit, for tests that kill more than any sound program would.
inline PoolOptions unlimited(PoolOptions options) {
  options.processes.restart = {.intensity = 1'000'000,
                               .period = milliseconds(1000),
                               .start_failures = 1'000'000,
                               .backoff_first = milliseconds(1),
                               .backoff_limit = milliseconds(10)};
  return options;
}

/// Whether `pid` is gone within a second, as C11 asks. A zombie that waits for a reaper counts as gone.
[[nodiscard]] inline bool gone_within_a_second(int pid) {
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  while (is_alive(pid)) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

}  // namespace twinpool::isolation
