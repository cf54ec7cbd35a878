// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <cerrno>
#include <system_error>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/shared_map.h"

namespace twinpool::bench {
namespace {

constexpr int kSections = 200;
constexpr Parameter kParameters[] = {{"steps", "work under the lock, about 2 ns each", 100, 0, 1'000'000}};

std::uint64_t steps = 100;
// The same kind of lock in both twins: robust and shared between processes, so only the workers differ.
pthread_mutex_t* mutex = nullptr;

void set_up(const Settings& settings) {
  steps = settings["steps"];
  if (mutex != nullptr) return;
  auto* const made = static_cast<pthread_mutex_t*>(map_shared(sizeof(pthread_mutex_t)));
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int error = pthread_mutex_init(made, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_mutex_init");
  mutex = made;
}

std::uint64_t work(std::uint64_t number) {
  std::uint64_t x = number;
  for (int i = 0; i < kSections; ++i) {
    const int locked = pthread_mutex_lock(mutex);
    if (locked == EOWNERDEAD)
      pthread_mutex_consistent(mutex);  // it guards nothing that could be broken
    else if (locked != 0)
      throw std::system_error(locked, std::generic_category(), "pthread_mutex_lock");
    for (std::uint64_t step = 0; step < steps; ++step) x = mix(x);
    pthread_mutex_unlock(mutex);
  }
  return x;
}

}  // namespace

// Which twin waits more cheaply depends on the length of the section and on the kernel: the margin is wide.
constinit const Workload kMutexContended{.name = "mutex-contended",
                                         .family = "sharing",
                                         .sentence = "works 200 times under one lock that all workers want",
                                         .exercises = "waiting for a robust lock in shared memory",
                                         .why = "the same lock makes the same queue of threads and processes",
                                         .parameters = kParameters,
                                         .expected = Expected::kNoDifference,
                                         .margin = 0.3,
                                         .set_up = &set_up,
                                         .task = &work};

}  // namespace twinpool::bench
