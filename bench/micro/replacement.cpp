// SPDX-License-Identifier: Apache-2.0
// How long after a worker's death its replacement has given its first result: with and without a hot spare, beside a
// small owner and one with 1 GiB of its own. Interleaved, one kill of each at a time.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/statistics.h"
#include "processes/launcher.h"
#include "processes/process_pool.h"

namespace {

using Clock = std::chrono::steady_clock;
using twinpool::PoolOptions;
using twinpool::processes::ProcessPool;

int identity(int number) { return number; }

struct Case {
  std::string name;
  std::unique_ptr<ProcessPool> pool;
  std::vector<double> settled_us;  // the kill until the Future of the task at hand says so
  std::vector<double> first_us;    // the kill until the replacement's first result
};

void hold() { ::pause(); }

Case make(const std::string& owner, int spares) {
  PoolOptions options{.workers = 1};
  options.processes.hot_spares = spares;
  options.processes.restart.intensity = 1'000'000;
  return {fmt::format("{}, {} hot spare{}", owner, spares, spares == 1 ? "" : "s"),
          std::make_unique<ProcessPool>(std::move(options)),
          {},
          {}};
}

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Kills the one worker in a task, and waits for the lost one and for the next one's result.
void kill_once(Case& contestant, int spares) {
  ProcessPool& pool = *contestant.pool;
  while (static_cast<int>(pool.spare_pids().size()) != spares)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  static_cast<void>(pool.submit<identity>(0).get());  // whoever is there has proved that it works
  auto held = pool.submit<hold>();
  while (pool.stats().workers[0].state != twinpool::WorkerState::kBusy) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const int worker = pool.worker_pids().at(0);
  const auto start = Clock::now();
  ::kill(worker, SIGKILL);
  auto next = pool.submit<identity>(1);
  held.wait();
  contestant.settled_us.push_back(us_since(start));
  static_cast<void>(std::move(next).get());
  contestant.first_us.push_back(us_since(start));
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 100;
  if (rounds < 1) {
    fmt::print(stderr, "usage: twinpool_replacement [KILLS]   at least 1; 100 unless told\n");
    return 2;
  }
  // As a program is told to do that grows large later: the launcher stays small.
  const auto launcher = twinpool::processes::Launcher::start();
  std::vector<char> memory;
  fmt::print("{:<26} {:>21} {:>30}\n{:<26} {:>21} {:>10} {:>9} {:>9}\n", "", "death to lost future", "death to first result", "",
             "p50", "p50", "p90", "max");
  for (const bool large : {false, true}) {
    if (large) memory.assign(std::size_t{1} << 30, 'x');
    std::vector<Case> cases;
    for (const int spares : {0, 1}) cases.push_back(make(large ? "1 GiB owner" : "small owner", spares));
    for (int round = 0; round < rounds; ++round) {
      for (int spares : {0, 1}) kill_once(cases[static_cast<std::size_t>(spares)], spares);
    }
    for (const Case& each : cases) {
      const auto settled = twinpool::bench::percentiles(each.settled_us);
      const auto first = twinpool::bench::percentiles(each.first_us);
      fmt::print("{:<26} {:>18.0f} us {:>7.0f} us {:>6.0f} us {:>6.0f} us\n", each.name, settled.p50, first.p50,
                 first.p90, first.max);
    }
  }
  return 0;
}
