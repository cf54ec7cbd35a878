// SPDX-License-Identifier: Apache-2.0
#include "bench/noise.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "bench/kernel_file.h"

namespace twinpool::bench {
namespace {

/// The number behind "key=" in a line of key=value words.
std::optional<double> find_value(const std::string& line, const std::string& key) {
  const std::size_t at = line.find(" " + key + "=");
  if (at == std::string::npos) return std::nullopt;
  std::istringstream in(line.substr(at + key.size() + 2));
  in.imbue(std::locale::classic());
  double value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<CpuTimes> parse_cpu_times(std::string_view proc_stat, long ticks_per_s) {
  std::istringstream in{std::string(proc_stat)};
  std::string label;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  if (ticks_per_s <= 0 || !(in >> label >> user >> nice >> system >> idle) || label != "cpu")
    return std::nullopt;
  in >> iowait >> irq >> softirq >> steal;  // later kernels' columns: what is missing stays 0
  const auto ticks = static_cast<double>(ticks_per_s);
  return CpuTimes{(user + nice + system + irq + softirq) / ticks, steal / ticks, (idle + iowait) / ticks};
}

std::optional<CpuTimes> read_cpu_times(const std::filesystem::path& proc) {
  const auto text = read_kernel_file(proc / "stat");
  return text ? parse_cpu_times(*text, sysconf(_SC_CLK_TCK)) : std::nullopt;
}

double foreign_cpus(const CpuTimes& before, const CpuTimes& after, double own_cpu_s, double wall_s) {
  if (!(wall_s > 0)) return 0;
  const double taken = after.busy_s - before.busy_s + after.steal_s - before.steal_s;
  return std::max(0.0, (taken - own_cpu_s) / wall_s);
}

std::optional<CpuPressure> parse_pressure(std::string_view text) {
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("some ")) continue;
    const auto avg10 = find_value(line, "avg10");
    const auto avg60 = find_value(line, "avg60");
    const auto total_us = find_value(line, "total");
    if (avg10 && avg60 && total_us) return CpuPressure{*avg10, *avg60, *total_us / 1e6};
  }
  return std::nullopt;
}

std::optional<CpuPressure> read_cpu_pressure(const std::filesystem::path& proc) {
  const auto text = read_kernel_file(proc / "pressure/cpu");
  return text ? parse_pressure(*text) : std::nullopt;
}

double effective_parallelism(double own_cpu_s, double wall_s, int workers, int cpus) {
  const int could_run = std::min(workers, cpus);
  return wall_s > 0 && could_run > 0 ? own_cpu_s / (wall_s * could_run) : 0;
}

bool should_rerun(const RerunRule& rule, double foreign_s, double wall_s, int cpus, int reruns_so_far) {
  return reruns_so_far < rule.most_reruns &&
         foreign_s > std::max(rule.least_foreign_s, rule.most_foreign_share * cpus * wall_s);
}

}  // namespace twinpool::bench
