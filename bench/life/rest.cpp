// SPDX-License-Identifier: Apache-2.0
// A pool that has nothing to do.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "bench/backend.h"
#include "bench/kernel_file.h"
#include "bench/life/trials.h"
#include "bench/meters/cpu.h"
#include "bench/meters/memory.h"
#include "bench/meters/process_tree.h"
#include "bench/peers/python_pool.h"

namespace twinpool::bench::life {
namespace {

using std::chrono::milliseconds;

constexpr const char* kWakeUps = "wake-ups a second";
constexpr const char* kUss = "USS of a worker";
constexpr const char* kDirty = "of it written";
constexpr const char* kPss = "PSS of a worker";
constexpr const char* kRest = "USS of launcher and supervisor";
constexpr milliseconds kSettle{1000};
constexpr milliseconds kWatch{3000};

int nap(int number) {
  std::this_thread::sleep_for(milliseconds(2));
  return number;
}

/// Private_Dirty of /proc/PID/smaps_rollup: USS without the pages of program and libraries that only this process has
/// touched, which the kernel can drop at any time. A pool's only worker is alone in running a worker's code, and has
/// alone the old copies of what its supervisor wrote since: both are shared as soon as there are two.
std::optional<double> read_private_dirty(pid_t pid) {
  const auto text = read_kernel_file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  constexpr std::string_view kField = "Private_Dirty:";
  const std::size_t at = text ? text->find(kField) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  return std::stod(text->substr(at + kField.size())) * 1024;
}

/// What `workers` and all that belongs to them, without `root` itself, take, and how often the whole tree wakes up.
Samples watch(pid_t root, const std::vector<pid_t>& workers) {
  std::this_thread::sleep_for(kSettle);
  const CpuUse before = read_tree_cpu(root);
  std::this_thread::sleep_for(kWatch);
  const CpuUse use = read_tree_cpu(root) - before;
  Samples samples;
  samples[kWakeUps].push_back(static_cast<double>(use.voluntary_switches) /
                              std::chrono::duration<double>(kWatch).count());
  MemoryUse others;
  for (const pid_t pid : list_process_tree(root)) {
    const auto memory = read_memory(pid);
    if (pid == root || !memory) continue;
    if (std::find(workers.begin(), workers.end(), pid) == workers.end()) {
      others += *memory;
    } else {
      samples[kUss].push_back(static_cast<double>(memory->uss_bytes));
      samples[kPss].push_back(static_cast<double>(memory->pss_bytes));
      if (const auto dirty = read_private_dirty(pid)) samples[kDirty].push_back(*dirty);
    }
  }
  if (others.processes > 0) samples[kRest].push_back(static_cast<double>(others.uss_bytes));
  return samples;
}

Samples watch_pool(const nlohmann::json& spec) {
  Samples samples;
  static_cast<void>(run_trial("rest", spec, [&](Trial& trial) {
    std::vector<pid_t> workers;
    for (int i = 0; i < spec.at("workers").get<int>(); ++i)
      workers.push_back(static_cast<pid_t>(trial.page().marks[i].load()));
    samples = watch(trial.pid(), workers);
  }));
  return samples;
}

Samples watch_python(const std::string& python, const std::string& which) {
  peers::PythonPool pool(python, which, 2);
  static_cast<void>(pool.born());  // it has given its first result
  auto workers = list_process_tree(pool.pid());
  std::erase(workers, pool.pid());
  return watch(pool.pid(), workers);
}

}  // namespace

nlohmann::json rest_trial(TrialContext& context) {
  const nlohmann::json& spec = context.spec();
  const int workers = spec.at("workers").get<int>();
  const auto pool = make_pool(parse_backend(spec.at("backend").get<std::string>()).value(), options_of(workers));
  // Each worker is to have run something: what the first task brings into memory belongs to an idle worker.
  for (PoolStats stats = pool->stats();
       std::any_of(stats.workers.begin(), stats.workers.end(), [](const WorkerStats& one) { return one.tasks == 0; });
       stats = pool->stats()) {
    std::vector<Future<int>> naps;
    for (int i = 0; i < workers; ++i) naps.push_back(pool->submit<nap>(i));
    for (auto& one : naps) static_cast<void>(one.get());
  }
  const PoolStats stats = pool->stats();
  for (std::size_t i = 0; i < stats.workers.size(); ++i)
    context.page().marks[i].store(static_cast<std::uint64_t>(stats.workers[i].id));
  context.pause("at rest");
  return nlohmann::json::object();
}

std::vector<Case> rest_cases(const std::string& python) {
  constexpr double kKiB = 1024;
  constexpr int kRounds = 3;  // each takes seconds
  std::vector<Case> cases;
  const Figure wake_ups{.name = kWakeUps, .unit = Unit::kCount, .goal = 0};
  const auto add = [&](Backend backend, int workers, const std::vector<Figure>& figures) {
    const nlohmann::json spec{{"backend", name_of(backend)}, {"workers", workers}};
    cases.push_back({.chapter = "At rest",
                     .situation = "a pool of " + std::to_string(workers),
                     .contestant = "twinpool " + std::string(name_of(backend)),
                     .figures = figures,
                     .most_rounds = kRounds,
                     .run = [spec] { return watch_pool(spec); }});
  };
  add(Backend::kThreads, 2, {wake_ups});
  for (const int workers : {1, 2, 8}) {
    add(Backend::kProcesses, workers,
        {wake_ups,
         {.name = kUss, .unit = Unit::kBytes, .goal = 150 * kKiB},
         {.name = kDirty, .unit = Unit::kBytes},
         {.name = kPss, .unit = Unit::kBytes},
         {.name = kRest, .unit = Unit::kBytes}});
  }
  if (python.empty()) return cases;
  for (const char* const which : {"pool", "executor"}) {
    cases.push_back({.chapter = "At rest",
                     .situation = "a pool of 2",
                     .contestant = std::string(which) == "pool" ? "Python multiprocessing.Pool"
                                                                : "Python ProcessPoolExecutor",
                     .figures = {{.name = kWakeUps, .unit = Unit::kCount},
                                 {.name = kUss, .unit = Unit::kBytes},
                                 {.name = kDirty, .unit = Unit::kBytes},
                                 {.name = kPss, .unit = Unit::kBytes}},
                     .most_rounds = kRounds,
                     .run = [python, which] { return watch_python(python, which); }});
  }
  return cases;
}

}  // namespace twinpool::bench::life
