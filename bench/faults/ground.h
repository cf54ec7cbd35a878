// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "bench/trial.h"
#include "shared/pool.h"

/// Where a fault strikes, and where ordinary tasks look whether it reached them.
namespace twinpool::bench {

inline constexpr std::uint64_t kCanary = 0x5ca1ab1e0ddba115;

/// What all tasks of a drill and its owner share in both twins: it lies in a SharedBuffer. Locks are shared
/// between processes in both twins, so that both use the same one.
struct Ground {
  pthread_mutex_t locks[2];     ///< die with their holder
  pthread_mutex_t robust_lock;  ///< tells the next one
  std::uint64_t held[2];        ///< by std::atomic_ref: locks[i] is held by a faulty task
  std::uint64_t canaries[64];   ///< all kCanary until somebody writes where he should not
  dev_t folder_device;          ///< the working directory when the drill began
  ino_t folder;
};

/// Takes: zeroed memory. Errors: std::system_error.
void lay_out(Ground& ground);

/// What a strike, and the looking for it, is told.
struct Scene {
  TrialPage& page;
  Ground& ground;
  std::uint64_t first = 0;  ///< an ordinary task's work; see load.h
  std::uint64_t span = 0;
  int number = 0;  ///< of the faulty task, from 0
};

/// What TrialPage::marks mean in a drill.
enum FaultMark : std::size_t {
  kHungTasks,      ///< unsettled when the pool had stopped settling anything
  kStruckWorker,   ///< process or thread id of the worker that began the (last) faulty task
  kGapBeforeNs,    ///< longest time without a completion, up to the fault
  kGapAfterNs,     ///< the same from the last completion before the fault on
  kOwner,          ///< process id of the pool's owner
  kSetUpCrashes,   ///< how many more workers are to crash in their set-up
  kSpoiltSame,     ///< ordinary tasks on the struck worker that felt the fault
  kSpoiltOthers,   ///< ordinary tasks on other workers that felt it
  kFaultySettled,  ///< faulty tasks that gave their right value
  kFaultyHung,     ///< faulty tasks among kHungTasks
  kStuckWorkers,   ///< workers that the pool itself calls stuck, at the end of the load
};

/// The number of the worker that calls it, from 0. A worker's replacement has its number.
[[nodiscard]] int own_worker_number();
/// PoolOptions::set_up of a drill's pool.
void set_up_worker(const WorkerInfo& info);

/// Dies of a write through a null pointer.
void write_through_null();

using SharedGround = SharedBuffer<Ground>;
/// Counts primes and nothing else.
std::uint64_t ordinary_task(std::uint64_t first, std::uint64_t span);
/// The same, then feels for the fault at position `fault`.
std::uint64_t feeling_task(int fault, std::uint64_t first, std::uint64_t span, SharedGround ground);
/// Does half of an ordinary task's work, then strikes. Gives: the count of that half.
std::uint64_t faulty_task(int fault, int number, std::uint64_t first, std::uint64_t span,
                          SharedGround ground);

}  // namespace twinpool::bench
