// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "tests/conformance/notebook.h"

/// C6: higher priority first, first in, first out within one, with ageing; no worker idle while a task waits.
namespace twinpool::conformance {
namespace {

using ::testing::ElementsAre;

void count_run(Words runs, std::uint64_t at) { atomic_at(runs, at).fetch_add(1); }

/// One worker, held at a gate while the test queues what is to be put in order.
struct HeldPool {
  explicit HeldPool(std::unique_ptr<Pool> made) : pool(std::move(made)), gate(*pool), notes(*pool, 1024) {
    static_cast<void>(pool->submit<pass_gate>(gate.words()));
  }
  void submit(int priority, std::uint32_t what) {
    futures.push_back(pool->submit<note>(with{.priority = priority}, notes.words(), what));
  }
  std::vector<std::uint32_t> run() {
    gate.open();
    for (auto& future : futures) static_cast<void>(value_of(future));
    return notes.read();
  }

  std::unique_ptr<Pool> pool;
  Gate gate;
  Notebook notes;
  std::vector<Future<Unit>> futures;
};

TEST_P(Conformance, C6_HigherPrioritiesRunFirstWhateverTheOrderOfSubmission) {
  HeldPool held(make({.workers = 1}));
  ASSERT_TRUE(held.gate.wait_entered(1));
  const int priorities[] = {0, -20, 19, 5, -1, 1, -7, 18};
  for (const int priority : priorities) held.submit(priority, static_cast<std::uint32_t>(100 + priority));
  EXPECT_THAT(held.run(), ElementsAre(119, 118, 105, 101, 100, 99, 93, 80));
}

TEST_P(Conformance, C6_WithinOnePriorityTheOrderIsThatOfSubmission) {
  HeldPool held(make({.workers = 1}));
  ASSERT_TRUE(held.gate.wait_entered(1));
  for (std::uint32_t i = 0; i < 4; ++i) {
    held.submit(-3, 300 + i);
    held.submit(8, 100 + i);
    held.submit(0, 200 + i);
  }
  EXPECT_THAT(held.run(), ElementsAre(100, 101, 102, 103, 200, 201, 202, 203, 300, 301, 302, 303));
}

TEST_P(Conformance, C6_ATaskThatAsksForNothingHasPriorityZero) {
  HeldPool held(make({.workers = 1}));
  ASSERT_TRUE(held.gate.wait_entered(1));
  held.submit(-1, 4);
  held.futures.push_back(held.pool->submit<note>(held.notes.words(), 2U));
  held.submit(0, 3);
  held.submit(1, 1);
  EXPECT_THAT(held.run(), ElementsAre(1, 2, 3, 4));
}

TEST_P(Conformance, C6_EachSixteenthTaskOfAWorkerIsTheOneThatHasWaitedLongest) {
  HeldPool held(make({.workers = 1}));
  ASSERT_TRUE(held.gate.wait_entered(1));
  constexpr std::uint32_t kLow = 5;
  constexpr std::uint32_t kHigh = 200;
  for (std::uint32_t i = 0; i < kLow; ++i) held.submit(-5, i);
  for (std::uint32_t i = 0; i < kHigh; ++i) held.submit(5, 1000 + i);
  const auto order = held.run();
  ASSERT_EQ(order.size(), kLow + kHigh);
  std::vector<std::size_t> aged;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 1000) aged.push_back(i);
  }
  EXPECT_LT(aged[0], kAgeingInterval);
  for (std::uint32_t i = 0; i < kLow; ++i) {
    EXPECT_EQ(order[aged[i]], i) << "the longest waiting is the first submitted";
    EXPECT_EQ(aged[i], aged[0] + i * kAgeingInterval);
  }
  std::vector<std::uint32_t> high = order;
  std::erase_if(high, [](std::uint32_t what) { return what < 1000; });
  EXPECT_TRUE(std::is_sorted(high.begin(), high.end()));
}

TEST_P(Conformance, C6_AWorkerTakesAnyPriorityRatherThanIdle) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(with{.priority = kHighestPriority}, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  Notebook notes(*pool, 100);
  std::vector<Future<Unit>> futures;
  for (int priority = kLowestPriority; priority <= kHighestPriority; ++priority) {
    futures.push_back(pool->submit<note>(with{.priority = priority}, notes.words(), 1U));
  }
  for (auto& future : futures) static_cast<void>(value_of(future));  // while the other worker is held
  EXPECT_EQ(notes.size(), static_cast<std::size_t>(kPriorityLevels));
  EXPECT_FALSE(held.ready());
}

TEST_P(Conformance, C6_EachPriorityWakesSleepingWorkers) {
  const auto pool = make({.workers = 2});
  Notebook notes(*pool, 1000);
  for (int round = 0; round < 10; ++round) {
    for (int priority = kLowestPriority; priority <= kHighestPriority; ++priority) {
      static_cast<void>(value_of(pool->submit<note>(with{.priority = priority}, notes.words(), 1U)));
    }
  }
  EXPECT_EQ(notes.size(), 400U);
}

TEST_P(Conformance, C6_TasksOfAllPrioritiesFromManyThreadsRunOnceEach) {
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kEach = 1500;
  const auto pool =
      make({.workers = 3, .queue_capacity = 64, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  const auto runs = pool->make_shared_buffer<std::uint32_t>(kThreads * kEach);
  std::vector<std::thread> submitters;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const int priority = static_cast<int>(random() % kPriorityLevels) + kLowestPriority;
        static_cast<void>(pool->submit<count_run>(with{.priority = priority}, runs, t * kEach + i));
      }
    });
  }
  for (auto& submitter : submitters) submitter.join();
  ASSERT_TRUE(pool->drain(kPatience));
  for (std::uint64_t i = 0; i < kThreads * kEach; ++i) ASSERT_EQ(atomic_at(runs, i).load(), 1U) << i;
  EXPECT_EQ(pool->stats().completed, kThreads * kEach);
}

TEST_P(Conformance, C6_APriorityOutsideTheRangeIsRefusedInWords) {
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 1);
  for (const int priority : {kLowestPriority - 1, kHighestPriority + 1}) {
    try {
      static_cast<void>(pool->try_submit<note>(with{.priority = priority}, notes.words(), 1U));
      ADD_FAILURE() << priority << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("priority"));
    }
  }
  EXPECT_EQ(pool->stats().submitted, 0U);
}

}  // namespace
}  // namespace twinpool::conformance
