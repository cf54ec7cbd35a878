// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/conformance/gate.h"

/// C13: stats() balances at every moment and is exact at the end.
namespace twinpool::conformance {
namespace {

int maybe_throw(int n) {
  if (n % 5 == 0) throw std::runtime_error("every fifth");
  return n;
}
int identity(int n) { return n; }
void busy_for(std::int64_t wanted_ns) {
  const auto end = Clock::now() + std::chrono::nanoseconds(wanted_ns);
  while (Clock::now() < end) {
  }
}

std::uint64_t outcomes(const PoolStats& stats) {
  return stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
         stats.rejected_later;
}
bool balances(const PoolStats& stats) { return stats.submitted == outcomes(stats) + stats.pending; }

std::uint64_t worker_tasks(const PoolStats& stats) {
  std::uint64_t tasks = 0;
  for (const auto& worker : stats.workers) tasks += worker.tasks;
  return tasks;
}

/// Percentiles may miss the newest values for a moment (shared/histogram.h), but never one for good and none
/// twice.
bool come_to_count(const Pool& pool, std::uint64_t tasks) {
  return eventually([&] {
           const auto stats = pool.stats();
           return stats.waiting.count() >= tasks && stats.running.count() >= tasks;
         }) &&
         pool.stats().waiting.count() == tasks && pool.stats().running.count() == tasks;
}

TEST_P(Conformance, C13_AFreshPoolHasCountedNothing) {
  const auto pool = make({.workers = 3});
  const auto stats = pool->stats();
  EXPECT_EQ(stats.submitted, 0U);
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(outcomes(stats), 0U);
  EXPECT_EQ(stats.refused, 0U);
  EXPECT_EQ(stats.worker_deaths, 0U);
  EXPECT_FALSE(stats.degraded);
  EXPECT_EQ(stats.waiting.count(), 0U);
  EXPECT_EQ(stats.running.count(), 0U);
  EXPECT_EQ(stats.shared_bytes_in_use, 0U);
  ASSERT_EQ(stats.workers.size(), 3U);
}

TEST_P(Conformance, C13_EveryWorkerHasItsPlaceAndItsOwnId) {
  const auto pool = make({.workers = 4});
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 4; }));
  const auto stats = pool->stats();
  std::set<int> ids;
  for (std::size_t i = 0; i < stats.workers.size(); ++i) {
    EXPECT_EQ(stats.workers[i].index, static_cast<int>(i));
    EXPECT_GT(stats.workers[i].id, 0);
    EXPECT_EQ(stats.workers[i].restarts, 0U);
    EXPECT_TRUE(stats.workers[i].last_death.empty());
    ids.insert(stats.workers[i].id);
  }
  EXPECT_EQ(ids.size(), 4U);
}

TEST_P(Conformance, C13_TheSumHoldsAtEveryMomentAndIsExactAtTheEnd) {
  constexpr int kThreads = 3;
  constexpr int kEach = 4000;
  const auto pool = make({.workers = 2, .queue_capacity = 256, .when_full = WhenFull::kBlock});
  std::atomic<bool> done{false};
  std::atomic<int> unbalanced{0};
  std::atomic<int> went_back{0};
  std::atomic<int> samples{0};
  std::thread sampler([&] {
    PoolStats last;
    while (!done) {
      const auto now = pool->stats();
      if (!balances(now)) ++unbalanced;
      if (now.submitted < last.submitted || outcomes(now) < outcomes(last)) ++went_back;
      last = now;
      ++samples;
    }
  });
  std::vector<std::thread> submitters;
  for (int t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&] {
      std::vector<Future<int>> kept;
      for (int i = 0; i < kEach; ++i) {
        auto future = pool->submit<maybe_throw>(i);
        if (i % 3 == 0) kept.push_back(std::move(future));  // the rest are dropped
      }
      for (auto& future : kept) static_cast<void>(outcome_of(future));
    });
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_TRUE(eventually([&] { return samples.load() > 20; }));
  done = true;
  sampler.join();
  EXPECT_EQ(unbalanced.load(), 0) << "of " << samples.load() << " samples";
  EXPECT_EQ(went_back.load(), 0) << "of " << samples.load() << " samples";

  ASSERT_TRUE(pool->drain(kPatience));
  const auto stats = pool->stats();
  EXPECT_EQ(stats.submitted, static_cast<std::uint64_t>(kThreads * kEach));
  EXPECT_EQ(stats.completed, static_cast<std::uint64_t>(kThreads * kEach / 5 * 4));
  EXPECT_EQ(stats.failed, static_cast<std::uint64_t>(kThreads * kEach / 5));
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(worker_tasks(stats), stats.submitted);
}

TEST_P(Conformance, C13_ATaskIsPendingUntilItSettlesAndCountedAsSoonAsItsFutureIsReady) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<identity>(1);
  auto stats = pool->stats();
  EXPECT_EQ(stats.submitted, 2U);
  EXPECT_EQ(stats.pending, 2U);
  gate.open();
  running.wait();
  queued.wait();
  stats = pool->stats();
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(stats.completed, 2U);
}

TEST_P(Conformance, C13_WorkersSayThatTheyAreBusyAndIdle) {
  const auto pool = make({.workers = 2});
  const auto in_state = [&](WorkerState state) {
    int count = 0;
    for (const auto& worker : pool->stats().workers) count += worker.state == state;
    return count;
  };
  EXPECT_TRUE(eventually([&] { return in_state(WorkerState::kIdle) == 2; }));
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_EQ(in_state(WorkerState::kBusy), 1);
  EXPECT_EQ(in_state(WorkerState::kIdle), 1);
  gate.open();
  held.wait();
  EXPECT_TRUE(eventually([&] { return in_state(WorkerState::kIdle) == 2; }));
}

TEST_P(Conformance, C13_EveryTaskCarriesItsTimesWhenAskedTo) {
  const auto pool = make({.workers = 1, .timing = Timing::kEvery});
  const auto begin = Clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  for (int i = 0; i < 6000; ++i) {
    auto future = pool->submit<identity>(i);
    ASSERT_TRUE(future.wait_for(kPatience));
    const auto times = future.timing();
    ASSERT_TRUE(times.has_value()) << i;
    ASSERT_LE(begin, times->submitted_ns);
    ASSERT_LE(times->submitted_ns, times->started_ns);
    ASSERT_LE(times->started_ns, times->settled_ns);
    ASSERT_LE(times->settled_ns, Clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  }
  EXPECT_TRUE(come_to_count(*pool, 6000));
}

TEST_P(Conformance, C13_TheFirstTasksAreSampledAllAndLaterOnesOneInSixteen) {
  const auto pool = make({.workers = 1, .queue_capacity = 1024, .when_full = WhenFull::kBlock});
  for (int i = 0; i < 4096 + 1600; ++i) {
    auto future = pool->submit<identity>(i);
    ASSERT_TRUE(future.wait_for(kPatience));
    if (i < 4096) {
      ASSERT_TRUE(future.timing().has_value()) << i;
    }
  }
  EXPECT_TRUE(come_to_count(*pool, 4096 + 100));
}

TEST_P(Conformance, C13_WaitingAndRunningAreToldApart) {
  constexpr std::int64_t kRun = 20'000'000;
  const auto pool = make({.workers = 1, .timing = Timing::kEvery});
  auto first = pool->submit<busy_for>(kRun);
  auto second = pool->submit<busy_for>(std::int64_t{0});
  static_cast<void>(outcome_of(first));
  ASSERT_TRUE(second.wait_for(kPatience));
  const auto times = second.timing();
  ASSERT_TRUE(times.has_value());
  EXPECT_TRUE(come_to_count(*pool, 2));
  const auto stats = pool->stats();
  // The first ran for at least 20 ms, known to 3 %.
  EXPECT_GE(stats.running.max_ns(), static_cast<std::uint64_t>(kRun));
  ASSERT_EQ(stats.workers.size(), 1U);
  EXPECT_GE(stats.workers[0].busy, std::chrono::nanoseconds(kRun));
}

TEST_P(Conformance, C13_ResettingTheLatencyStartsThePercentilesAnewAndKeepsTheCounts) {
  const auto pool = make({.workers = 2, .timing = Timing::kEvery});
  for (int i = 0; i < 200; ++i) static_cast<void>(value_of(pool->submit<identity>(i)));
  EXPECT_TRUE(come_to_count(*pool, 200));
  pool->reset_latency();
  auto stats = pool->stats();
  EXPECT_EQ(stats.waiting.count(), 0U);
  EXPECT_EQ(stats.running.count(), 0U);
  EXPECT_EQ(stats.completed, 200U);
  EXPECT_EQ(worker_tasks(stats), 200U);
  for (int i = 0; i < 70; ++i) static_cast<void>(value_of(pool->submit<identity>(i)));
  EXPECT_TRUE(come_to_count(*pool, 70));
  stats = pool->stats();
  EXPECT_EQ(stats.completed, 270U);
}

TEST_P(Conformance, C13_NumbersStayAfterThePoolWasStopped) {
  const auto pool = make({.workers = 2});
  for (int i = 0; i < 100; ++i) static_cast<void>(outcome_of(pool->submit<maybe_throw>(i)));
  ASSERT_TRUE(pool->stop(kPatience));
  const auto stats = pool->stats();
  EXPECT_EQ(stats.submitted, 100U);
  EXPECT_EQ(stats.completed, 80U);
  EXPECT_EQ(stats.failed, 20U);
  EXPECT_EQ(worker_tasks(stats), 100U);
}

}  // namespace
}  // namespace twinpool::conformance
