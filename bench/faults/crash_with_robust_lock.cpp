// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void take(pthread_mutex_t& lock) {
  if (pthread_mutex_lock(&lock) == EOWNERDEAD) pthread_mutex_consistent(&lock);
}

void strike(const Scene& scene) {
  take(scene.ground.robust_lock);
  write_through_null();
}

bool feel(const Scene& scene) {
  take(scene.ground.robust_lock);
  pthread_mutex_unlock(&scene.ground.robust_lock);
  return false;
}

}  // namespace

/// As crash-with-lock, but the mutex is robust: the kernel releases it when its holder dies, and the next one
/// is told (EOWNERDEAD) and may repair what it protects.
///
/// Source: pthread_mutexattr_setrobust(3).
constinit const Fault kCrashWithRobustLock{
    .name = "crash-with-robust-lock",
    .sentence = "the same with a robust mutex",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the crash ends the process, and the lock with it"),
    .processes = expect(Answer::kContained, "the next one to lock it is told that its holder died"),
    .feel = feel};

}  // namespace twinpool::bench
