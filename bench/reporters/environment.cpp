// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bench/machine_card.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

constexpr double kQuietForeign = 0.05;
constexpr double kQuietControl = 0.05;

std::string workers_of(const Plan& plan) {
  std::set<int> counts;
  for (const Cell& cell : plan.cells) counts.insert(cell.workers);
  return fmt::format("{} {}", fmt::join(counts, ","),
                     counts.size() == 1 && *counts.begin() == 1 ? "worker" : "workers");
}

/// What was asked for beyond the defaults; all cells of a plan have it alike.
std::string dispatch_of(const Plan& plan) {
  std::string text;
  if (plan.cells.empty()) return text;
  const Cell& cell = plan.cells.front();
  if (cell.strategy != Strategy::kSharedQueue)
    text += fmt::format("  {}, stealing {}", name_of(cell.strategy), cell.stealing ? "on" : "off");
  if (cell.twice) text += fmt::format("  A/A: {} on both sides", name_of(*cell.twice));
  if (cell.priority) text += fmt::format("  priority {}", *cell.priority);
  return text;
}

}  // namespace

std::string environment_line(const Plan& plan) {
  const MachineCard machine = read_machine_card();
  const CpuLimits& cpus = machine.cpus;
  std::string system = machine.kernel;
  if (machine.hypervisor != "none")
    system += fmt::format(" under {}", machine.hypervisor == "unknown" ? "a hypervisor" : machine.hypervisor);
  return fmt::format("twinpool {}  {}{}  {} of {} CPUs (affinity {}, quota {})  {}  {}  seed {}", kVersion,
                     workers_of(plan), dispatch_of(plan), cpus.usable, cpus.online, cpus.affinity,
                     cpus.quota ? fmt::format("{:.3g}", *cpus.quota) : "none", system, machine.libc,
                     plan.seed);
}

std::string noise_line(const BenchResults& results) {
  std::string line = fmt::format("noise: foreign CPU {:.0f} %", results.foreign_cpu * 100);
  if (results.pressure) line += fmt::format("  PSI {:.1f} %", *results.pressure);
  const auto control = control_ratio(results);
  if (!control || !control->has_interval()) return line + "  control A/A not complete";
  line += fmt::format("  control A/A {:.3f} [{:.3f}, {:.3f}]", control->ratio, control->low, control->high);
  if (results.reruns > 0) line += fmt::format("  {} pairs measured again", results.reruns);
  const double off = std::max(std::abs(std::log(control->low)), std::abs(std::log(control->high)));
  const bool includes_one = control->low <= 1 && control->high >= 1;
  if (!includes_one)
    return line + "  -> the machine changed while it was measured: take the figures with care";
  const bool quiet = results.foreign_cpu < kQuietForeign && off < kQuietControl;
  return line + fmt::format("  -> {}, smallest effect we can see about {:.0f} %", quiet ? "quiet" : "noisy",
                            std::max(1.0, std::ceil((std::exp(off) - 1) * 100)));
}

}  // namespace twinpool::bench
