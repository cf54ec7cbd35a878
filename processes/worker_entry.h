// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "processes/supervisor.h"
#include "shared/affinity.h"

namespace twinpool::processes {

/// What one worker is told at its birth.
struct WorkerBirth {
  int place = 0;  ///< Segment::place_count() or more: it is a hot spare, and is given a place later
  pid_t supervisor = 0;
  std::uint64_t max_tasks = 0;  ///< tells the supervisor when it has finished so many tasks; 0: never
  std::span<const CpuPlace> cpus;      ///< those that it may run on
};

/// A worker's whole life: sheds what it has inherited, takes the name, CPU, priority, limits and directory that
/// the options ask for, is set up, serves, is torn down.
///
/// A step that fails is told in its record (`set_up_failure`), and ends it.
/// Requires: a fresh fork of the supervisor. Never returns.
[[noreturn]] void become_worker(const Segment& segment, const SupervisorContext& context,
                                const WorkerBirth& birth);

}  // namespace twinpool::processes
