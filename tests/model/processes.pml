// SPDX-License-Identifier: Apache-2.0
// Who takes part: workers, supervisor, the owner's submitting and waiting thread, its monitor, a user that cancels.

byte where[TASKS];                 /* the Futures, by task: refs */

/* worker.cpp --------------------------------------------------------------------------------------------------- */

inline sleep_at_door() {
  idle = idle | BIT(me);            /* reads the door as well: what changes it from now on is seen */
#if !NO_LAST_LOOK
  look_at_ring();
#endif
  /* The test of the searching bit and that of the door in FUTEX_WAIT as one step: who sets the bit knocks later. */
  atomic { asleep[me] = !some && !(searching & BIT(me)) && !door_changed[me]; some = false };
end_asleep:
  atomic { !asleep[me] -> idle = idle & ~BIT(me); door_changed[me] = false; search = true }
}

inline find_idly() {
  /* Two loads of one word; that the first may be older makes no difference: only this worker's bit matters in it. */
  search = (searching & BIT(me)) || searching == 0;
  do
  :: search ->
     searching = searching | BIT(me);
     claim();
     atomic {
       searching = searching & ~BIT(me);
       search = false;
       if :: mine != SLOTS -> break :: else fi
     }
  :: else -> sleep_at_door()
  od;
#if !NO_HANDING_ON
  look_at_ring();
  if
  :: some -> some = false; wake_one()
  :: else
  fi
#endif
}

/* Gives up when the owner has settled the task meanwhile. */
inline ask_for_memory() {
  state[mine] = kNeedsMemory;       /* a compare-exchange: nobody else moves a task on that is in living hands */
  bell = true;
  do
  :: atomic { state[mine] == kRunning -> break }
  :: atomic { state[mine] != kRunning -> holder_sleeps[mine] = true }; /* FUTEX_WAIT on the word as it was */
     !holder_sleeps[mine]
  od
}

inline publish() {
  assert(state[mine] == kRunning && holder[mine] == me);
  had_waiter = waiter[mine];
  in_work[task[mine]] = false;
#if PUBLISH_WITHOUT_COMPARING
  settle(mine, kDone)
#else
  if
  :: ending[mine] -> settle(mine, kCancelled)
  :: else -> settle(mine, kDone)
  fi
#endif
}

inline run_claimed() {
#if TOGETHER
  if
  :: task[mine] >= TASKS - 2 ->
     (runs[TASKS - 1] > 0 || settled[TASKS - 1]) && (runs[TASKS - 2] > 0 || settled[TASKS - 2])
  :: else
  fi;
#endif
#if LARGE
  if
  :: task[mine] < LARGE -> ask_for_memory()
  :: else
  fi;
#endif
  atomic { publish() };
  tell_settled(mine);
#if SLOTS == TASKS
  /* The code keeps it until the next claim: its death would then wake waiters of this task once more, for nothing. */
  atomic { mine = SLOTS; intent[me] = 0 }
#else
  mine = SLOTS;
  announce_room()
#endif
}

proctype worker(byte me) {
  byte h, ref, bits, v, mine = SLOTS;
  bool some, misled, rings, search, had_waiter;
born:
  {
    do
    :: claim();
       if
       :: mine == SLOTS -> find_idly()
       :: else
       fi;
       run_claimed()
    od
  } unless {
    atomic {
      kill[me] ? 1 ->
      asleep[me] = false; door_changed[me] = false;
      if
      :: mine != SLOTS && IN_HANDS(mine) && holder[mine] == me ->
         in_work[task[mine]] = false; holder_sleeps[mine] = false
      :: else
      fi;
      h = 0; ref = 0; bits = 0; v = 0; mine = SLOTS; some = false; misled = false; rings = false; search = false; had_waiter = false;
      dead[me] = true
    }
  }
end_dead:
  atomic { !dead[me] -> goto born }
}

/* supervisor.cpp ----------------------------------------------------------------------------------------------- */

proctype supervisor() {
  byte h, ref, bits, v, w, mine = SLOTS;
  bool some, misled;
end:
  do
  :: atomic { dead[0] || dead[1] -> w = (dead[0] -> 0 : 1) }
     recover_worker(w);
     atomic { dead[w] = false; w = 0 } /* forks another */
  od
}

/* monitor.cpp -------------------------------------------------------------------------------------------------- */

inline push_again(s) {
  atomic {
    !push_lock ->
    attempt[s]++;
    if
    :: state[s] == kRequeue || REQUEUE_WITHOUT_COMPARING -> state[s] = kQueued; push_lock = true; had = true
    :: else
    fi
  };
  if
  :: had -> atomic { had = false; append(REF(generation[s], s)) }; announce_work()
  :: else
  fi
}

inline look_at_notes() {
  do
  :: atomic { looked == 0 -> break }
  :: atomic {
       looked != 0 ->
       s = ((looked & 1) -> 0 : ((looked & 2) -> 1 : 2));
       looked = looked & ~BIT(s);
       if
       :: TERMINAL(s) -> told[task[s]] = true
       :: else
       fi
     };
     if
     :: state[s] == kRequeue -> push_again(s)
     :: else
     fi;
     s = 0
  od
}

inline attach_result_memory() {
  atomic { if :: intent[w] != 0 -> s = SLOT_OF(intent[w]) :: else -> s = SLOTS fi };
  if
  :: s != SLOTS ->
     atomic { if :: state[s] == kNeedsMemory -> state[s] = kRunning :: else fi };
     atomic { WAKE_WAITERS(s); s = 0 }
  :: else -> s = 0
  fi
}

proctype monitor() {
  byte h, ref, bits, v, looked, s, w;
  bool some, misled, had;
end:
  do
  :: atomic {
       bell -> bell = false;
#if NOTICE
     };
     notify_pending = false;        /* before it looks */
     atomic {
#endif
       notify_pending = false; looked = done_bits; done_bits = 0
     };
     look_at_notes();
#if LARGE
     w = 0;
     attach_result_memory();
     w = 1;
     attach_result_memory();
     w = 0
#endif
  od
}

/* owner.cpp, task_books.cpp: one thread that submits all and then waits for each ------------------------------------ */

/* A free slot, or one whose task has settled, whose outcome moves elsewhere (harvest). Gives: `s`. */
inline find_slot() {
  s = 0;
  do
  :: s == SLOTS -> break
  :: s < SLOTS && (state[s] == kFree || TERMINAL(s)) -> break
  :: else -> s++
  od
}

inline wait_for_slot() {
  find_slot();
  if
  :: s == SLOTS ->
     room_wanted = true;
     do
     :: room_changed = false;       /* reads the counter */
        find_slot();
        if
        :: s != SLOTS -> break
        :: else
        fi;
        submitter_sleeps = !room_changed;
        !submitter_sleeps           /* the code looks again after a while in any case */
     od;
     room_wanted = false
  :: else
  fi
}

/* Nobody but a canceller can see the task before its entry. */
inline queue(t) {
  generation[s]++; state[s] = kQueued; attempt[s] = 1;
  task[s] = t; where[t] = REF(generation[s], s);
  append(REF(generation[s], s))
}

inline submit(t) {
#if SLOTS < TASKS
  wait_for_slot();
#endif
  atomic {
    !push_lock ->
#if SLOTS == TASKS
    s = t;
#endif
    queue(t);
    s = 0
  };
  announce_work()
}

#define ENDED(r) (generation[SLOT_OF(r)] != GENERATION_OF(r) || TERMINAL(SLOT_OF(r)))

inline wait(r) {
  do
  :: atomic { ENDED(r) -> break }
  :: atomic { !ENDED(r) -> waiter[SLOT_OF(r)] = true };
     /* FUTEX_WAIT on the word as it was: any change of its low half keeps it awake. Here it sleeps whatever the word
        is, unless settled: to be awake too often is no danger. */
     waiter_sleeps[SLOT_OF(r)] = !ENDED(r);
     !waiter_sleeps[SLOT_OF(r)]
  od
}

proctype owner(byte from, to) {
  byte h, ref, bits, v, s, t = from;
  bool some, misled;
#if !QUEUED_BEFORE
  do
  :: atomic { t == to -> t = from; break }
  :: t < to -> submit(t); t++
  od;
#endif
#if NOTICE
  told[0] && told[TASKS - 1] /* no more than two tasks */
#else
  do
  :: atomic { t == to -> t = 0; break }
#if CANCELS || SUBMITTERS > 1
  :: atomic { t < to && ENDED(where[t]) -> t++ } /* how it sleeps is left to the other instances */
#else
  :: t < to -> wait(where[t]); t++
#endif
  od
#endif
}

/* Future::cancel(): of a task that waits: settles it, its entry in the ring goes stale; of one that runs: marks it. */
proctype canceller() {
  byte s, t;
  bool rings, had_waiter, had;
  do
  :: t == CANCELS -> break
  :: t < CANCELS -> t++             /* this one is not cancelled */
  :: atomic {
       t < CANCELS && where[t] != 0 ->
       s = SLOT_OF(where[t]);
       if
       :: ENDED(where[t])
       :: !ENDED(where[t]) && IN_HANDS(s) -> ending[s] = true
       :: !ENDED(where[t]) && !IN_HANDS(s) -> had_waiter = waiter[s]; had = true; settle(s, kCancelled)
       fi
     };
     if
     :: had -> had = false; tell_settled(s); announce_room()
     :: else
     fi;
     atomic { s = 0; t++ }
  od
}

/* Kills workers in whatever state they are; or, at any time, no more: then only what the living do can help. */
proctype killer() {
  if :: kill[0] ! 1 :: kill[1] ! 1 :: goto enough fi;
#if DEATHS > 1
  if :: kill[0] ! 1 :: kill[1] ! 1 :: goto enough fi;
#endif
enough:
  skip
}

init {
  atomic {
#if QUEUED_BEFORE
    byte s;
    do
    :: s < TASKS -> queue(s); s++
    :: else -> s = 0; break
    od;
#endif
    run worker(0); run worker(1);
#if SUBMITTERS > 1
    run owner(0, 1); run owner(1, TASKS);
#else
    run owner(0, TASKS);
#endif
#if MONITOR
    run monitor();
#endif
#if DEATHS
    run supervisor(); run killer();
#endif
#if CANCELS
    run canceller();
#endif
  }
}
