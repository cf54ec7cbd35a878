// SPDX-License-Identifier: Apache-2.0
#include "bench/growth/series.h"

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>

#include "bench/peers/drive.h"
#include "shared/options.h"
#include "shared/pool.h"

namespace twinpool::bench::growth {
namespace {

constexpr int kFewWorkers = 2;
constexpr std::size_t kRoom = 4096;
constexpr std::size_t kMuchRoom = kMaxQueueCapacity;

std::uint64_t give_back(std::uint64_t number) { return number; }

/// Made when first asked for.
class Pools {
 public:
  Pool& of(Backend backend, int workers, std::size_t room) {
    auto& pool = pools_[{backend, workers, room}];
    if (pool == nullptr) {
      PoolOptions options;
      options.workers = workers;
      options.queue_capacity = room;
      pool = make_pool(backend, options);
    }
    return *pool;
  }

 private:
  std::map<std::tuple<Backend, int, std::size_t>, std::unique_ptr<Pool>> pools_;
};

double drive(Pool& pool, std::size_t tasks, std::size_t window, int submitters) {
  const auto submit = [&pool](std::uint64_t i) { return pool.submit<give_back>(i); };
  tasks -= tasks % static_cast<std::size_t>(submitters);
  return peers::drive_windowed(submit, tasks, window, submitters) * 1e9 / static_cast<double>(tasks);
}

}  // namespace

std::vector<Series> all_series(std::size_t tasks) {
  const auto pools = std::make_shared<Pools>();
  // Processes first: the first of their pools starts the launcher of all.
  for (const Backend backend : {Backend::kProcesses, Backend::kThreads}) {
    for (const int workers : {1, 2, 4, 8, 16, 32, 64}) pools->of(backend, workers, kRoom);
    pools->of(backend, kFewWorkers, kMuchRoom);
  }
  std::vector<Series> all;
  all.push_back({.name = "workers",
                 .conditions = "window 1024, 1 submitter",
                 .values = {1, 2, 4, 8, 16, 32, 64},
                 .run = [pools, tasks](Backend backend, std::size_t value) {
                   return drive(pools->of(backend, static_cast<int>(value), kRoom), tasks, 1024, 1);
                 }});
  all.push_back({.name = "tasks in the queue",
                 .conditions = "2 workers, 1 submitter, room for 1048576",
                 .values = {10, 100, 1000, 10'000, 100'000, 1'000'000},
                 .most_exponent = 0.15,
                 .run = [pools, tasks](Backend backend, std::size_t value) {
                   return drive(pools->of(backend, kFewWorkers, kMuchRoom), std::max(tasks, 2 * value), value, 1);
                 }});
  all.push_back({.name = "submitters",
                 .conditions = "2 workers, window 64 each",
                 .values = {1, 2, 4, 8, 16},
                 .run = [pools, tasks](Backend backend, std::size_t value) {
                   return drive(pools->of(backend, kFewWorkers, kRoom), tasks, 64, static_cast<int>(value));
                 }});
  return all;
}

Costs measure(const std::vector<Series>& all, int rounds, std::uint64_t seed,
              const std::function<void(int)>& progress) {
  struct Case {
    const Series* series;
    Backend backend;
    std::size_t value;
  };
  std::vector<Case> cases;
  for (const Series& series : all) {
    for (const Backend backend : kBackends) {
      for (const std::size_t value : series.values) cases.push_back({&series, backend, value});
    }
  }
  Costs costs;
  std::mt19937_64 random(seed);
  // One round more, not counted: the memory of a pool is cold at first.
  for (int round = -1; round < rounds; ++round) {
    progress(round);
    std::shuffle(cases.begin(), cases.end(), random);
    for (const Case& one : cases) {
      const double ns = one.series->run(one.backend, one.value);
      if (round >= 0) costs[one.series->name][one.backend][one.value].push_back(ns);
    }
  }
  progress(rounds);
  return costs;
}

}  // namespace twinpool::bench::growth
