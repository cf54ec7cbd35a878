// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "shared/cgroup.h"
#include "shared/options.h"

/// On which CPU each worker runs (PoolOptions::affinity).
namespace twinpool {

/// One CPU that this thread may use, and what it shares with others.
struct CpuPlace {
  int cpu = 0;
  int core = 0;     ///< CPUs of one core and package are siblings (hyperthreads)
  int package = 0;  ///< the socket
  bool operator==(const CpuPlace&) const = default;
};

/// The CPU for one worker. Pure.
///
/// kCompact: the (worker mod n)-th of `usable`. kSpread: the (worker mod n)-th of `usable` after sorting by
/// sibling number, then core number within the package, then package: packages alternate, each core is used
/// once before any is used twice. kList: list[worker mod size].
///
/// Takes: `usable` in number order. Gives: nothing for kNone, or when there is nothing to choose from.
[[nodiscard]] std::optional<int> cpu_for(Affinity affinity, std::span<const int> list, int worker,
                                         std::span<const CpuPlace> usable);

/// The CPUs in the calling thread's affinity mask, in number order, with their topology.
///
/// A fact that /sys does not tell counts as: each CPU its own core, all in one package.
/// Source: sched_getaffinity(2); kernel Documentation/admin-guide/cputopology.rst.
[[nodiscard]] std::vector<CpuPlace> read_usable_places(const KernelFiles& files = {});

/// Binds the calling thread, and threads and processes that it makes from now on, to one CPU.
///
/// Gives:   0, or the errno (EINVAL: there is no such CPU, or the cpuset does not allow it).
/// Threads: any; also in a forked worker (no allocation).
[[nodiscard]] int pin_this_thread(int cpu) noexcept;

/// The two together, for worker `worker` of a pool: what a new worker calls first.
///
/// Takes: `usable`: read once, before any worker was bound, by a thread that is not bound itself: a worker
///        started by a bound one inherits its single CPU and would see no other.
/// Gives: as pin_this_thread; 0 when the options ask for nothing.
[[nodiscard]] int place_this_thread(const PoolOptions& options, int worker, std::span<const CpuPlace> usable);

}  // namespace twinpool
