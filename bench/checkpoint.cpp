// SPDX-License-Identifier: Apache-2.0
#include "bench/checkpoint.h"

#include <sys/mman.h>

#include <new>

#include "bench/workloads/shared_map.h"

namespace twinpool::bench {

// Fresh pages are zero, which is what a record begins as, and cost nothing until they are written.
SharedCheckpoint::SharedCheckpoint(std::uint64_t tasks)
    : bytes_(sizeof(Checkpoint) + alignof(TaskOutcome) + tasks * sizeof(TaskOutcome)),
      head_(new (map_shared(bytes_)) Checkpoint),
      records_(reinterpret_cast<TaskOutcome*>(
          reinterpret_cast<std::uintptr_t>(head_ + 1) +
          (-reinterpret_cast<std::uintptr_t>(head_ + 1) % alignof(TaskOutcome)))) {}

SharedCheckpoint::~SharedCheckpoint() { munmap(head_, bytes_); }

}  // namespace twinpool::bench
