// SPDX-License-Identifier: Apache-2.0
// The slot protocol of the process twin (processes/PROTOCOL.md), for the model checker Spin. README.md tells what is
// modelled and what is not, check.sh names the instances and mutants.
//
// One statement is one step on one word of the segment, as in the code. What runs together in `atomic` is one atomic
// instruction there (or a loop of compare-exchanges, which takes effect in its last round), or touches nothing that is
// shared, or a comment says why it makes no difference. Variables under "Books of the checker", and what is set to 0
// when it says nothing any more, are no part of the protocol: they keep the number of states small.

#define WORKERS 2
#ifndef TASKS
#define TASKS 3
#endif
#ifndef SLOTS
#define SLOTS TASKS      /* fewer than tasks: slots are used again, submitters wait for room */
#endif
#ifndef RING
#define RING 8
#endif
#ifndef DEATHS
#define DEATHS 0         /* of workers, in any state */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 1       /* last_attempt of each task */
#endif
#ifndef CANCELS
#define CANCELS 0        /* how many of the tasks, from the first on, the user may cancel */
#endif
#ifndef LARGE
#define LARGE 0          /* how many of the tasks, from the first on, have results that need memory */
#endif
#ifndef NOTICE
#define NOTICE 0         /* 1: the owner's monitor wants to hear of the end of each task (kNotifyFlag) */
#endif
#ifndef TOGETHER
#define TOGETHER 0       /* 1: the last two tasks end only when both have begun: two workers have to be at work */
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 1     /* threads of the owner: the first one submits and awaits task 0, the second the others */
#endif
#ifndef QUEUED_BEFORE
#define QUEUED_BEFORE 0  /* 1: all tasks wait before the workers come */
#endif
#define MONITOR (NOTICE || ATTEMPTS > 1 || LARGE)
#ifndef MUTANT
#define MUTANT 0
#endif
#include "mutants.h"

/* SlotState, as far as they differ. Terminal from kDone on. */
#define kFree 0
#define kQueued 1
#define kRunning 2
#define kNeedsMemory 3
#define kRequeue 4
#define kDone 5
#define kLost 6
#define kCancelled 7
#define TERMINAL(s) (state[s] >= kDone)
#define IN_HANDS(s) (state[s] == kRunning || state[s] == kNeedsMemory)

/* A SlotWord: one array a field, always changed in one step. */
byte state[SLOTS], generation[SLOTS], holder[SLOTS];
bool waiter[SLOTS], ending[SLOTS];
byte attempt[SLOTS];               /* written by the owner before kQueued */

#define REF(g, s) ((g) * SLOTS + (s) + 1)
#define SLOT_OF(ref) (((ref) - 1) % SLOTS)
#define GENERATION_OF(ref) (((ref) - 1) / SLOTS)

byte ring[RING], head, tail;
byte idle, searching;              /* WorkerBits */
byte intent[WORKERS];
#define BIT(w) (1 << (w))

/* Futexes. A counter that one process reads, and then sleeps on unless it has changed, is a bit here: whether it has
   changed since. `asleep` is the kernel's. */
bool door_changed[WORKERS], asleep[WORKERS];
bool room_wanted, room_changed, submitter_sleeps;
bool waiter_sleeps[SLOTS], holder_sleeps[SLOTS];
bool bell, notify_pending, push_lock;
byte done_bits;

/* Books of the checker. */
byte task[SLOTS];                  /* whose slot it is */
byte runs[TASKS];                  /* attempts begun */
bool settled[TASKS], in_work[TASKS], told[TASKS];
bool dead[WORKERS];
chan kill[WORKERS] = [0] of { bit };

/* A task gets its one end. In the step that settles it. The rest of the word says nothing from then on. */
inline settle(s, how) {
  assert(!settled[task[s]]);
  assert(how != kDone || !ending[s]);
  settled[task[s]] = true;
  state[s] = how; holder[s] = 0; waiter[s] = false; ending[s] = false
}

/* A worker takes the task of `ref`. In the step that claims it. */
inline begin() {
  mine = SLOT_OF(ref);
  state[mine] = kRunning;
  holder[mine] = me;
  assert(!in_work[task[mine]] && !settled[task[mine]]);
  in_work[task[mine]] = true;
  runs[task[mine]]++;
  assert(runs[task[mine]] <= ATTEMPTS)
}

/* task_queue.h ------------------------------------------------------------------------------------------------- */

#define SAME_USE(ref) (generation[SLOT_OF(ref)] == GENERATION_OF(ref))
#define STILL_WAITS(ref) (state[SLOT_OF(ref)] == kQueued && SAME_USE(ref))

/* Where slots are used once, no entry is ever overwritten, and one that is stale stays so: then what is read of head,
   tail, entry and word may as well be read at once. Where the ring wraps, the head is read some time before. */
#if SLOTS < TASKS
#define READ_HEAD head < tail -> h = head; }; atomic { ref = ring[h % RING]
#else
#define READ_HEAD head < tail -> h = head; ref = ring[h % RING]
#endif

/* Gives: `some`: whether a task waits. Requires: false before. */
inline look_at_ring() {
  do
  :: atomic { head >= tail -> break }
  :: atomic {
       READ_HEAD;
       if
       :: STILL_WAITS(ref) -> ref = 0; h = 0; some = true; break
       :: else ->
          if :: head == h -> head++ :: else fi;
          ref = 0; h = 0
       fi
     }
  od
}

/* Gives: `mine`: the slot that it has claimed; SLOTS, as it was before: none. */
inline claim() {
  do
  :: atomic { head >= tail -> break }
  :: atomic {
       READ_HEAD;
       if
       :: STILL_WAITS(ref) ->
#if !LATE_INTENT
          intent[me] = ref
#endif
       :: else ->
          if :: head == h -> head++ :: else fi;
          ref = 0; h = 0
       fi
     };
     if
     :: ref == 0
     :: ref != 0 ->
        atomic {
          if
          :: STILL_WAITS(ref) -> begin()
          :: else
          fi
        };
#if LATE_INTENT
        if :: mine != SLOTS -> intent[me] = ref :: else fi;
#endif
        atomic {
          if :: head == h -> head++ :: else fi;
          h = 0; ref = 0;
          if :: mine != SLOTS -> break :: else fi
        }
     fi
  od
}

/* Requires: push_lock. Lets go of it. Entry and tail as one step: nobody reads beyond the tail. */
inline append(r) {
  assert(tail - head < RING);
  ring[tail % RING] = r;
  tail++;
  push_lock = false
}

/* door.h ------------------------------------------------------------------------------------------------------- */

/* Door and FUTEX_WAKE as one step: who dies between the two leaves its sleeper as who dies before them, or awake. */
#define KNOCK(w) door_changed[w] = true; asleep[w] = false

inline wake_one() {
  bits = idle & ~searching;
  do
  :: atomic { bits == 0 && !misled -> break }
  :: atomic { bits == 0 && misled -> misled = false };
     /* Who has pushed meanwhile may have counted on the bit that was taken back. */
     look_at_ring();
     atomic {
       if
       :: some -> bits = idle & ~searching; some = false
       :: else
       fi
     }
  :: atomic {
       bits != 0 ->
       v = ((bits & 1) -> 0 : 1);
       bits = bits & ~BIT(v);
       if
       :: searching & BIT(v) -> v = WORKERS
       :: else -> searching = searching | BIT(v)
       fi
     };
     atomic {
       if
       :: v == WORKERS
       :: v != WORKERS && (idle & BIT(v)) -> KNOCK(v); bits = 0; misled = false
       :: v != WORKERS && !(idle & BIT(v)) -> searching = searching & ~BIT(v)
#if !WAKER_NEVER_LOOKS_AGAIN
          ; misled = true
#endif
       fi;
       v = 0
     }
  od
}

inline announce_work() {
  if
  :: searching != 0
  :: else -> wake_one()
  fi
}

inline repair_searchers() {
  do
  :: atomic { v == WORKERS -> v = 0; break }
  :: atomic { v < WORKERS && !(searching & BIT(v)) -> v++ }
  :: v < WORKERS && (searching & BIT(v)) ->
     atomic {
       if
       :: idle & BIT(v) -> KNOCK(v)
       :: else -> searching = searching & ~BIT(v)
       fi;
       v++
     }
  od
}

inline announce_room() {
#if SLOTS < TASKS
  if
  :: room_wanted -> room_changed = true; submitter_sleeps = false
  :: else
  fi
#else
  skip
#endif
}

/* recovery.cpp ------------------------------------------------------------------------------------------------- */

/* FUTEX_WAKE of all that sleep on the slot's word. */
#define WAKE_WAITERS(s) holder_sleeps[s] = false; waiter_sleeps[s] = false

inline note_for_owner(s) {
  done_bits = done_bits | BIT(s);
  atomic { if :: notify_pending :: else -> notify_pending = true; rings = true fi };
  if
  :: rings -> atomic { bell = true; rings = false }
  :: else
  fi
}

/* `had_waiter`: what its word said before it settled. */
inline tell_settled(s) {
  if
  :: had_waiter -> atomic { WAKE_WAITERS(s) }
  :: else
  fi;
#if NOTICE
  note_for_owner(s);
#endif
  had_waiter = false
}

inline recover_worker(w) {
  idle = idle & ~BIT(w);
  searching = searching & ~BIT(w);
  atomic {
    if
    :: intent[w] != 0 ->
       mine = SLOT_OF(intent[w]);
       if
       :: SAME_USE(intent[w]) && IN_HANDS(mine) && holder[mine] == w ->
          if
          :: ending[mine] -> settle(mine, kCancelled)
          :: !ending[mine] && attempt[mine] < ATTEMPTS -> state[mine] = kRequeue
          :: !ending[mine] && attempt[mine] >= ATTEMPTS -> settle(mine, kLost)
          fi
       :: else
       fi
    :: else
    fi
  };
  /* Nobody but the monitor reads what is stored here, and it looks after the bell. */
  atomic {
    if
    :: mine != SLOTS ->
#if !NO_WAKE_AGAIN
       WAKE_WAITERS(mine);
#endif
#if MONITOR
       done_bits = done_bits | BIT(mine);
       notify_pending = true;
#endif
       mine = SLOTS
    :: else
    fi;
    intent[w] = 0;
#if MONITOR && !RECOVERY_RINGS_NOT
    bell = true
#endif
  };
#if !RECOVERY_FORGETS_ROOM
  announce_room();
#endif
#if !NO_REPAIR
  repair_searchers();
#endif
#if !RECOVERY_WAKES_NOBODY
  look_at_ring();
  if
  :: some -> some = false; wake_one()
  :: else
  fi
#endif
}

#include "processes.pml"
