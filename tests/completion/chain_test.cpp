// SPDX-License-Identifier: Apache-2.0
#include "shared/then.h"
#include "shared/when.h"
#include "tests/conformance/notebook.h"

/// What follows from tasks of a pool, in both twins (shared/then.h, shared/when.h).
namespace twinpool::conformance {
namespace {

int increment(int n) { return n + 1; }
int divide(int n, int by) {
  if (by == 0) throw std::domain_error("by zero");
  return n / by;
}

TEST_P(Conformance, C1_WhatFollowsFromATaskIsCalledOnceWithItsValue) {
  const auto pool = make();
  std::vector<Future<int>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(pool->submit<increment>(i).then([](int n) { return 10 * n; }));
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(value_of(futures[static_cast<std::size_t>(i)]), 10 * (i + 1));
}

TEST_P(Conformance, C1_AChainOfTasksPassesTheValueOn) {
  const auto pool = make();
  auto chain = pool->submit<increment>(0);
  for (int i = 0; i < 20; ++i) chain = pool->then<increment>(std::move(chain));
  chain = pool->then<divide>(with{.priority = 5}, std::move(chain), 7);
  EXPECT_EQ(value_of(chain), 3);
  EXPECT_EQ(pool->stats().submitted, 22U);
}

TEST_P(Conformance, C15_AFailureEndsAChain) {
  const auto pool = make();
  auto chain = pool->then<increment>(pool->submit<divide>(1, 0));
  const auto failure = failure_of(chain);
  EXPECT_EQ(failure.kind, FailureKind::kThrew);
  EXPECT_EQ(failure.message, "by zero");
}

TEST_P(Conformance, C8_CancelOfWhatFollowsCancelsTheTask) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<run_until_asked>(gate.words());
  auto next = running.then([](bool asked) { return asked; });
  auto queued = pool->submit<increment>(1).then([](int n) { return n; });
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_TRUE(queued.cancel());
  EXPECT_EQ(failure_of(queued).kind, FailureKind::kCancelled);
  EXPECT_TRUE(next.cancel());
  EXPECT_EQ(failure_of(next).kind, FailureKind::kCancelled);
}

TEST_P(Conformance, C1_WhenAllGivesAllOutcomesOfTasks) {
  const auto pool = make();
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool->submit<divide>(100, i % 10));
  auto all = when_all(std::move(futures));
  const auto outcomes = value_of(all);
  ASSERT_EQ(outcomes.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(outcomes[i].has_value(), i % 10 != 0);
}

TEST_P(Conformance, C8_WhenAnyGivesTheFirstAndItsCancelTheRest) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  std::vector<Future<std::uint32_t>> futures;
  futures.push_back(pool->submit<pass_gate>(gate.words()));
  futures.push_back(pool->submit<[](std::uint32_t n) { return n; }>(7U));
  auto any = when_any(std::move(futures));
  auto first = value_of(any);
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(value_of(first.futures[1]), 7U);
  EXPECT_FALSE(first.futures[0].ready());
  gate.open();
  EXPECT_TRUE(outcome_of(first.futures[0]).has_value());
}

TEST_P(Conformance, C10_WhatFollowsFromATaskThatStopEndsIsSettled) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<increment>(1).then([](const Outcome<int>& first) { return first.has_value(); });
  ASSERT_TRUE(gate.wait_entered(1));
  std::thread opener([&] {
    EXPECT_TRUE(queued.wait_for(kPatience));
    gate.open();
  });
  pool->stop(kPatience);
  opener.join();
  EXPECT_FALSE(value_of(queued));
}

}  // namespace
}  // namespace twinpool::conformance
