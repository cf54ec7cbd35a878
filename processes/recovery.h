// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "processes/segment.h"

/// What has to be done for the living when a worker is dead. Each step may be repeated, and whoever does it
/// may die in it.
namespace twinpool::processes {

/// Settles what worker `index` left behind. Requires: it has been reaped, and nobody has its place yet.
///
/// Looks at one slot, the dead worker's intent: running, it becomes kLost; settled, its waiter is woken once
/// more, since the wake-up may have died with the worker. Clears its idle and searching bits, and hands on a
/// wake-up that it may have taken with it. `status`: its wait status. Gives: the type of the task that it was
/// running, or null.
const TaskType* recover_worker(const Segment& segment, int index, int pid, int status);

/// Moves a task that still waits or runs to `state` (terminal) and wakes its waiter.
///
/// Requires: nobody runs it (it is kQueued, or its worker is dead). Gives: false when it had settled already.
bool settle_slot(Slot& slot, std::uint32_t generation, SlotState state);

/// Wakes the waiters of all settled tasks: a supervisor may have died between settling one and waking.
void wake_all_waiters(const Segment& segment);

/// Settles every task that waits in the ring as `state`. Threads: safe beside pushes and claims.
void fail_queued(const Segment& segment, SlotState state);

}  // namespace twinpool::processes
