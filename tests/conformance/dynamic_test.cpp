// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/conformance/event_log.h"
#include "tests/conformance/notebook.h"

/// Dynamic pools (PoolOptions::workers, Pool::resize): grow when a task would wait, shrink when idle, lose
/// nothing.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;

int identity(int n) { return n; }

int absent(const PoolStats& stats) {
  int count = 0;
  for (const auto& worker : stats.workers) count += worker.state == WorkerState::kAbsent;
  return count;
}

TEST_P(Conformance, Dynamic_APoolBeginsWithItsLeastAndListsEveryPlace) {
  const auto pool = make({.workers = {2, 5}});
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 2; }));
  const auto stats = pool->stats();
  ASSERT_EQ(stats.workers.size(), 5U);
  EXPECT_EQ(absent(stats), 3);
  EXPECT_EQ(stats.worker_deaths, 0U);
}

TEST_P(Conformance, Dynamic_ABurstIsAnsweredByAsManyWorkersAsThereMayBe) {
  const auto pool = make({.workers = {1, 4}});
  Gate gate(*pool);
  std::vector<Future<std::uint32_t>> futures;
  for (int i = 0; i < 12; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
  EXPECT_TRUE(gate.wait_entered(4)) << "a task waited while a worker could be started";
  EXPECT_EQ(pool->stats().workers_alive(), 4);
  EXPECT_EQ(gate.entered(), 4U);
  gate.open();
  for (auto& future : futures) static_cast<void>(value_of(future));
}

TEST_P(Conformance, Dynamic_ATaskThatWaitsBehindBusyWorkersStartsOne) {
  const auto pool = make({.workers = {1, 3}});
  Gate gate(*pool);
  std::vector<Future<std::uint32_t>> futures;
  for (std::uint32_t busy = 1; busy <= 3; ++busy) {
    futures.push_back(pool->submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(busy));
  }
}

TEST_P(Conformance, Dynamic_IdleWorkersLeaveInPeaceAndComeBackWhenNeeded) {
  EventLog log;
  const auto pool = make({.workers = {1, 3}, .idle_timeout = milliseconds(10), .on_event = log.callback()});
  for (std::size_t round = 1; round <= 3; ++round) {
    Gate gate(*pool);
    std::vector<Future<std::uint32_t>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(3));
    gate.open();
    for (auto& future : futures) static_cast<void>(value_of(future));
    ASSERT_TRUE(eventually([&] { return pool->stats().workers_alive() == 1; })) << "round " << round;
    ASSERT_TRUE(log.wait_for(EventKind::kWorkerRetired, 2 * round));
  }
  EXPECT_EQ(absent(pool->stats()), 2);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
  EXPECT_EQ(pool->stats().recycled, 0U);
  EXPECT_EQ(log.count(EventKind::kWorkerLost), 0U);
}

TEST_P(Conformance, Dynamic_ItNeverShrinksBelowItsLeast) {
  EventLog log;
  const auto pool = make({.workers = {2, 4}, .idle_timeout = milliseconds(5), .on_event = log.callback()});
  ASSERT_TRUE(eventually([&] { return pool->stats().workers_alive() >= 2; }));
  int least = 2;
  for (std::size_t round = 1; round <= 3; ++round) {
    Gate gate(*pool);
    std::vector<Future<std::uint32_t>> futures;
    for (int i = 0; i < 4; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(4));
    gate.open();
    ASSERT_TRUE(eventually([&] {
      const int alive = pool->stats().workers_alive();
      least = std::min(least, alive);
      return alive == 2 && log.count(EventKind::kWorkerRetired) == 2 * round;
    }));
  }
  EXPECT_EQ(least, 2);
}

TEST_P(Conformance, Dynamic_NothingIsLostWhileThePoolBreathes) {
  const auto pool = make({.workers = {1, 4}, .idle_timeout = milliseconds(1), .queue_capacity = 256});
  for (int round = 0; round < 60; ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 30; ++i) futures.push_back(pool->submit<identity>(i));
    for (int i = 0; i < 30; ++i) ASSERT_EQ(value_of(futures[static_cast<std::size_t>(i)]), i);
    if (round % 4 == 0) {
      ASSERT_TRUE(eventually([&] { return pool->stats().workers_alive() == 1; }));
    }
  }
  EXPECT_EQ(pool->stats().completed, 1800U);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
}

TEST_P(Conformance, Dynamic_ResizeChangesTheStrengthUpToTheMostThatThePoolWasMadeWith) {
  const auto pool = make({.workers = {1, 4}});
  pool->resize(3);
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 3; }));
  pool->resize(4);
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 4; }));
  pool->resize(1);
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 1; }));
  pool->resize({2, 4});
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() >= 2; }));
  EXPECT_EQ(pool->stats().workers.size(), 4U);
  EXPECT_EQ(value_of(pool->submit<identity>(5)), 5);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
}

TEST_P(Conformance, Dynamic_AFixedPoolCanBeMadeSmallerAndLargerAgain) {
  const auto pool = make({.workers = 3});
  pool->resize(1);
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 1; }));
  pool->resize(3);
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 3; }));
}

TEST_P(Conformance, Dynamic_AnImpossibleResizeIsRefusedInWordsAndChangesNothing) {
  const auto pool = make({.workers = {1, 3}});
  for (const auto impossible :
       {WorkerRange(1, 4), WorkerRange(3, 2), WorkerRange(-1, 2), WorkerRange(0, 3)}) {
    try {
      pool->resize(impossible);
      ADD_FAILURE() << impossible.min << " to " << impossible.max << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("workers"));
    }
  }
  EXPECT_EQ(value_of(pool->submit<identity>(1)), 1);
}

TEST_P(Conformance, Dynamic_ResizesUnderLoadLoseNothing) {
  const auto pool = make(
      {.workers = {1, 4}, .queue_capacity = 64, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  std::atomic<bool> done{false};
  std::thread resizer([&] {
    for (int size = 1; !done; size = size % 4 + 1) {
      pool->resize(size);
      std::this_thread::yield();
    }
  });
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4000; ++i) futures.push_back(pool->submit<identity>(i));
  int wrong = 0;
  for (int i = 0; i < 4000; ++i) wrong += value_of(futures[static_cast<std::size_t>(i)]) != i;
  done = true;
  resizer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
  EXPECT_TRUE(pool->drain(kPatience));
}

}  // namespace
}  // namespace twinpool::conformance
