// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Which clauses of the contract (shared/pool.h) a pool keeps, said in code, so that nobody asks for the
/// backend's type.
namespace twinpool {

struct Guarantees {
  bool settles_once = true;       ///< C1
  bool refused_never_ran = true;  ///< C2
  bool survives_worker_death =
      false;  ///< C3, C4: a crashing task costs itself and one worker, which is replaced
  bool running_task_can_be_ended =
      false;  ///< C7, C8, C10: a limit, cancel or stop() ends a task that never returns
  bool retries_lost_tasks = false;  ///< C5: workers can die alone, so a task can be run again
  bool no_orphans = false;  ///< C11: nothing is left when the program is killed; with threads trivially true
  bool bounded_memory = false;     ///< C12: payload memory has a limit and its exhaustion is a typed failure
  bool limits_worker_memory = false;  ///< C12: a worker over RecyclingOptions::max_uss_bytes is replaced
  bool moves_arguments = false;    ///< C14: arguments are moved, never encoded
  bool isolates_memory = false;    ///< a task's stray write stays in its worker (outside shared memory)
  bool nested_submission = false;  ///< C16: a task may submit to its own pool and wait

  bool operator==(const Guarantees&) const = default;
};

}  // namespace twinpool
