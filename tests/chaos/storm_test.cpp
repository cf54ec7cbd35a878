// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "processes/launcher.h"
#include "processes/process_pool.h"
#include "tests/conformance/resources.h"

/// Several submitting threads while workers, and in one variant supervisors, are killed at random (C1, C3,
/// C4, C10, C13). TWINPOOL_STORM_SECONDS makes it longer or shorter than its 10 seconds.
namespace twinpool::chaos {
namespace {

using conformance::difference;
using conformance::held_now;
using processes::Launcher;
using processes::ProcessPool;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kWorkers = 3;
constexpr int kSubmitters = 3;
constexpr std::size_t kMostTasks = 3'000'000;  // of all submitters
constexpr seconds kPatience{60};

using RunCounts = SharedBuffer<std::uint8_t>;

std::uint64_t mix(std::uint64_t n) {
  for (int i = 0; i < 500; ++i) n = n * 6364136223846793005 + 1442695040888963407;
  return n;
}
std::string mixed(std::uint64_t n) {
  std::string text(n % 4'000, ' ');
  for (auto& letter : text) letter = static_cast<char>(n = n * 6364136223846793005 + 1442695040888963407);
  return text;
}
void count_run(const RunCounts& runs, std::uint64_t n) { std::atomic_ref(runs[n]).fetch_add(1); }

std::uint64_t small_task(RunCounts runs, std::uint64_t n) {
  count_run(runs, n);
  return mix(n);
}
std::string large_task(RunCounts runs, std::uint64_t n, const std::string& argument) {
  count_run(runs, n);
  if (argument != mixed(n + 1)) throw std::runtime_error("the argument changed on its way");
  return mixed(n);
}

struct Tally {
  std::uint64_t submitted = 0, values = 0, lost = 0, never_begun = 0, wrong = 0, stuck = 0;
  std::string first_wrong;

  void complain(const std::string& what) {
    if (wrong++ == 0) first_wrong = what;
  }
  void add(const Tally& other) {
    submitted += other.submitted;
    values += other.values;
    lost += other.lost;
    never_begun += other.never_begun;
    wrong += other.wrong;
    stuck += other.stuck;
    if (first_wrong.empty()) first_wrong = other.first_wrong;
  }
};

/// One thread's submissions: a window of tasks, each checked as it settles.
class Submitter {
 public:
  Submitter(ProcessPool& pool, RunCounts runs, std::uint64_t first, std::size_t window)
      : pool_(pool),
        runs_(std::move(runs)),
        next_(first),
        end_(first + kMostTasks / kSubmitters),
        window_(window) {}

  Tally run(const std::atomic<bool>& over) {
    while (!over.load() && next_ < end_ && tally_.stuck == 0) {
      const std::uint64_t n = next_++;
      Flying flying{.n = n, .small = {}, .large = {}};
      if (n % 8 == 0) {
        flying.large = pool_.submit<large_task>(runs_, n, mixed(n + 1));
      } else {
        flying.small = pool_.submit<small_task>(runs_, n);
      }
      ++tally_.submitted;
      flying_.push_back(std::move(flying));
      if (flying_.size() >= window_) settle_first();
    }
    while (!flying_.empty()) settle_first();
    return tally_;
  }

 private:
  struct Flying {
    std::uint64_t n;
    Future<std::uint64_t> small;
    Future<std::string> large;
  };
  void settle_first() {
    Flying& first = flying_.front();
    if (first.small.valid()) {
      settle(first.small, first.n, mix(first.n));
    } else {
      settle(first.large, first.n, mixed(first.n));
    }
    flying_.pop_front();
  }
  template <typename T>
  void settle(Future<T>& future, std::uint64_t n, const T& expected) {
    if (!future.wait_for(tally_.stuck == 0 ? std::chrono::nanoseconds(kPatience) : milliseconds(10))) {
      ++tally_.stuck;
      return;
    }
    const auto outcome = future.outcome();
    const auto runs = std::atomic_ref(runs_[n]).load();
    if (outcome) {
      ++tally_.values;
      if (outcome.value() != expected) tally_.complain("a wrong value");
      if (runs != 1) tally_.complain("a value of a task that ran " + std::to_string(runs) + " times");
    } else if (outcome.failure().kind == FailureKind::kWorkerLost) {
      ++tally_.lost;
      tally_.never_begun += outcome.failure().loss && outcome.failure().loss->was_running ? 0 : 1;
      if (runs > 1) tally_.complain("a lost task ran " + std::to_string(runs) + " times");
    } else {
      tally_.complain(outcome.failure().message);
    }
  }

  ProcessPool& pool_;
  RunCounts runs_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::size_t window_;
  std::deque<Flying> flying_;
  Tally tally_;
};

struct Kills {
  std::uint64_t workers = 0;
  std::uint64_t supervisors = 0;
};

/// Kills a random worker every `pause` on average, and every so many of them the supervisor instead.
Kills kill_at_random(const ProcessPool& pool, Clock::time_point end, milliseconds pause,
                     int supervisor_each) {
  std::mt19937_64 random(std::random_device{}());
  Kills kills;
  while (Clock::now() < end) {
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % (2'000 * static_cast<unsigned>(pause.count()))));
    if (supervisor_each > 0 && random() % static_cast<unsigned>(supervisor_each) == 0) {
      if (const int pid = pool.supervisor_pid(); pid > 0 && ::kill(pid, SIGKILL) == 0) ++kills.supervisors;
      continue;
    }
    const auto pids = pool.worker_pids();
    if (!pids.empty() && ::kill(pids[random() % pids.size()], SIGKILL) == 0) ++kills.workers;
  }
  return kills;
}

std::string describe(const PoolStats& stats) {
  std::ostringstream text;
  text << "submitted " << stats.submitted << " completed " << stats.completed << " failed " << stats.failed
       << " lost " << stats.lost << " pending " << stats.pending << " deaths " << stats.worker_deaths
       << (stats.degraded ? " degraded" : "");
  for (const auto& worker : stats.workers)
    text << "; worker " << worker.index << " pid " << worker.id << ' ' << name_of(worker.state);
  return text.str();
}

seconds storm_length() {
  const char* const text = std::getenv("TWINPOOL_STORM_SECONDS");
  return seconds(text != nullptr ? std::max(1, std::atoi(text)) : 10);
}

bool is_at_full_strength(const ProcessPool& pool) {
  const auto deadline = Clock::now() + kPatience;
  while (static_cast<int>(pool.worker_pids().size()) < kWorkers || pool.supervisor_pid() == 0) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

void check(const Tally& all, const Kills& kills, const PoolStats& stats) {
  EXPECT_EQ(all.stuck, 0u) << describe(stats);
  EXPECT_EQ(all.wrong, 0u) << all.first_wrong;
  EXPECT_EQ(all.never_begun, 0u);
  EXPECT_EQ(all.values + all.lost, all.submitted);
  // A supervisor takes its workers with it.
  EXPECT_LE(all.lost, kills.workers + kills.supervisors * kWorkers);
  EXPECT_EQ(stats.submitted, all.submitted);
  EXPECT_EQ(stats.completed, all.values);
  EXPECT_EQ(stats.lost, all.lost);
  EXPECT_EQ(stats.failed + stats.rejected_later + stats.pending, 0u);
  EXPECT_GT(all.lost, 0u) << "no kill has met a task";
}

void storm(milliseconds pause, int supervisor_each) {
  const auto launcher = Launcher::start();  // before there are threads
  const auto before = held_now();
  {
    PoolOptions options{.workers = kWorkers, .queue_capacity = 512, .when_full = WhenFull::kBlock};
    options.block_limit = kPatience;
    options.processes.restart = {.intensity = 1'000'000,
                                 .period = milliseconds(1'000),
                                 .start_failures = 1'000'000,
                                 .backoff_first = milliseconds(1),
                                 .backoff_limit = milliseconds(5)};
    ProcessPool pool(options);
    auto runs = pool.make_shared_buffer<std::uint8_t>(kMostTasks);
    const auto bytes_before = pool.stats().shared_bytes_in_use;
    std::atomic<bool> over{false};
    std::vector<Tally> tallies(kSubmitters);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kSubmitters; ++t) {
      threads.emplace_back([&, t] {
        const std::size_t windows[] = {1, 16, 128};
        tallies[t] = Submitter(pool, runs, t * (kMostTasks / kSubmitters), windows[t % 3]).run(over);
      });
    }
    const Kills kills = kill_at_random(pool, Clock::now() + storm_length(), pause, supervisor_each);
    over.store(true);
    for (auto& thread : threads) thread.join();
    Tally all;
    for (const auto& tally : tallies) all.add(tally);
    std::printf("%llu tasks, %llu lost; %llu workers and %llu supervisors killed\n",
                static_cast<unsigned long long>(all.submitted), static_cast<unsigned long long>(all.lost),
                static_cast<unsigned long long>(kills.workers),
                static_cast<unsigned long long>(kills.supervisors));
    check(all, kills, pool.stats());
    EXPECT_TRUE(is_at_full_strength(pool)) << describe(pool.stats());
    EXPECT_EQ(pool.stats().shared_bytes_in_use, bytes_before);
    EXPECT_EQ(pool.submit<small_task>(runs, kMostTasks - 1).get(), mix(kMostTasks - 1));
    EXPECT_TRUE(pool.drain(kPatience));
  }
  const auto after = held_now();
  EXPECT_EQ(before, after) << difference(before, after);
}

TEST(Storm, WorkersAreKilledWhileThreeThreadsSubmit) { storm(milliseconds(5), 0); }
TEST(Storm, WorkersAndSupervisorsAreKilledWhileThreeThreadsSubmit) { storm(milliseconds(20), 12); }

}  // namespace
}  // namespace twinpool::chaos
