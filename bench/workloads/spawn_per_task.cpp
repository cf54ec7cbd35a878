// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/serial_flow.h"
#include "bench/workloads/shared_map.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kMostWorkers = 1024;

std::uint64_t* results = nullptr;
void set_up(const Settings&) {
  if (results == nullptr) results = static_cast<std::uint64_t*>(map_shared(kMostWorkers * sizeof *results));
}

class SpawnPerTask final : public SerialFlow {
 public:
  explicit SpawnPerTask(const FlowOptions& options)
      : forks_(options.backend == Backend::kProcesses),
        side_by_side_(std::min<std::size_t>(static_cast<std::size_t>(options.workers), kMostWorkers)) {}

 private:
  std::uint64_t request(std::uint64_t number) override {
    for (std::size_t i = 0; i < side_by_side_; ++i) results[i] = 0;
    forks_ ? fork_all(number) : start_all(number);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < side_by_side_; ++i) sum += results[i];
    return sum;
  }
  [[nodiscard]] std::uint64_t right_answer(std::uint64_t number) const override {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < side_by_side_; ++i) sum += mix(number + i);
    return sum;
  }

  void start_all(std::uint64_t number) const {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < side_by_side_; ++i)
      threads.emplace_back([i, number] { results[i] = mix(number + i); });
    for (std::thread& thread : threads) thread.join();
  }

  void fork_all(std::uint64_t number) const {
    std::vector<pid_t> pids;
    int error = 0;
    for (std::size_t i = 0; i < side_by_side_; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {  // the program may have threads: nothing but plain stores until the end
        results[i] = mix(number + i);
        _exit(0);
      }
      if (pid < 0)
        error = errno;
      else
        pids.push_back(pid);
    }
    for (const pid_t pid : pids) {
      while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (error != 0) throw std::system_error(error, std::generic_category(), "fork");
  }

  bool forks_;
  std::size_t side_by_side_;
};

std::unique_ptr<Flow> open(Pool&, const FlowOptions& options) {
  return std::make_unique<SpawnPerTask>(options);
}

}  // namespace

constinit const Workload kSpawnPerTask{
    .name = "spawn-per-task",
    .family = "life",
    .sentence = "is a thread or a fork of its own, without a pool; beside `noop` it says why there are pools",
    .exercises = "what a pool saves",
    .why = "a fork copies page tables, a thread shares them",
    .expected = Expected::kThreads,
    .margin = 0.1,
    .set_up = &set_up,
    .open = &open};

}  // namespace twinpool::bench
