// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "bench/meters/cpu.h"

namespace twinpool::bench {

/// What this process and everything below it used since the meter was made.
///
/// A stretch is short: 150 ms are 15 ticks of /proc/PID/stat, too few to compare twins by. So the sum comes
/// from the CPU clocks of the processes, which count nanoseconds, and the ticks only say how it divides into
/// user and system time.
class StretchMeter {
 public:
  StretchMeter();
  /// Processes that ended since are missing in it: a stretch in which workers die is no measurement.
  [[nodiscard]] CpuUse read() const;

 private:
  CpuUse before_;
  std::vector<pid_t> pids_;
  double cpu_s_;
};

}  // namespace twinpool::bench
