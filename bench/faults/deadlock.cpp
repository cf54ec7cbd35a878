// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr std::chrono::seconds kPatience{20};

/// The other faulty task has its lock; else the two would not meet.
void wait_for_other(const Scene& scene) {
  const auto deadline = Clock::now() + kPatience;
  while (std::atomic_ref(scene.ground.held[1 - scene.number]).load() == 0) {
    if (Clock::now() > deadline) throw std::runtime_error("the other task of the deadlock never began");
    std::this_thread::yield();
  }
}

void strike(const Scene& scene) {
  pthread_mutex_lock(&scene.ground.locks[scene.number]);
  std::atomic_ref(scene.ground.held[scene.number]).store(1);
  wait_for_other(scene);
  pthread_mutex_lock(&scene.ground.locks[1 - scene.number]);
}

}  // namespace

/// Two tasks take two mutexes in opposite order. The mutexes lie in a SharedBuffer, so they are the same two
/// in both twins: the honest draw. With no more workers than these two, nobody is left to do anything else.
constinit const Fault kDeadlock{
    .name = "deadlock",
    .sentence = "two tasks take two shared locks in opposite order",
    .ending = Ending::kNever,
    .strike = strike,
    .threads = {Answer::kWorkerStuck, Answer::kSpread,
                "both wait for ever; with two workers, that is all of them"},
    .processes = {Answer::kWorkerStuck, Answer::kSpread, "the locks are shared, so isolation does not help"},
    .tasks = 2,
    .hangs = true,
    .standard = true};

}  // namespace twinpool::bench
