// SPDX-License-Identifier: Apache-2.0
// How a pool of threads ends: drain, stop, the destructor, and what outlives them.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

int add(int a, int b) { return a + b; }

/// A task that does not return before the gate is open.
std::atomic<bool> gate_open{false};
std::atomic<int> at_gate{0};
std::atomic<int> past_gate{0};
std::string wait_at_gate(std::string value) {
  at_gate.fetch_add(1);
  while (!gate_open.load()) std::this_thread::sleep_for(1ms);
  past_gate.fetch_add(1);
  return value;
}
void close_gate() {
  gate_open.store(false);
  at_gate.store(0);
  past_gate.store(0);
}
void wait_until(const std::atomic<int>& counter, int count) {
  while (counter.load() < count) std::this_thread::yield();
}

template <typename T>
FailureKind kind_of(Future<T>& future) {
  const auto outcome = future.outcome();
  EXPECT_FALSE(outcome.has_value());
  return outcome.has_value() ? FailureKind{} : outcome.failure().kind;
}

/// What `pool` counts once no task counts twice any more: one that its worker and stop() settle at the same
/// moment does, until that worker has got to take its count back.
PoolStats stats_at_rest(const ThreadPool& pool, std::uint64_t submitted) {
  const auto deadline = Clock::now() + 60s;
  PoolStats stats = pool.stats();
  while (stats.submitted != submitted && Clock::now() < deadline) {
    std::this_thread::yield();
    stats = pool.stats();
  }
  return stats;
}

TEST(Ending, DrainFinishesWhatWasAcceptedAndRefusesMore) {
  ThreadPool pool({.workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(pool.submit<add>(i, 1));
  EXPECT_TRUE(pool.drain(60s));
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(futures[static_cast<std::size_t>(i)].ready());
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i + 1);
  }
  EXPECT_EQ(pool.try_submit<add>(1, 1).error(), SubmitError::kClosed);
  EXPECT_TRUE(pool.drain(0s));
  EXPECT_TRUE(pool.stop(0s));
  for (const auto& worker : pool.stats().workers) EXPECT_EQ(worker.state, WorkerState::kStopped);
}

TEST(Ending, DrainGivesUpAtItsLimitAndTheTaskGoesOn) {
  close_gate();
  ThreadPool pool({.workers = 1});
  auto future = pool.submit<wait_at_gate>("late");
  EXPECT_FALSE(pool.drain(1ms));
  gate_open.store(true);
  EXPECT_EQ(future.get(), "late");
  EXPECT_TRUE(pool.drain(60s));
}

TEST(Ending, StopSettlesTheQueuedAndLetsTheRunningFinish) {
  close_gate();
  ThreadPool pool({.workers = 1});
  auto running = pool.submit<wait_at_gate>("done");
  wait_until(at_gate, 1);
  auto queued = pool.submit<wait_at_gate>("never");
  std::optional<bool> clean;
  std::thread stopper([&] { clean = pool.stop(60s); });
  EXPECT_EQ(kind_of(queued), FailureKind::kPoolClosed);
  gate_open.store(true);
  EXPECT_EQ(running.get(), "done");
  stopper.join();
  EXPECT_EQ(clean, true);
  EXPECT_EQ(at_gate.load(), 1);
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.submitted, 2U);
  EXPECT_EQ(stats.completed, 1U);
  EXPECT_EQ(stats.rejected_later, 1U);
}

/// A drain without limit sleeps while stop() sends the worker home from its last task. A drain that nobody
/// tells hangs until the time limit of the test.
TEST(Ending, StopLetsADrainReturn) {
  for (int round = 0; round < 20; ++round) {
    close_gate();
    ThreadPool pool({.workers = 1});
    auto running = pool.submit<wait_at_gate>("done");
    wait_until(at_gate, 1);
    auto queued = pool.submit<wait_at_gate>("never");
    std::thread drainer([&] { EXPECT_TRUE(pool.drain(std::chrono::nanoseconds::max())); });
    while (pool.try_submit<add>(1, 1)) std::this_thread::yield();
    std::thread stopper([&] { EXPECT_TRUE(pool.stop(60s)); });
    EXPECT_EQ(kind_of(queued), FailureKind::kPoolClosed);
    gate_open.store(true);
    EXPECT_EQ(running.get(), "done");
    drainer.join();
    stopper.join();
  }
}

TEST(Ending, StopLeavesAThreadBehindThatDoesNotReturn) {
  close_gate();
  {
    ThreadPool pool({.workers = 2});
    auto stuck = pool.submit<wait_at_gate>("too late");
    wait_until(at_gate, 1);
    EXPECT_FALSE(pool.stop(1ms));
    EXPECT_TRUE(stuck.ready());
    EXPECT_FALSE(stuck.timing().has_value());
    EXPECT_EQ(kind_of(stuck), FailureKind::kPoolClosed);
    EXPECT_FALSE(pool.stop(1ms));
    EXPECT_EQ(pool.stats().rejected_later, 1U);
    EXPECT_EQ(pool.stats().pending, 0U);
  }
  // The thread still has its slot and its arguments, though the pool is gone.
  gate_open.store(true);
  wait_until(past_gate, 1);
}

TEST(Ending, TheDestructorLeavesAThreadBehindAfterItsLimit) {
  close_gate();
  Future<std::string> stuck;
  Future<std::string> queued;
  {
    ThreadPool pool({.workers = 1, .stop_limit = 1ms});
    stuck = pool.submit<wait_at_gate>("too late");
    wait_until(at_gate, 1);
    queued = pool.submit<wait_at_gate>("never");
  }
  EXPECT_EQ(kind_of(queued), FailureKind::kPoolClosed);
  EXPECT_EQ(kind_of(stuck), FailureKind::kPoolClosed);
  gate_open.store(true);
  wait_until(past_gate, 1);
}

TEST(Ending, FuturesOutliveTheirPool) {
  std::vector<Future<int>> futures;
  std::vector<Future<std::string>> dropped;
  {
    ThreadPool pool({.workers = 2});
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<add>(i, i));
    for (int i = 0; i < 100; ++i) {
      dropped.push_back(pool.submit<[](int n) { return std::string(1000, static_cast<char>(n)); }>(i));
    }
    ASSERT_TRUE(pool.drain(60s));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), 2 * i);
  dropped.clear();
}

TEST(Ending, FuturesMayBeDroppedWhileThePoolGoes) {
  for (int round = 0; round < 50; ++round) {
    auto pool = std::make_unique<ThreadPool>(PoolOptions{.workers = 2});
    std::vector<Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool->submit<add>(i, i));
    std::thread dropper([&] { futures.clear(); });
    pool.reset();
    dropper.join();
  }
}

TEST(Ending, SharedBuffersOutliveTheirPool) {
  SharedBuffer<int> buffer;
  {
    ThreadPool pool({.workers = 1});
    buffer = pool.make_shared_buffer<int>(10);
    pool.submit<[](SharedBuffer<int> shared) { shared[3] = 4; }>(buffer).get();
  }
  EXPECT_EQ(buffer[3], 4);
}

/// Each task settles once, whichever of worker and stop() comes first, and the numbers agree with what the
/// Futures say.
TEST(Ending, SettlesOnceWhenStopAndWorkersRace) {
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool({.workers = 2, .queue_capacity = 4096});
    std::atomic<bool> started{false};
    std::vector<Future<int>> futures;
    std::atomic<std::uint64_t> refused{0};
    std::thread submitter([&] {
      for (int i = 0; i < 300; ++i) {
        auto submission = pool.try_submit<add>(i, 1);
        if (submission) {
          futures.push_back(std::move(submission.future()));
        } else {
          refused.fetch_add(1);
        }
        started.store(true);
      }
    });
    while (!started.load()) std::this_thread::yield();
    pool.stop(std::chrono::microseconds(round));
    submitter.join();
    std::uint64_t values = 0;
    std::uint64_t closed = 0;
    for (auto& future : futures) {
      ASSERT_TRUE(future.wait_for(60s));
      const auto outcome = future.outcome();
      if (outcome) {
        ++values;
      } else {
        EXPECT_EQ(outcome.failure().kind, FailureKind::kPoolClosed);
        ++closed;
      }
    }
    const PoolStats stats = stats_at_rest(pool, futures.size());
    EXPECT_EQ(stats.submitted, futures.size());
    EXPECT_EQ(stats.completed, values);
    EXPECT_EQ(stats.rejected_later, closed);
    EXPECT_EQ(stats.pending, 0U);
    EXPECT_EQ(stats.refused, refused.load());
  }
}

/// Tasks that end at about the moment when stop() gives up on them.
TEST(Ending, SettlesOnceWhenATaskEndsAtTheLimit) {
  for (int round = 0; round < 200; ++round) {
    auto pool = std::make_unique<ThreadPool>(PoolOptions{.workers = 2});
    std::vector<Future<std::string>> futures;
    for (int i = 0; i < 2; ++i) {
      futures.push_back(pool->submit<[](int spins) {
        std::atomic<int> sum{0};
        for (int n = 0; n < spins; ++n) sum.fetch_add(n, std::memory_order_relaxed);
        return std::string(200, 'x');
      }>(round * 100));
    }
    const bool clean = pool->stop(std::chrono::microseconds(round));
    int values = 0;
    for (auto& future : futures) values += future.outcome().has_value() ? 1 : 0;
    const PoolStats stats = stats_at_rest(*pool, 2);
    EXPECT_EQ(stats.completed, static_cast<std::uint64_t>(values));
    EXPECT_EQ(stats.completed + stats.rejected_later, 2U);
    EXPECT_TRUE(clean || stats.rejected_later > 0);
    pool.reset();
  }
}

ThreadPool* pool_under_test = nullptr;

TEST(Ending, ATaskMayStopItsOwnPool) {
  ThreadPool pool({.workers = 2});
  pool_under_test = &pool;
  auto future = pool.submit<[](int) { return pool_under_test->stop(1ms); }>(0);
  EXPECT_EQ(kind_of(future), FailureKind::kPoolClosed);
  EXPECT_FALSE(pool.stop(60s));
}

bool nested_is_refused(int) {
  while (pool_under_test->try_submit<add>(1, 1)) std::this_thread::yield();
  return pool_under_test->try_submit<add>(1, 1).error() == SubmitError::kClosed;
}

TEST(Ending, DrainRefusesNestedTasksToo) {
  ThreadPool pool({.workers = 1});
  pool_under_test = &pool;
  auto future = pool.submit<nested_is_refused>(0);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_TRUE(future.get());
}

}  // namespace
}  // namespace twinpool::threads
