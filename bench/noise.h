// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace twinpool::bench {

/// What all CPUs together have done since the machine started.
struct CpuTimes {
  double busy_s = 0;   ///< user, nice, system, irq and softirq; guest time is part of user already
  double steal_s = 0;  ///< time in which another virtual machine had the CPU
  double idle_s = 0;   ///< idle and iowait
};

/// Gives:  the times of the line "cpu" in /proc/stat, or nothing when the text has none.
/// Source: proc(5), /proc/stat. The unit is 1 / sysconf(_SC_CLK_TCK), usually 10 ms: measure over 100 ms or
/// more.
std::optional<CpuTimes> parse_cpu_times(std::string_view proc_stat, long ticks_per_s);
std::optional<CpuTimes> read_cpu_times(const std::filesystem::path& proc = "/proc");

/// Gives: how many CPUs were, on average, taken by anybody but us between two readings: busy and stolen time
/// minus our own,
///        over the wall time. Never negative (ticks round both ways). In a container /proc/stat shows the
///        whole machine, which is wanted here: neighbours take the same CPUs.
double foreign_cpus(const CpuTimes& before, const CpuTimes& after, double own_cpu_s, double wall_s);

/// How long tasks of this machine waited for a CPU.
struct CpuPressure {
  double some_avg10 = 0;  ///< per cent of the last 10 s in which at least one task waited
  double some_avg60 = 0;
  double some_total_s = 0;
};

/// Gives:  nothing when the kernel has no pressure-stall information (it is a build and boot option).
/// Source: kernel Documentation/accounting/psi.rst.
std::optional<CpuPressure> parse_pressure(std::string_view text);
std::optional<CpuPressure> read_cpu_pressure(const std::filesystem::path& proc = "/proc");

/// Gives: the share of the CPU time that was ours for the taking and that we got: own CPU / (wall *
/// min(workers, cpus)).
///        Below `kLeastParallelism` contention looks smaller than it is, and no verdict is given.
double effective_parallelism(double own_cpu_s, double wall_s, int workers, int cpus);
inline constexpr double kLeastParallelism = 0.9;

/// When a pair is measured again. Fixed before the run and blind to the result, so that it cannot favour a
/// side.
struct RerunRule {
  double most_foreign_share = 0.10;  ///< of the usable CPUs
  double least_foreign_s = 0.03;     ///< three ticks of /proc/stat: less may be nothing but its rounding
  int most_reruns = 2;               ///< for one pair; after that the pair counts as it is
};

/// Takes: the CPU seconds that others took during a pair of that length, and how often it was measured again
/// already.
bool should_rerun(const RerunRule& rule, double foreign_s, double wall_s, int cpus, int reruns_so_far);

}  // namespace twinpool::bench
