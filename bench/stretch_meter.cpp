// SPDX-License-Identifier: Apache-2.0
#include "bench/stretch_meter.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "bench/meters/process_tree.h"

namespace twinpool::bench {
namespace {

double read_clocks(const std::vector<pid_t>& pids) {
  double seconds = 0;
  for (const pid_t pid : pids) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
      continue;  // it has just ended
    seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  return seconds;
}

}  // namespace

// Looking for the processes costs CPU of its own, so the clocks are read last here and first in read().
StretchMeter::StretchMeter()
    : before_(read_tree_cpu(getpid())), pids_(list_process_tree(getpid())), cpu_s_(read_clocks(pids_)) {}

CpuUse StretchMeter::read() const {
  const double seconds = std::max(0.0, read_clocks(pids_) - cpu_s_);
  CpuUse used = read_tree_cpu(getpid()) - before_;
  const double user_share = used.total_s() > 0 ? used.user_s / used.total_s() : 1;
  used.user_s = seconds * user_share;
  used.system_s = seconds - used.user_s;
  return used;
}

}  // namespace twinpool::bench
