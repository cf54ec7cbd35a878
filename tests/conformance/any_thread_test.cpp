// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include "tests/conformance/gate.h"

/// C16: any thread may submit, wait and read stats; a task of the thread twin may submit to its own pool and
/// wait.
namespace twinpool::conformance {
namespace {

// Only the thread twin's tasks look at it: what a worker process has is a copy from before there was a pool.
Pool* nested_pool = nullptr;

int identity(int n) { return n; }
int dive(int depth) { return depth == 0 ? 0 : 1 + nested_pool->submit<dive>(depth - 1).get(); }
int fib(int n) {
  if (n < 2) return n;
  auto left = nested_pool->submit<fib>(n - 1);
  auto right = nested_pool->submit<fib>(n - 2);
  return left.get() + right.get();
}
int fan_out(int width) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < width; ++i) futures.push_back(nested_pool->submit<identity>(i));
  int total = 0;
  for (auto& future : futures) total += future.get();
  return total;
}
int forget_children(int width) {
  for (int i = 0; i < width; ++i) static_cast<void>(nested_pool->submit<identity>(i));
  return width;
}
int wait_with_deadline(int n) {
  auto child = nested_pool->submit<identity>(n);
  while (!child.wait_for(std::chrono::milliseconds(1))) {
  }
  return child.get();
}
int dive_and_throw(int depth) {
  if (depth == 0) throw std::runtime_error("at the bottom");
  return nested_pool->submit<dive_and_throw>(depth - 1).get();
}

/// Gives: null where a task cannot submit to its own pool.
std::unique_ptr<Pool> nesting(std::unique_ptr<Pool> pool) {
  if (!pool->guarantees().nested_submission) return nullptr;
  nested_pool = pool.get();
  return pool;
}

TEST_P(Conformance, C16_ManyThreadsSubmitAndEachGetsItsOwnValues) {
  const auto pool = make({.workers = 2, .queue_capacity = 512, .when_full = WhenFull::kBlock});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future<int>> window;
      for (int i = 0; i < 2000; ++i) {
        window.push_back(pool->submit<identity>(t * 10'000 + i));
        if (window.size() == 32) {
          for (int k = 0; k < 32; ++k) {
            if (value_of(window[static_cast<std::size_t>(k)]) != t * 10'000 + i - 31 + k) ++wrong;
          }
          window.clear();
        }
      }
      for (auto& future : window) static_cast<void>(value_of(future));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(pool->stats().completed, 16'000U);
}

TEST_P(Conformance, C16_AnotherThreadThanTheSubmitterMayWait) {
  const auto pool = make();
  Gate gate(*pool);
  std::vector<Future<std::uint32_t>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
  std::atomic<int> settled{0};
  std::vector<std::thread> waiters;
  for (auto& future : futures) {
    waiters.emplace_back([&settled, own = std::move(future)]() mutable {
      if (outcome_of(own).has_value()) ++settled;
    });
  }
  gate.open();
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(settled.load(), 20);
}

TEST_P(Conformance, C16_StatsAndBuffersFromManyThreadsWhileTasksRun) {
  const auto pool = make({.workers = 2, .queue_capacity = 256, .when_full = WhenFull::kBlock});
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        static_cast<void>(pool->stats());
        pool->reset_latency();
        auto words = pool->make_shared_buffer<std::uint32_t>(1000);
        words[999] = 1;
      }
    });
  }
  int wrong = 0;
  for (int i = 0; i < 3000; ++i) wrong += value_of(pool->submit<identity>(i)) != i;
  done = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_P(Conformance, C16_AThreadThatEndsLeavesItsTasksBehindUnharmed) {
  const auto pool = make();
  std::vector<Future<int>> futures(100);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    std::thread([&, i] { futures[i] = pool->submit<identity>(static_cast<int>(i)); }).join();
  }
  for (std::size_t i = 0; i < futures.size(); ++i) EXPECT_EQ(value_of(futures[i]), static_cast<int>(i));
}

TEST_P(Conformance, C16_ATaskMaySubmitToItsOwnPoolAndWaitThirtyDeepWithAnyNumberOfWorkers) {
  for (const int workers : {1, 2, 3}) {
    const auto pool = nesting(make({.workers = workers}));
    if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
    EXPECT_EQ(value_of(pool->submit<dive>(30)), 30) << workers << " workers";
  }
}

TEST_P(Conformance, C16_ARecursionWiderThanTheQueueFinishes) {
  const auto pool = nesting(make({.workers = 2, .queue_capacity = 8}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  EXPECT_EQ(value_of(pool->submit<fib>(15)), 610);
}

TEST_P(Conformance, C16_ARecursionOnOneWorkerFinishes) {
  const auto pool = nesting(make({.workers = 1, .queue_capacity = 1}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  EXPECT_EQ(value_of(pool->submit<fib>(12)), 144);
}

TEST_P(Conformance, C16_ATaskNeverBlocksOnAFullQueueOfItsOwnPool) {
  const auto pool = nesting(
      make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = kPatience}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  EXPECT_EQ(value_of(pool->submit<fan_out>(500)), 500 * 499 / 2);
  EXPECT_EQ(value_of(pool->submit<forget_children>(500)), 500);
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(pool->stats().completed, 1002U);
  EXPECT_EQ(pool->stats().refused, 0U);
}

TEST_P(Conformance, C16_ManyNestedTreesAtOnceFinish) {
  const auto pool = nesting(make({.workers = 2, .queue_capacity = 64, .when_full = WhenFull::kBlock}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  std::vector<Future<int>> futures;
  for (int i = 0; i < 60; ++i) futures.push_back(pool->submit<fib>(8));
  for (auto& future : futures) EXPECT_EQ(value_of(future), 21);
}

TEST_P(Conformance, C16_ANestedWaitWithADeadlineHelpsToo) {
  const auto pool = nesting(make({.workers = 1}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  EXPECT_EQ(value_of(pool->submit<wait_with_deadline>(17)), 17);
}

TEST_P(Conformance, C16_ANestedFailureComesUpThroughEveryLevel) {
  const auto pool = nesting(make({.workers = 2}));
  if (!pool) GTEST_SKIP() << "refused by this twin: see tests/isolation/hygiene_test.cpp";
  const auto failure = failure_of(pool->submit<dive_and_throw>(5));
  EXPECT_EQ(failure.kind, FailureKind::kThrew);
  EXPECT_EQ(failure.type_name, "twinpool::TaskError");
  EXPECT_NE(failure.message.find("at the bottom"), std::string::npos);
}

}  // namespace
}  // namespace twinpool::conformance
