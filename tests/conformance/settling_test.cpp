// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "tests/conformance/gate.h"

/// C1: every accepted task settles exactly once. C6: first in, first out.
namespace twinpool::conformance {
namespace {

int square(int n) { return n * n; }
int refuse_odd(int n) {
  if (n % 2 != 0) throw std::domain_error("odd: " + std::to_string(n));
  return n;
}
std::vector<std::uint8_t> grow(std::uint64_t bytes) {
  std::vector<std::uint8_t> grown(bytes);
  std::iota(grown.begin(), grown.end(), std::uint8_t{1});
  return grown;
}
void count_run(Words runs, std::uint64_t at) { atomic_at(runs, at).fetch_add(1); }
std::uint32_t next_ticket(Words tickets) { return atomic_at(tickets, 0).fetch_add(1); }

TEST_P(Conformance, C1_EveryTaskGivesItsOwnValue) {
  const auto pool = make();
  std::vector<Future<int>> futures;
  for (int n = 0; n < 2000; ++n) futures.push_back(pool->submit<square>(n));
  for (int n = 0; n < 2000; ++n) ASSERT_EQ(value_of(futures[static_cast<std::size_t>(n)]), n * n);
}

TEST_P(Conformance, C1_ValuesAndExceptionsSettleSideBySide) {
  const auto pool = make();
  std::vector<Future<int>> futures;
  for (int n = 0; n < 2000; ++n) futures.push_back(pool->submit<refuse_odd>(n));
  for (int n = 0; n < 2000; ++n) {
    auto outcome = outcome_of(futures[static_cast<std::size_t>(n)]);
    ASSERT_EQ(outcome.has_value(), n % 2 == 0) << n;
    if (outcome) {
      ASSERT_EQ(outcome.value(), n);
    } else {
      ASSERT_EQ(outcome.failure().message, "odd: " + std::to_string(n));
    }
  }
}

TEST_P(Conformance, C1_FuturesTakenInReverseOrderKeepTheirValues) {
  const auto pool = make({.workers = 3});
  std::vector<Future<int>> futures;
  for (int n = 0; n < 1000; ++n) futures.push_back(pool->submit<square>(n));
  for (int n = 999; n >= 0; --n) {
    ASSERT_EQ(value_of(futures.back()), n * n);
    futures.pop_back();
  }
}

TEST_P(Conformance, C1_EveryTaskRunsExactlyOnce) {
  constexpr std::uint64_t kTasks = 4000;
  const auto pool = make({.workers = 4});
  const auto runs = pool->make_shared_buffer<std::uint32_t>(kTasks);
  std::vector<Future<Unit>> futures;
  for (std::uint64_t i = 0; i < kTasks; ++i) futures.push_back(pool->submit<count_run>(runs, i));
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
  for (std::uint64_t i = 0; i < kTasks; ++i) ASSERT_EQ(atomic_at(runs, i).load(), 1U) << i;
}

TEST_P(Conformance, C1_ADroppedFutureDoesNotStopItsTask) {
  constexpr std::uint64_t kTasks = 500;
  const auto pool = make();
  const auto runs = pool->make_shared_buffer<std::uint32_t>(kTasks);
  for (std::uint64_t i = 0; i < kTasks; ++i) static_cast<void>(pool->submit<count_run>(runs, i));
  ASSERT_TRUE(pool->drain(kPatience));
  for (std::uint64_t i = 0; i < kTasks; ++i) ASSERT_EQ(atomic_at(runs, i).load(), 1U) << i;
}

TEST_P(Conformance, C1_DroppingAFutureDoesNotWaitForItsTask) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  { const auto dropped = pool->submit<pass_gate>(gate.words()); }
  EXPECT_EQ(gate.left(), 0U);  // the destructor came back while the task was held
  gate.open();
  EXPECT_TRUE(eventually([&] { return gate.left() == 1; }));
}

TEST_P(Conformance, C1_WaitingWithADeadlineReportsWhetherTheTaskHasSettled) {
  const auto pool = make();
  Gate gate(*pool);
  auto future = pool->submit<pass_gate>(gate.words());
  EXPECT_FALSE(future.ready());
  EXPECT_FALSE(future.wait_for(std::chrono::milliseconds(5)));
  EXPECT_FALSE(future.wait_until(Clock::now() - std::chrono::seconds(1)));
  gate.open();
  EXPECT_TRUE(future.wait_for(kPatience));
  EXPECT_TRUE(future.ready());
  EXPECT_TRUE(future.wait_for(std::chrono::nanoseconds(0)));
  EXPECT_TRUE(future.wait_until(Clock::time_point::min()));
  EXPECT_EQ(value_of(future), 0U);
}

TEST_P(Conformance, C1_AWaitLongerThanTheClockCountsWaitsAsLongAsItTakes) {
  const auto pool = make();
  auto future = pool->submit<square>(5);
  EXPECT_TRUE(future.wait_for(std::chrono::nanoseconds::max()));
  EXPECT_TRUE(future.wait_until(Clock::time_point::max()));
  EXPECT_EQ(value_of(future), 25);
}

TEST_P(Conformance, C1_AResultCanBeTakenOnce) {
  const auto pool = make();
  auto future = pool->submit<square>(12);
  EXPECT_TRUE(future.valid());
  EXPECT_EQ(future.get(), 144);
  EXPECT_FALSE(future.valid());
}

TEST_P(Conformance, C1_AMovedFutureCarriesTheResultAlong) {
  const auto pool = make();
  auto first = pool->submit<square>(3);
  auto second = pool->submit<square>(4);
  first = std::move(second);  // drops the first task's result
  EXPECT_FALSE(second.valid());
  EXPECT_EQ(value_of(first), 16);
}

TEST_P(Conformance, C1_AFutureOutlivesItsPoolWithItsValue) {
  auto pool = make();
  auto number = pool->submit<square>(9);
  auto bytes = pool->submit<grow>(std::uint64_t{300'000});
  auto error = pool->submit<refuse_odd>(1);
  ASSERT_TRUE(pool->drain(kPatience));
  pool.reset();
  EXPECT_TRUE(number.ready());
  EXPECT_EQ(value_of(number), 81);
  EXPECT_EQ(value_of(bytes), grow(300'000));
  EXPECT_EQ(failure_of(error).message, "odd: 1");
}

TEST_P(Conformance, C1_AFutureOutlivesItsPoolAndCanBeDropped) {
  auto pool = make();
  auto settled = pool->submit<grow>(std::uint64_t{300'000});
  auto closed = pool->submit<grow>(std::uint64_t{300'000});
  settled.wait();
  pool.reset();
  EXPECT_TRUE(closed.ready());
}

TEST_P(Conformance, C1_GetThrowsTheFailureOfTheTask) {
  const auto pool = make();
  auto future = pool->submit<refuse_odd>(7);
  try {
    static_cast<void>(future.get());
    FAIL() << "get() gave a value";
  } catch (const TaskError& error) {
    EXPECT_EQ(error.kind(), FailureKind::kThrew);
    EXPECT_EQ(error.failure().type_name, "std::domain_error");
    EXPECT_STREQ(error.what(), "threw: odd: 7");
  }
}

TEST_P(Conformance, C1_AResultLargerThanThePoolMayHoldFailsAsSuch) {
  PoolOptions options{.workers = 1};
  options.processes.max_shared_bytes = 1 << 20;
  const auto pool = make(options);
  auto outcome = outcome_of(pool->submit<grow>(std::uint64_t{4} << 20));
  if (pool->guarantees().bounded_memory) {
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.failure().kind, FailureKind::kResultTooLarge);
    EXPECT_FALSE(outcome.failure().message.empty());
    EXPECT_EQ(pool->stats().worker_deaths, 0U);
  } else {
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome.value(), grow(std::uint64_t{4} << 20));
  }
  EXPECT_EQ(value_of(pool->submit<grow>(1000)), grow(1000));
}

TEST_P(Conformance, C1_AResultForWhichNoSharedMemoryIsLeftFailsAsOutOfMemory) {
  PoolOptions options{.workers = 1};
  options.processes.max_shared_bytes = 1 << 20;
  const auto pool = make(options);
  auto hog = pool->make_shared_buffer<std::byte>(700 << 10);
  auto outcome = outcome_of(pool->submit<grow>(std::uint64_t{600} << 10));
  if (pool->guarantees().bounded_memory) {
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.failure().kind, FailureKind::kOutOfMemory);
  } else {
    ASSERT_TRUE(outcome.has_value());
  }
  hog = {};
  EXPECT_EQ(value_of(pool->submit<grow>(std::uint64_t{600} << 10)), grow(std::uint64_t{600} << 10));
}

TEST_P(Conformance, C6_OneWorkerTakesTasksInTheOrderOfSubmission) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  const auto tickets = pool->make_shared_buffer<std::uint32_t>(1);
  auto held = pool->submit<pass_gate>(gate.words());
  std::vector<Future<std::uint32_t>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(pool->submit<next_ticket>(tickets));
  gate.open();
  for (std::uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(value_of(futures[i]), i);
}

/// Ends only when as many workers as there are have taken one task each.
void occupy_all(Pool& pool, int workers) {
  Gate gate(pool);
  std::vector<Future<std::uint32_t>> futures;
  for (int i = 0; i < workers; ++i) futures.push_back(pool.submit<pass_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(static_cast<std::uint32_t>(workers)));
  gate.open();
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
}

TEST_P(Conformance, C6_NoWorkerIsIdleWhileATaskIsQueued) {
  constexpr int kWorkers = 4;
  const auto pool = make({.workers = kWorkers});
  for (int round = 0; round < 100; ++round) {
    ASSERT_NO_FATAL_FAILURE(occupy_all(*pool, kWorkers)) << "round " << round;
  }
}

TEST_P(Conformance, C6_NoWorkerIsIdleRightAfterABurstOfTinyTasksEither) {
  constexpr int kWorkers = 3;
  const auto pool = make({.workers = kWorkers});
  const auto tickets = pool->make_shared_buffer<std::uint32_t>(1);
  // Workers that were woken for tiny tasks do not sleep at once.
  for (int round = 0; round < 100; ++round) {
    std::deque<Future<std::uint32_t>> window;
    for (int i = 0; i < 500; ++i) {
      window.push_back(pool->submit<next_ticket>(tickets));
      if (window.size() < 8) continue;
      ASSERT_TRUE(outcome_of(window.front()).has_value());
      window.pop_front();
    }
    ASSERT_NO_FATAL_FAILURE(occupy_all(*pool, kWorkers)) << "round " << round;
  }
}

}  // namespace
}  // namespace twinpool::conformance
