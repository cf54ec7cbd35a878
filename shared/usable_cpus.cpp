// SPDX-License-Identifier: Apache-2.0
#include "shared/usable_cpus.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <sstream>

namespace twinpool {
namespace {

/// Counts the CPUs in the calling thread's mask. cpu_set_t holds 1024 CPUs; the kernel answers EINVAL when it
/// has more, so the set grows until it fits (sched_getaffinity(2), "Handling systems with large CPU affinity
/// masks").
int count_affinity_cpus(int otherwise) {
  constexpr int kMostCpus = 1 << 20;
  for (int cpus = 1024; cpus <= kMostCpus; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(cpus),
                                                               [](cpu_set_t* p) { CPU_FREE(p); });
    if (!set) return otherwise;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    if (sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
    if (errno != EINVAL) return otherwise;
  }
  return otherwise;
}

std::optional<double> parse_number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  in.imbue(std::locale::classic());
  double value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

/// cpu.max holds "QUOTA PERIOD" in microseconds, QUOTA "max" when there is none.
std::optional<double> read_v2_quota(const std::filesystem::path& directory) {
  const auto line = read_first_line(directory / "cpu.max");
  if (!line) return std::nullopt;
  std::istringstream in(*line);
  in.imbue(std::locale::classic());
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

/// cpu.cfs_quota_us is -1 when there is none.
std::optional<double> read_v1_quota(const std::filesystem::path& directory) {
  const auto quota = parse_number(read_first_line(directory / "cpu.cfs_quota_us"));
  const auto period = parse_number(read_first_line(directory / "cpu.cfs_period_us"));
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

}  // namespace

const char* describe(CpuLimit limit) {
  switch (limit) {
    case CpuLimit::kOnline:
      return "CPUs online";
    case CpuLimit::kAffinity:
      return "CPU affinity";
    case CpuLimit::kQuota:
      return "cgroup CPU quota";
  }
  std::abort();
}

std::optional<double> read_cpu_quota(const KernelFiles& files) {
  std::optional<double> smallest;
  for (const CgroupPath& path : find_cgroup_paths("cpu", files)) {
    for (const std::filesystem::path& directory : path.directories) {
      const auto quota = path.unified ? read_v2_quota(directory) : read_v1_quota(directory);
      if (quota && (!smallest || *quota < *smallest)) smallest = quota;
    }
  }
  return smallest;
}

CpuLimits combine_cpu_limits(int online, int affinity, std::optional<double> quota) {
  CpuLimits limits;
  limits.online = std::max(online, 1);
  limits.affinity = std::max(affinity, 1);
  limits.quota = quota;
  limits.usable = limits.online;
  if (limits.affinity < limits.usable) {
    limits.usable = limits.affinity;
    limits.limit = CpuLimit::kAffinity;
  }
  // Compared before the conversion to int: a quota may exceed what an int holds.
  if (quota && std::ceil(*quota) < limits.usable) {
    limits.usable = std::max(static_cast<int>(std::ceil(*quota)), 1);
    limits.limit = CpuLimit::kQuota;
  }
  return limits;
}

CpuLimits read_cpu_limits(const KernelFiles& files) {
  const int online = static_cast<int>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
  return combine_cpu_limits(online, count_affinity_cpus(online), read_cpu_quota(files));
}

int usable_cpus() { return read_cpu_limits().usable; }

}  // namespace twinpool
