// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/ground.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <system_error>

#include "bench/faults/fault.h"
#include "bench/faults/load.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

thread_local int worker_number = 0;

/// Where nothing is ever mapped, as a member of an object at null; volatile, or the compiler would see
/// through it.
volatile std::uintptr_t nowhere = 64;

void make_lock(pthread_mutex_t& lock, int robustness) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, robustness);
  const int error = pthread_mutex_init(&lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot make a shared mutex");
}

/// In a worker: an ordinary task has been finished.
void note_completion(TrialPage& page) {
  const std::int64_t now = now_ns();
  const std::int64_t gap = now - page.beat_ns.exchange(now);
  auto& longest = page.marks[page.fired == 0 ? kGapBeforeNs : kGapAfterNs];
  std::uint64_t seen = longest;
  while (gap > 0 && static_cast<std::uint64_t>(gap) > seen &&
         !longest.compare_exchange_weak(seen, static_cast<std::uint64_t>(gap))) {
  }
}

}  // namespace

void lay_out(Ground& ground) {
  for (pthread_mutex_t& lock : ground.locks) make_lock(lock, PTHREAD_MUTEX_STALLED);
  make_lock(ground.robust_lock, PTHREAD_MUTEX_ROBUST);
  std::fill(std::begin(ground.canaries), std::end(ground.canaries), kCanary);
  struct stat folder {};
  if (stat(".", &folder) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot look at the working directory");
  ground.folder_device = folder.st_dev;
  ground.folder = folder.st_ino;
}

int own_worker_number() { return worker_number; }

void set_up_worker(const WorkerInfo& info) {
  worker_number = info.index;
  auto& crashes = trial_page()->marks[kSetUpCrashes];
  for (std::uint64_t left = crashes; left > 0;) {
    if (crashes.compare_exchange_weak(left, left - 1)) write_through_null();
  }
}

__attribute__((no_sanitize("undefined", "address"))) void write_through_null() {
  *reinterpret_cast<volatile int*>(nowhere) = 1;
}

std::uint64_t ordinary_task(std::uint64_t first, std::uint64_t span) {
  const std::uint64_t count = count_primes(first, span);
  note_completion(*trial_page());
  return count;
}

std::uint64_t feeling_task(int fault, std::uint64_t first, std::uint64_t span, SharedGround ground) {
  const std::uint64_t count = count_primes(first, span);
  TrialPage& page = *trial_page();
  if (fault_at(fault).feel({page, ground[0], first, span})) {
    const bool struck = page.marks[kStruckWorker] == static_cast<std::uint64_t>(gettid());
    page.marks[struck ? kSpoiltSame : kSpoiltOthers].fetch_add(1);
  }
  note_completion(page);
  return count;
}

std::uint64_t faulty_task(int fault, int number, std::uint64_t first, std::uint64_t span,
                          SharedGround ground) {
  const std::uint64_t count = count_primes(first, span);
  TrialPage& page = *trial_page();
  page.marks[kStruckWorker] = static_cast<std::uint64_t>(gettid());
  std::int64_t never = 0;
  page.fired_ns.compare_exchange_strong(never, now_ns());
  page.fired.fetch_add(1);
  fault_at(fault).strike({page, ground[0], first, span, number});
  return count;
}

}  // namespace twinpool::bench
