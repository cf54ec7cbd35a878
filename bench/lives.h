// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "bench/checkpoint.h"
#include "bench/meters/cpu.h"

namespace twinpool::bench {

/// What it took to get through a round whose tasks crash.
struct Lives {
  int restarts = 0;
  std::uint64_t repeated = 0;  ///< tasks that were in flight at deaths of the whole program
  CpuUse used;                 ///< of all lives, set-up and warm-up included
};

/// Runs a program in a fork of this process, and again after each death by one of its own crashes, as a
/// supervisor of a service does, until it ends by itself or `give_up_ns` (steady clock) has come.
///
/// Takes:   `live`, which does all of it, from what the checkpoint says on; it may throw.
/// Errors:  std::runtime_error with what it threw, or that it died of something else; std::system_error.
/// Threads: this process has one.
[[nodiscard]] Lives run_lives(SharedCheckpoint& checkpoint, std::int64_t give_up_ns,
                              const std::function<void()>& live);

}  // namespace twinpool::bench
