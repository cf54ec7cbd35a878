// SPDX-License-Identifier: Apache-2.0
#include "bench/crash_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kTasks = 200;
constexpr int kRepeats = 3;

std::string count(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string describe_twin(const DrillResults& results, Backend backend) {
  std::vector<double> lost;
  std::vector<double> workers;
  std::vector<double> restored;
  bool survived = true;
  for (const DrillRun& run : results.runs) {
    if (run.backend != backend) continue;
    lost.push_back(static_cast<double>(run.lost));
    workers.push_back(run.workers_lost);
    if (run.restored_s) restored.push_back(*run.restored_s);
    survived = survived && run.program_survived;
  }
  if (lost.empty()) return "";
  const auto tasks = count(static_cast<std::uint64_t>(median(lost)), survived ? "task" : "unfinished task");
  if (!survived) return fmt::format("cost {} the program and {}", name_of(backend), tasks);
  std::string text = fmt::format("cost {} {} and {}", name_of(backend), tasks,
                                 count(static_cast<std::uint64_t>(median(workers)), "worker"));
  if (!restored.empty()) text += fmt::format(", replaced after {}", print_duration(median(restored)));
  return text;
}

}  // namespace

std::optional<DrillResults> drill_crash(const Plan& plan) {
  if (plan.backends.size() != kBackends.size() || plan.cells.empty() || plan.cells.front().twice)
    return std::nullopt;
  DrillOptions options;
  options.faults = {find_fault("segv")};
  options.workers = std::max(plan.cells.front().workers, 1);
  options.tasks = kTasks;
  options.repeats = kRepeats;
  options.seed = plan.seed;
  return run_drills(options, [](const DrillRun&, std::size_t, std::size_t) {});
}

std::string describe_crash(const DrillResults& results) {
  const std::string threads = describe_twin(results, Backend::kThreads);
  const std::string processes = describe_twin(results, Backend::kProcesses);
  if (threads.empty() || processes.empty()) return "";
  return fmt::format("One crash (SIGSEGV in 1 of {} tasks, median of {}) {}; it {}.\n", results.options.tasks,
                     results.options.repeats, processes, threads);
}

}  // namespace twinpool::bench
