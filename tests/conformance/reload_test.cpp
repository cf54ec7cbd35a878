// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/conformance/event_log.h"
#include "tests/conformance/notebook.h"

/// Workers replaced in peace (reload, RecyclingOptions): nothing lost, and no dip in strength.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;

int identity(int n) { return n; }

std::set<int> ids_of(const PoolStats& stats) {
  std::set<int> ids;
  for (const auto& worker : stats.workers) ids.insert(worker.id);
  return ids;
}
std::vector<int> common(const std::set<int>& one, const std::set<int>& other) {
  std::vector<int> both;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(both));
  return both;
}

/// Submits without end and checks every value; watches the strength meanwhile.
class Load {
 public:
  explicit Load(Pool& pool) : pool_(pool), thread_([this] { run(); }), watcher_([this] { watch(); }) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { end(); }
  void end() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    if (watcher_.joinable()) watcher_.join();
  }
  [[nodiscard]] int values() const { return values_; }
  [[nodiscard]] int wrong() const { return wrong_; }
  [[nodiscard]] int least_alive() const { return least_alive_; }

 private:
  void run() {
    for (int first = 0; !done_; first += 16) {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 16; ++i) futures.push_back(pool_.submit<identity>(first + i));
      for (int i = 0; i < 16; ++i) {
        auto outcome = outcome_of(futures[static_cast<std::size_t>(i)]);
        if (!outcome || outcome.value() != first + i) ++wrong_;
        ++values_;
      }
    }
  }
  void watch() {
    while (!done_) {
      least_alive_ = std::min(least_alive_.load(), pool_.stats().workers_alive());
      std::this_thread::yield();
    }
  }

  Pool& pool_;
  std::atomic<bool> done_{false};
  std::atomic<int> values_{0};
  std::atomic<int> wrong_{0};
  std::atomic<int> least_alive_{1000};
  std::thread thread_;
  std::thread watcher_;
};

bool at_strength(const Pool& pool, int workers) {
  return eventually([&] { return pool.stats().workers_alive() == workers; });
}

TEST_P(Conformance, Reload_EveryWorkerIsANewOneAfterwards) {
  EventLog log;
  const auto pool = make({.workers = 3, .on_event = log.callback()});
  ASSERT_TRUE(at_strength(*pool, 3));
  auto before = ids_of(pool->stats());
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(pool->reload(kPatience));
    const auto after = ids_of(pool->stats());
    EXPECT_TRUE(common(before, after).empty()) << "round " << round;
    EXPECT_EQ(after.size(), 3U);
    EXPECT_TRUE(log.wait_for(EventKind::kWorkerRecycled, 3 * round));
    before = after;
  }
  const auto stats = pool->stats();
  EXPECT_EQ(stats.recycled, 9U);
  EXPECT_EQ(stats.worker_deaths, 0U);
  for (const auto& worker : stats.workers) EXPECT_EQ(worker.recycled, 3U);
  EXPECT_EQ(log.count(EventKind::kWorkerRecycled), 9U);
  EXPECT_EQ(log.count(EventKind::kWorkerLost), 0U);
  EXPECT_EQ(value_of(pool->submit<identity>(4)), 4);
}

TEST_P(Conformance, Reload_UnderLoadNothingIsLostAndTheStrengthDoesNotDip) {
  const auto pool = make({.workers = 2, .queue_capacity = 64});
  ASSERT_TRUE(at_strength(*pool, 2));
  Load load(*pool);
  for (int round = 0; round < 5; ++round) EXPECT_TRUE(pool->reload(kPatience)) << "round " << round;
  const int values = load.values();
  EXPECT_TRUE(eventually([&] { return load.values() > values; }));
  load.end();
  EXPECT_EQ(load.wrong(), 0);
  EXPECT_GE(load.least_alive(), 2);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
  EXPECT_EQ(pool->stats().recycled, 10U);
}

TEST_P(Conformance, Reload_WaitsForARunningTaskAndEndsNone) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_FALSE(pool->reload(milliseconds(30))) << "its only worker is in a task";
  EXPECT_FALSE(running.ready());
  gate.open();
  const int old = value_of(running);
  EXPECT_TRUE(pool->reload(kPatience));
  EXPECT_NE(value_of(pool->submit<worker_id>()), old);
}

TEST_P(Conformance, Reload_QueuedTasksAndTheirOrderStay) {
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 16);
  pool->pause();
  std::vector<Future<Unit>> futures;
  for (std::uint32_t i = 0; i < 8; ++i) futures.push_back(pool->submit<note>(notes.words(), i));
  EXPECT_TRUE(pool->reload(kPatience)) << "a paused worker is between two tasks";
  pool->resume();
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
  EXPECT_THAT(notes.read(), ::testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_P(Conformance, Reload_OfAClosedPoolGivesFalse) {
  const auto pool = make({.workers = 1});
  ASSERT_TRUE(pool->stop(kPatience));
  EXPECT_FALSE(pool->reload(kPatience));
}

TEST_P(Conformance, Reload_ADynamicPoolKeepsItsSize) {
  const auto pool = make({.workers = {1, 3}, .idle_timeout = kPatience * 60});
  pool->resize({2, 3});
  ASSERT_TRUE(at_strength(*pool, 2));
  EXPECT_TRUE(pool->reload(kPatience));
  EXPECT_TRUE(at_strength(*pool, 2));
}

TEST_P(Conformance, Recycling_AWorkerThatHasDoneItsShareOfTasksIsReplaced) {
  EventLog log;
  const auto pool = make({.workers = 2,
                          .queue_capacity = 64,
                          .recycling = {.max_tasks = 50, .jitter = 0.5},
                          .on_event = log.callback()});
  ASSERT_TRUE(at_strength(*pool, 2));
  Load load(*pool);
  EXPECT_TRUE(eventually([&] { return pool->stats().recycled >= 6; }));
  load.end();
  EXPECT_EQ(load.wrong(), 0);
  EXPECT_GE(load.least_alive(), 2);
  const auto stats = pool->stats();
  EXPECT_EQ(stats.worker_deaths, 0U);
  EXPECT_GE(stats.completed, 6U * 25U) << "a share is shortened by half at most";
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerRecycled, 6));
  EXPECT_EQ(stats.completed, static_cast<std::uint64_t>(load.values())) << "counts outlive the workers";
}

TEST_P(Conformance, Recycling_AnIdleWorkerIsReplacedByAge) {
  const auto pool = make({.workers = 2, .recycling = {.max_age = milliseconds(20)}});
  ASSERT_TRUE(at_strength(*pool, 2));
  int least = 2;
  EXPECT_TRUE(eventually([&] {
    const auto stats = pool->stats();
    least = std::min(least, stats.workers_alive());
    return stats.recycled >= 6;
  }));
  EXPECT_EQ(least, 2);
  EXPECT_EQ(value_of(pool->submit<identity>(3)), 3);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
}

TEST_P(Conformance, Recycling_NobodyIsReplacedWhereNobodyAskedForIt) {
  const auto pool = make({.workers = 2});
  ASSERT_TRUE(at_strength(*pool, 2));
  const auto before = ids_of(pool->stats());
  for (int i = 0; i < 2000; ++i) static_cast<void>(value_of(pool->submit<identity>(i)));
  EXPECT_EQ(ids_of(pool->stats()), before);
  EXPECT_EQ(pool->stats().recycled, 0U);
}

TEST_P(Conformance, Recycling_ARunningTaskIsNeverCutShort) {
  const auto pool = make({.workers = 1, .recycling = {.max_age = milliseconds(5)}});
  Gate gate(*pool);
  auto running = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto limited = pool->submit<worker_id>(with{.priority = -1, .wait_limit = milliseconds(60)});
  static_cast<void>(
      outcome_of(limited));  // twelve times the age has passed, or a fresh worker was there to run it
  EXPECT_FALSE(running.ready());
  gate.open();
  EXPECT_GT(value_of(running), 0);
}

}  // namespace
}  // namespace twinpool::conformance
