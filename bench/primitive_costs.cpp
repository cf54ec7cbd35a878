// SPDX-License-Identifier: Apache-2.0
#include "bench/primitive_costs.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/statistics.h"

namespace twinpool::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr milliseconds kBudget{60};  // for each primitive; seven of them stay well below a second
using Figures = std::array<double, 7>;

/// Times batches of `operations` until the budget is used up and gives the median of one operation.
template <typename Operation>
double time_operation(int operations, Operation&& operation) {
  std::vector<double> batches_ns;
  const auto end = Clock::now() + kBudget;
  do {
    const auto start = Clock::now();
    for (int i = 0; i < operations; ++i) {
      if (!operation()) return kUnknown;
    }
    batches_ns.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count() / operations);
  } while (Clock::now() < end);
  return median(batches_ns);
}

double time_page_faults() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  constexpr int kPages = 64;
  return time_operation(
             1,
             [&] {
               void* memory =
                   mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
               if (memory == MAP_FAILED) return false;
               madvise(memory, kPages * page,
                       MADV_NOHUGEPAGE);  // a kernel without huge pages refuses, and needs no telling
               for (std::size_t i = 0; i < kPages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
               return munmap(memory, kPages * page) == 0;
             }) /
         kPages;
}

bool fork_and_wait() {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) _exit(0);
  pid_t reaped = 0;
  do {
    reaped = waitpid(child, nullptr, 0);
  } while (reaped < 0 && errno == EINTR);
  return reaped == child;
}

bool start_and_join() {
  pthread_t thread{};
  if (pthread_create(
          &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0)
    return false;
  return pthread_join(thread, nullptr) == 0;
}

/// One word that two threads hand to and fro: the echo turns odd numbers into the next even one, until it
/// reads kStop.
struct Echo {
  static constexpr std::uint32_t kStop = 0xffffffffu;
  alignas(128) std::atomic<std::uint32_t> word{0};
  bool sleeps = false;
  int cpu = -1;
};

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  static_assert(sizeof(word) == 4);
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void hand_over(Echo& echo, std::uint32_t value) {
  echo.word.store(value, std::memory_order_release);  // pairs with the acquire load in await_change
  if (echo.sleeps) futex(echo.word, FUTEX_WAKE, 1);
}

std::uint32_t await_change(Echo& echo, std::uint32_t from) {
  std::uint32_t now = echo.word.load(std::memory_order_acquire);
  while (now == from) {
    if (echo.sleeps) futex(echo.word, FUTEX_WAIT, from);
    now = echo.word.load(std::memory_order_acquire);
  }
  return now;
}

void* run_echo(void* argument) {
  Echo& echo = *static_cast<Echo*>(argument);
  if (echo.cpu >= 0) pin(echo.cpu);
  std::uint32_t last = 0;
  for (;;) {
    const std::uint32_t asked = await_change(echo, last);
    if (asked == Echo::kStop) return nullptr;
    last = asked + 1;
    hand_over(echo, last);
  }
}

double time_round_trips(bool sleeps, int operations, int echo_cpu) {
  Echo echo;
  echo.sleeps = sleeps;
  echo.cpu = echo_cpu;
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, run_echo, &echo) != 0) return kUnknown;
  std::uint32_t at = 0;
  const double cost_ns = time_operation(operations, [&] {
    hand_over(echo, at + 1);
    at = await_change(echo, at + 1);
    return true;
  });
  hand_over(echo, Echo::kStop);
  pthread_join(thread, nullptr);
  return cost_ns;
}

/// Spinning partners on one CPU would wait out each other's time slices, so each gets its own.
double time_cache_line() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return kUnknown;
  std::array<int, 2> cpus{-1, -1};
  for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found < 2; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus[static_cast<std::size_t>(found++)] = cpu;
  }
  pin(cpus[0]);
  const double cost_ns = time_round_trips(false, 100, cpus[1]);
  sched_setaffinity(0, sizeof allowed, &allowed);
  return cost_ns;
}

Figures measure_all() {
  Figures figures;
  figures[0] = time_operation(100, [] { return syscall(SYS_getppid) >= 0; });
  figures[1] = time_operation(100, [] {
    timespec now{};
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0;
  });
  figures[2] = time_page_faults();
  figures[3] = time_operation(1, fork_and_wait);
  figures[4] = time_operation(1, start_and_join);  // from here on this process counts as multi-threaded
  figures[5] = time_cache_line();
  figures[6] = time_round_trips(true, 10, -1);
  return figures;
}

/// Gives whether all figures arrived before the deadline. They fit one pipe buffer, so they come in one
/// piece.
bool receive(int pipe_end, Figures& figures) {
  pollfd wait{pipe_end, POLLIN, 0};
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  int ready = 0;
  do {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    ready = poll(&wait, 1, static_cast<int>(std::max<long long>(left, 0)));
  } while (ready < 0 && errno == EINTR);
  return ready == 1 && read(pipe_end, figures.data(), sizeof figures) == static_cast<ssize_t>(sizeof figures);
}

std::optional<double> known(double figure) {
  return std::isfinite(figure) ? std::optional(figure) : std::nullopt;
}

}  // namespace

PrimitiveCosts measure_primitive_costs() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // the parent died before the request above
    const Figures figures = measure_all();
    _exit(write(ends[1], figures.data(), sizeof figures) == static_cast<ssize_t>(sizeof figures) ? 0 : 1);
  }
  close(ends[1]);
  Figures figures;
  figures.fill(kUnknown);
  if (child > 0) {
    if (!receive(ends[0], figures)) figures.fill(kUnknown);
    kill(child, SIGKILL);  // not reaped yet, so the number is still its own
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  return {known(figures[0]), known(figures[1]), known(figures[2]), known(figures[3]),
          known(figures[4]), known(figures[5]), known(figures[6])};
}

void to_json(nlohmann::json& json, const PrimitiveCosts& costs) {
  const auto put = [&](const char* name, const std::optional<double>& ns) {
    json[name] = ns ? nlohmann::json(*ns * 1e-9) : nlohmann::json(nullptr);
  };
  json = nlohmann::json::object();
  put("system_call_s", costs.system_call_ns);
  put("clock_read_s", costs.clock_read_ns);
  put("page_fault_s", costs.page_fault_ns);
  put("fork_wait_s", costs.fork_wait_ns);
  put("thread_start_join_s", costs.thread_start_join_ns);
  put("cache_line_round_trip_s", costs.cache_line_round_trip_ns);
  put("futex_round_trip_s", costs.futex_round_trip_ns);
}

}  // namespace twinpool::bench
