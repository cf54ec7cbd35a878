// SPDX-License-Identifier: Apache-2.0
#include "bench/meters/cpu.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

#include "bench/meters/process_tree.h"

namespace twinpool::bench {
namespace {

void add_switches(const std::filesystem::path& task, CpuUse& use) {
  std::ifstream in(task / "status");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    if (key == "voluntary_ctxt_switches") use.voluntary_switches += std::stoull(line.substr(colon + 1));
    if (key == "nonvoluntary_ctxt_switches") use.involuntary_switches += std::stoull(line.substr(colon + 1));
  }
}

CpuUse read_one(const ProcessStat& stat, const std::filesystem::path& proc) {
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  CpuUse use;
  use.user_s = static_cast<double>(stat.user_ticks + stat.reaped_user_ticks) / ticks_per_s;
  use.system_s = static_cast<double>(stat.system_ticks + stat.reaped_system_ticks) / ticks_per_s;
  use.minor_faults = stat.minor_faults + stat.reaped_minor_faults;
  use.major_faults = stat.major_faults + stat.reaped_major_faults;
  std::error_code error;
  const std::filesystem::path tasks = proc / std::to_string(stat.pid) / "task";
  for (std::filesystem::directory_iterator at(tasks, error), end; !error && at != end; at.increment(error)) {
    add_switches(at->path(), use);
  }
  return use;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

template <typename T>
T subtract(T later, T earlier) {
  return later > earlier ? later - earlier : T{0};
}

}  // namespace

CpuUse& CpuUse::operator+=(const CpuUse& other) {
  user_s += other.user_s;
  system_s += other.system_s;
  voluntary_switches += other.voluntary_switches;
  involuntary_switches += other.involuntary_switches;
  minor_faults += other.minor_faults;
  major_faults += other.major_faults;
  return *this;
}

CpuUse operator-(const CpuUse& later, const CpuUse& earlier) {
  return {subtract(later.user_s, earlier.user_s),
          subtract(later.system_s, earlier.system_s),
          subtract(later.voluntary_switches, earlier.voluntary_switches),
          subtract(later.involuntary_switches, earlier.involuntary_switches),
          subtract(later.minor_faults, earlier.minor_faults),
          subtract(later.major_faults, earlier.major_faults)};
}

CpuUse from_rusage(const rusage& usage) {
  const auto count = [](long value) { return static_cast<std::uint64_t>(std::max(value, 0L)); };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime), count(usage.ru_nvcsw),
          count(usage.ru_nivcsw),  count(usage.ru_minflt),  count(usage.ru_majflt)};
}

CpuUse read_tree_cpu(pid_t root, const std::filesystem::path& proc) {
  CpuUse sum;
  for (const ProcessStat& stat : read_process_tree(root, proc)) sum += read_one(stat, proc);
  return sum;
}

}  // namespace twinpool::bench
