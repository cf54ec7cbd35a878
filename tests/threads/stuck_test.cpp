// SPDX-License-Identifier: Apache-2.0
// Workers that do not come back from a task, what is counted by function, the scoreboard, names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "shared/scoreboard_reader.h"
#include "threads/function_counts.h"
#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

std::atomic<bool> gate_open{false};
std::atomic<int> at_gate{0};
std::atomic<int> past_gate{0};
int wait_at_gate(int value) {
  at_gate.fetch_add(1);
  while (!gate_open.load()) std::this_thread::yield();
  past_gate.fetch_add(1);
  return value;
}
void close_gate() {
  gate_open.store(false);
  at_gate.store(0);
  past_gate.store(0);
}
int twice(int value) { return 2 * value; }
int fail(int) { throw std::runtime_error("as asked"); }
std::string name_of_thread(int) {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

template <typename Done>
[[nodiscard]] bool comes_true(Done&& done) {
  const auto deadline = Clock::now() + 60s;
  while (!done()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Stuck, IsToldAndASpareTakesOverUntilTheWorkerIsBack) {
  close_gate();
  std::mutex mutex;
  std::vector<EventKind> told;
  const auto count = [&](EventKind kind) {
    const std::lock_guard lock(mutex);
    return std::count(told.begin(), told.end(), kind);
  };
  ThreadPool pool({.workers = 1, .max_spares = 1, .stuck_after = 4ms, .on_event = [&](const Event& event) {
                     const std::lock_guard lock(mutex);
                     told.push_back(event.kind);
                   }});
  auto stuck = pool.submit<wait_at_gate>(1);
  EXPECT_TRUE(comes_true([&] { return pool.stats().workers[0].state == WorkerState::kStuck; }));
  EXPECT_EQ(pool.submit<twice>(2).get(), 4);
  EXPECT_EQ(pool.stats().workers.size(), 2U);
  gate_open.store(true);
  EXPECT_EQ(stuck.get(), 1);
  EXPECT_TRUE(comes_true([&] { return pool.stats().workers[1].state == WorkerState::kAbsent; }));
  EXPECT_NE(pool.stats().workers[0].state, WorkerState::kStuck);
  EXPECT_TRUE(comes_true([&] { return count(EventKind::kWorkerResumed) == 1; }));
  EXPECT_EQ(count(EventKind::kWorkerStuck), 1);
}

TEST(Stuck, IsAWorkerWhoseTaskRanOverItsLimit) {
  close_gate();
  ThreadPool pool({.workers = 1, .run_limit = 5ms, .max_spares = 1});
  auto over = pool.submit<wait_at_gate>(1);
  const auto outcome = over.outcome();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.failure().kind, FailureKind::kTimedOut);
  EXPECT_TRUE(comes_true([&] { return pool.stats().workers[0].state == WorkerState::kStuck; }));
  EXPECT_TRUE(comes_true([&] { return pool.try_submit<twice>(2).accepted(); }));
  EXPECT_TRUE(comes_true([&] { return pool.stats().pending == 0; }));
  gate_open.store(true);
  EXPECT_TRUE(comes_true([&] { return pool.stats().workers[0].state == WorkerState::kIdle; }));
}

TEST(Stuck, DrainLeavesItBehind) {
  close_gate();
  {
    ThreadPool pool({.workers = 1, .run_limit = 2ms, .max_spares = 1, .stop_limit = 1ms});
    auto over = pool.submit<wait_at_gate>(1);
    EXPECT_TRUE(comes_true([&] { return pool.stats().workers[0].state == WorkerState::kStuck; }));
    EXPECT_TRUE(pool.drain(60s));
    EXPECT_FALSE(pool.stop(1ms));
  }
  gate_open.store(true);
  EXPECT_TRUE(comes_true([] { return past_gate.load() == 1; }));
}

std::atomic<bool> failing{false};
void set_up(const WorkerInfo&) {
  if (failing.load()) throw std::runtime_error("no luck");
}

TEST(Degraded, KeepsItsOldWorkersAndRecovers) {
  failing.store(false);
  PoolOptions options{.workers = 2, .recycling = {.jitter = 0, .max_age = 1ms}, .set_up = set_up};
  options.processes.restart = {.start_failures = 2, .backoff_first = 1ms, .backoff_limit = 2ms};
  ThreadPool pool(options);
  failing.store(true);
  EXPECT_TRUE(comes_true([&] { return pool.stats().degraded; }));
  // The old ones stay: nothing is lost while they are there.
  EXPECT_EQ(pool.submit<twice>(2).get(), 4);
  failing.store(false);
  EXPECT_TRUE(comes_true([&] { return !pool.stats().degraded; }));
  EXPECT_EQ(pool.submit<twice>(2).get(), 4);
}

TEST(Functions, AreCountedOneByOne) {
  ThreadPool pool({.workers = 2});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.submit<twice>(i).get(), 2 * i);
  EXPECT_FALSE(pool.submit<fail>(1).outcome().has_value());
  const auto of = [&](std::string_view name) {
    for (const auto& function : pool.stats().functions) {
      if (function.name.find(name) != std::string::npos) return function;
    }
    return FunctionStats{};
  };
  EXPECT_EQ(of("twice").completed, 10U);
  EXPECT_EQ(of("twice").running.count(), 10U);
  EXPECT_EQ(of("fail").failed, 1U);
  pool.reset_latency();
  EXPECT_EQ(of("twice").waiting.count(), 0U);
  EXPECT_EQ(of("twice").completed, 10U);
  std::uint64_t of_workers = 0;
  for (const auto& worker : pool.stats().workers) of_workers += worker.running.count();
  EXPECT_EQ(of_workers, 0U);
}

TEST(FunctionCounts, LaterOnesShareAnEntry) {
  EXPECT_EQ(function_entry(3), 3U);
  EXPECT_EQ(function_entry(63), 63U);
  EXPECT_EQ(function_entry(4000), 63U);
}

TEST(Board, ShowsWhatWorkersDo) {
  close_gate();
  ThreadPool pool({.workers = 2, .name = "seen"});
  auto running = pool.submit<wait_at_gate>(1);
  EXPECT_TRUE(comes_true([] { return at_gate.load() == 1; }));
  ASSERT_FALSE(pool.scoreboard_path().empty());
  const Scoreboard board(pool.scoreboard_path());
  const ScoreboardSnapshot seen = board.read();
  EXPECT_EQ(seen.pool_name, "seen");
  EXPECT_EQ(seen.seats, 2);
  const auto busy = std::find_if(seen.workers.begin(), seen.workers.end(), [](const ScoreboardWorker& worker) {
    return worker.state == WorkerState::kBusy;
  });
  ASSERT_NE(busy, seen.workers.end());
  EXPECT_THAT(busy->function, testing::HasSubstr("wait_at_gate"));
  EXPECT_NE(busy->id, 0);
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_NE(board.read().flags & kScoreboardClosed, 0U);
}

TEST(Names, FitIntoWhatTheKernelKeeps) {
  ThreadPool pool({.workers = 1, .name = "a-very-long-name-of-a-pool"});
  EXPECT_EQ(pool.submit<name_of_thread>(0).get(), "a-very-long--w0");
}

}  // namespace
}  // namespace twinpool::threads
