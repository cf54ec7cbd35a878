// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "shared/cgroup.h"

namespace twinpool {

/// Which fact decided the number of usable CPUs. Ties go to the one named first: it is the plainer
/// explanation.
enum class CpuLimit { kOnline, kAffinity, kQuota };

/// How many CPUs this process may use, and why.
struct CpuLimits {
  int online = 1;    ///< CPUs that the kernel has switched on.
  int affinity = 1;  ///< CPUs that this thread's affinity mask allows (taskset, cpuset cgroups).
  std::optional<double>
      quota;       ///< CPUs' worth of time that the cgroups allow (docker --cpus=1.5); nothing: no quota.
  int usable = 1;  ///< min(affinity, ceil(quota)), at least 1.
  CpuLimit limit = CpuLimit::kOnline;
};

/// Gives: a sentence part such as "CPU affinity" for reports.
const char* describe(CpuLimit limit);

/// Reads the cgroup CPU quota in CPUs: the smallest quota / period over all ancestors, in version 1
/// (cpu.cfs_quota_us, cpu.cfs_period_us) and version 2 (cpu.max).
///
/// Gives:  nothing when no level has a quota.
/// Source: kernel Documentation/scheduler/sched-bwc.rst and admin-guide/cgroup-v2.rst.
std::optional<double> read_cpu_quota(const KernelFiles& files = {});

/// Gives: the limits put together. Pure; a quota is rounded up, since 1.5 CPUs keep two workers busy most of
/// the time.
CpuLimits combine_cpu_limits(int online, int affinity, std::optional<double> quota);

/// Gives: the limits of the calling thread on this machine, read afresh on each call.
/// Threads: safe from any thread.
CpuLimits read_cpu_limits(const KernelFiles& files = {});

/// Gives: the default number of workers CPUs by affinity and cgroup quota, never 0.
int usable_cpus();

}  // namespace twinpool
