// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>

namespace twinpool::bench {

/// What a process, or several, cost the CPUs and the scheduler.
struct CpuUse {
  double user_s = 0;
  double system_s = 0;
  std::uint64_t voluntary_switches = 0;    ///< it waited
  std::uint64_t involuntary_switches = 0;  ///< it was interrupted: more runnable tasks than CPUs
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;

  double total_s() const { return user_s + system_s; }
  CpuUse& operator+=(const CpuUse& other);
  /// The difference of two readings, never below 0: a tree that lost a process can only look cheaper than it
  /// was.
  friend CpuUse operator-(const CpuUse& later, const CpuUse& earlier);
};

/// Gives: the figures of wait4(2) or getrusage(2), exact to the microsecond: what to use wherever a process
/// is reaped.
CpuUse from_rusage(const rusage& usage);

/// Reads a living process and its descendants.
///
/// CPU seconds (in ticks of usually 10 ms) and faults include threads that have ended and children that were
/// waited for. Context switches are summed over the living threads only; the kernel keeps no such sum for a
/// process.
///
/// Gives:  zeros when the root is gone.
/// Source: proc(5): /proc/[pid]/stat, /proc/[pid]/task/[tid]/status.
CpuUse read_tree_cpu(pid_t root, const std::filesystem::path& proc = "/proc");

}  // namespace twinpool::bench
