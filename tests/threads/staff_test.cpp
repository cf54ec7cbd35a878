// SPDX-License-Identifier: Apache-2.0
// Workers of the thread twin come and go: growing, retiring, recycling, reload, resize, set-up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

std::atomic<bool> gate_open{false};
std::atomic<int> at_gate{0};
int wait_at_gate(int value) {
  at_gate.fetch_add(1);
  while (!gate_open.load()) std::this_thread::yield();
  return value;
}
void close_gate() {
  gate_open.store(false);
  at_gate.store(0);
}
int twice(int value) { return 2 * value; }

template <typename Done>
[[nodiscard]] bool comes_true(Done&& done) {
  const auto deadline = Clock::now() + 60s;
  while (!done()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Events of one pool, in their order.
struct Log {
  std::mutex mutex;
  std::vector<Event> events;
  EventCallback callback() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    };
  }
  int count(EventKind kind) {
    const std::lock_guard lock(mutex);
    return static_cast<int>(
        std::count_if(events.begin(), events.end(), [&](const Event& event) { return event.kind == kind; }));
  }
};

int present(const Pool& pool) {
  const PoolStats stats = pool.stats();
  return static_cast<int>(std::count_if(
      stats.workers.begin(), stats.workers.end(),
      [](const WorkerStats& worker) { return worker.state != WorkerState::kAbsent; }));
}

TEST(Staff, GrowsToTheBurstAndShrinksWhenIdle) {
  close_gate();
  Log log;
  ThreadPool pool({.workers = {1, 4}, .idle_timeout = 1ms, .on_event = log.callback()});
  EXPECT_EQ(present(pool), 1);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 8; ++i) futures.push_back(pool.submit<wait_at_gate>(i));
  EXPECT_TRUE(comes_true([] { return at_gate.load() == 4; }));
  EXPECT_EQ(present(pool), 4);
  gate_open.store(true);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i);
  EXPECT_TRUE(comes_true([&] { return present(pool) == 1; }));
  // More than three where one came before the last of the tasks, and left again meanwhile.
  EXPECT_TRUE(comes_true([&] {
    return log.count(EventKind::kWorkerStarted) - log.count(EventKind::kWorkerRetired) == 1;
  }));
  EXPECT_GE(log.count(EventKind::kWorkerRetired), 3);
  EXPECT_EQ(pool.stats().workers.size(), 4U);
  EXPECT_EQ(pool.submit<twice>(4).get(), 8);
}

TEST(Staff, KeepsRunningWhileItGrowsAndShrinksAllTheTime) {
  ThreadPool pool({.workers = {1, 4}, .idle_timeout = 1ms});
  for (int round = 0; round < 200; ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 10; ++i) futures.push_back(pool.submit<twice>(i));
    for (int i = 0; i < 10; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), 2 * i);
    if (round % 20 == 0) {
      EXPECT_TRUE(comes_true([&] { return present(pool) == 1; }));
    }
  }
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().completed, 2000U);
}

TEST(Staff, ReplacesWorkersAfterSoManyTasks) {
  Log log;
  ThreadPool pool(
      {.workers = 2, .recycling = {.max_tasks = 50, .jitter = 0.5}, .on_event = log.callback()});
  std::uint64_t tasks = 0;
  EXPECT_TRUE(comes_true([&] {
    for (int i = 0; i < 50; ++i, ++tasks) EXPECT_EQ(pool.submit<twice>(i).get(), 2 * i);
    return pool.stats().recycled >= 5;
  }));
  EXPECT_TRUE(pool.drain(60s));
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.completed, tasks);
  EXPECT_GE(stats.recycled, 5U);
  EXPECT_EQ(stats.recycled, stats.workers[0].recycled + stats.workers[1].recycled);
  EXPECT_EQ(stats.workers.size(), 2U);
  EXPECT_EQ(stats.workers[0].tasks + stats.workers[1].tasks, tasks);
  EXPECT_EQ(log.count(EventKind::kWorkerRecycled), static_cast<int>(stats.recycled));
}

TEST(Staff, ReplacesWorkersByAge) {
  ThreadPool pool({.workers = 2, .recycling = {.jitter = 0, .max_age = 5ms}});
  EXPECT_TRUE(comes_true([&] { return pool.stats().recycled >= 4; }));
  EXPECT_EQ(pool.submit<twice>(3).get(), 6);
}

TEST(Staff, ReloadReplacesEveryWorkerUnderLoad) {
  ThreadPool pool({.workers = 3, .when_full = WhenFull::kBlock});
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread load([&] {
    for (int i = 0; !done.load(); ++i) wrong.fetch_add(pool.submit<twice>(i % 1000).get() != 2 * (i % 1000));
  });
  std::vector<int> before;
  EXPECT_TRUE(comes_true([&] { return pool.stats().workers_alive() == 3; }));
  for (const auto& worker : pool.stats().workers) before.push_back(worker.id);
  EXPECT_TRUE(pool.reload(60s));
  for (const auto& worker : pool.stats().workers) EXPECT_THAT(before, testing::Not(testing::Contains(worker.id)));
  EXPECT_TRUE(pool.reload(60s));
  EXPECT_EQ(pool.stats().recycled, 6U);
  done.store(true);
  load.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_FALSE(pool.reload(60s));
}

TEST(Staff, ReloadGivesUpAtItsLimitWhileATaskRuns) {
  close_gate();
  ThreadPool pool({.workers = 1});
  auto running = pool.submit<wait_at_gate>(1);
  EXPECT_TRUE(comes_true([] { return at_gate.load() == 1; }));
  EXPECT_FALSE(pool.reload(1ms));
  EXPECT_EQ(pool.submit<twice>(2).get(), 4);  // the fresh one is there
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_TRUE(pool.reload(60s));
}

TEST(Staff, ResizesWithinTheNumberItWasMadeFor) {
  ThreadPool pool({.workers = 4});
  pool.resize(1);
  EXPECT_TRUE(comes_true([&] { return present(pool) == 1; }));
  EXPECT_EQ(pool.submit<twice>(1).get(), 2);
  pool.resize({2, 3});
  EXPECT_EQ(present(pool), 2);
  pool.resize(4);
  EXPECT_EQ(present(pool), 4);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit<twice>(i).get(), 2 * i);
  EXPECT_THROW(pool.resize(5), std::invalid_argument);
  EXPECT_THROW(pool.resize({3, 2}), std::invalid_argument);
  EXPECT_THROW(pool.resize(0), std::invalid_argument);
}

std::atomic<int> set_ups{0};
std::atomic<int> tear_downs{0};
std::atomic<int> failing{0};
void set_up(const WorkerInfo& info) {
  set_ups.fetch_add(1);
  if (info.pool_name != "fine" || info.index >= info.workers) failing.store(1'000'000);
  if (failing.load() > 0) {
    failing.fetch_sub(1);
    throw std::runtime_error("no luck");
  }
}
void tear_down(const WorkerInfo&) { tear_downs.fetch_add(1); }

PoolOptions with_set_up(int workers) {
  set_ups.store(0);
  tear_downs.store(0);
  failing.store(0);
  PoolOptions options{.workers = workers, .set_up = set_up, .tear_down = tear_down, .name = "fine"};
  options.processes.restart = {.start_failures = 3, .backoff_first = 1ms, .backoff_limit = 4ms};
  return options;
}

TEST(Staff, CallsSetUpAndTearDownInEachWorker) {
  {
    ThreadPool pool(with_set_up(2));
    EXPECT_EQ(pool.submit<twice>(1).get(), 2);
    EXPECT_TRUE(pool.reload(60s));
  }
  EXPECT_EQ(set_ups.load(), 4);
  EXPECT_EQ(tear_downs.load(), 4);
}

TEST(Staff, SaysWhyNoWorkerCouldBeSetUp) {
  const PoolOptions options = with_set_up(2);
  failing.store(1'000'000);
  try {
    ThreadPool pool(options);
    FAIL() << "a pool without workers was made";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("could not be set up: set-up threw std::runtime_error: no luck"));
  }
}

TEST(Staff, MakesWorkersAnewWhoseSetUpFailed) {
  PoolOptions options = with_set_up(1);
  failing.store(2);
  Log log;
  options.on_event = log.callback();
  ThreadPool pool(options);
  EXPECT_EQ(pool.submit<twice>(1).get(), 2);
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.worker_deaths, 2U);
  EXPECT_EQ(stats.workers[0].restarts, 2U);
  EXPECT_THAT(stats.workers[0].last_death, testing::HasSubstr("no luck"));
  EXPECT_TRUE(comes_true([&] { return log.count(EventKind::kWorkerLost) == 2; }));
}

TEST(Staff, ReloadKeepsTheOldWorkerWhileFreshOnesCannotBeSetUp) {
  ThreadPool pool(with_set_up(1));
  failing.store(1'000'000);
  EXPECT_FALSE(pool.reload(20ms));
  EXPECT_EQ(pool.submit<twice>(2).get(), 4);
  EXPECT_TRUE(comes_true([&] { return pool.stats().degraded; }) || pool.stats().worker_deaths > 0);
  failing.store(0);
  EXPECT_TRUE(pool.reload(60s));
  EXPECT_FALSE(pool.stats().degraded);
  EXPECT_EQ(pool.submit<twice>(3).get(), 6);
}

TEST(Staff, TellsTheLifeOfAPool) {
  Log log;
  {
    ThreadPool pool({.workers = 2, .on_event = log.callback()});
    EXPECT_EQ(pool.submit<twice>(1).get(), 2);
    EXPECT_TRUE(pool.drain(60s));
    EXPECT_EQ(pool.stats().events_dropped, 0U);
  }
  EXPECT_EQ(log.count(EventKind::kWorkerStarted), 2);
  EXPECT_EQ(log.count(EventKind::kWorkerReady), 2);
  EXPECT_EQ(log.count(EventKind::kPoolDrained), 1);
}

}  // namespace
}  // namespace twinpool::threads
