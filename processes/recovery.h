// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "processes/segment.h"

/// What has to be done for the living when a worker is dead. Each step may be repeated, and whoever does it
/// may die in it.
namespace twinpool::processes {

/// Settles what worker `index` left behind. Requires: it has been reaped, and nobody has its place yet.
///
/// Looks at one slot, the dead worker's intent: running, it becomes kLost, or what it was asked to end as, or
/// kRequeue when it may run again; settled, its waiter is woken once more, since the wake-up may have died with
/// the worker. Clears its idle and searching bits, and hands on a wake-up that it may have taken with it.
/// `status`: its wait status. `owner_bell`: rung; -1: the caller is the owner's monitor and looks for itself.
/// Gives: the type of the task that it was running, or null.
const TaskType* recover_worker(const Segment& segment, int index, int pid, int status, int owner_bell = -1);

/// Moves a task that still waits or runs to `state` (terminal), or to what it was asked to end as; tells nobody.
///
/// Requires: nobody runs it (it is kQueued, or its worker is dead), or its worker's result does not matter.
/// Gives: its word before that; none when it had settled already.
std::optional<SlotWord> settle_slot(Slot& slot, std::uint32_t generation, SlotState state);

/// Wakes who waits for a task that has settled, and leaves the owner's monitor a note if it wants to hear of it.
/// `before`: its word before it settled.
void tell_settled(const Segment& segment, std::uint32_t index, SlotWord before, int owner_bell);

/// Has the owner's monitor look at a slot. `owner_bell`: -1: it will without being rung.
void note_for_owner(const Segment& segment, std::uint32_t index, int owner_bell);

/// Rings the owner's bell, if there is one.
void ring_owner(int owner_bell);

/// Wakes the waiters of all settled tasks, and has the monitor look at all that it wanted to hear of or has to
/// queue anew: a supervisor may have died between settling one and telling.
void tell_all_again(const Segment& segment);

/// Settles every task that waits as `state`. Gives: how many. Threads: safe beside pushes and claims.
std::size_t end_waiting(const Segment& segment, SlotState state, int owner_bell);
/// The same for a supervisor that does so again and again: costs little when nothing waits in a ring.
void fail_queued(const Segment& segment, SlotState state, int owner_bell);

}  // namespace twinpool::processes
