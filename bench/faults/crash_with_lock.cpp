// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& scene) {
  pthread_mutex_lock(&scene.ground.locks[0]);
  write_through_null();
}

bool feel(const Scene& scene) {
  pthread_mutex_lock(&scene.ground.locks[0]);
  pthread_mutex_unlock(&scene.ground.locks[0]);
  return false;
}

}  // namespace

/// Every task takes one mutex of the user's for a moment; one dies with it. The mutex lies in a SharedBuffer
/// and is not robust: in the process twin it stays locked for ever, whoever holds the worker's place now.
/// What the process twin contains of a crash, a lock gives away.
constinit const Fault kCrashWithLock{
    .name = "crash-with-lock",
    .sentence = "crashes while it holds a lock that all tasks need",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the crash ends the process, and the lock with it"),
    .processes =
        expect(Answer::kSpread, "the worker is replaced, but everybody waits for a lock of the dead"),
    .feel = feel,
    .hangs = true,
    .standard = true};

}  // namespace twinpool::bench
