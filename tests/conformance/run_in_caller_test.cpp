// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <vector>

#include "tests/conformance/event_log.h"
#include "tests/conformance/notebook.h"

/// C9: WhenFull::kRunInCaller, and how a full pool is told.
namespace twinpool::conformance {
namespace {

void refuse() { throw std::domain_error("not today"); }

struct FullPool {
  explicit FullPool(std::unique_ptr<Pool> made) : pool(std::move(made)), gate(*pool) {
    running = pool->submit<pass_gate>(gate.words());
    queued = pool->submit<pass_gate>(gate.words());
  }
  std::unique_ptr<Pool> pool;
  Gate gate;
  Future<std::uint32_t> running;
  Future<std::uint32_t> queued;
};

TEST_P(Conformance, C9_AFullPoolRunsTheTaskInTheSubmittingThread) {
  FullPool full(make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kRunInCaller}));
  ASSERT_TRUE(full.gate.wait_entered(1));
  for (int i = 0; i < 50; ++i) {
    auto own = full.pool->submit<worker_id>();
    ASSERT_TRUE(own.ready());
    ASSERT_EQ(value_of(own), worker_id());
  }
  EXPECT_FALSE(full.queued.ready());
  auto stats = full.pool->stats();
  EXPECT_EQ(stats.submitted, 52U);
  EXPECT_EQ(stats.completed, 50U);
  EXPECT_EQ(stats.refused, 0U);
  EXPECT_EQ(stats.pending, 2U);
  full.gate.open();
  EXPECT_TRUE(outcome_of(full.queued).has_value());
  EXPECT_TRUE(outcome_of(full.running).has_value());
  EXPECT_NE(value_of(full.pool->submit<worker_id>()), worker_id()) << "there is room again";
}

TEST_P(Conformance, C9_WhatATaskThrowsInTheCallersThreadComesBackAsItsFailure) {
  FullPool full(make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kRunInCaller}));
  auto own = full.pool->submit<refuse>();
  ASSERT_TRUE(own.ready());
  EXPECT_FALSE(own.cancel());
  const auto failure = failure_of(own);
  EXPECT_EQ(failure.kind, FailureKind::kThrew);
  EXPECT_EQ(failure.type_name, "std::domain_error");
  EXPECT_EQ(failure.message, "not today");
  EXPECT_EQ(full.pool->stats().failed, 1U);
}

TEST_P(Conformance, C9_AResultMadeInTheCallersThreadOutlivesThePool) {
  Future<int> own;
  {
    FullPool full(make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kRunInCaller}));
    own = full.pool->submit<worker_id>();
    auto dropped = full.pool->submit<worker_id>();
  }
  EXPECT_EQ(value_of(own), worker_id());
}

TEST_P(Conformance, C9_AClosedPoolRunsNothingInTheCaller) {
  const auto pool = make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kRunInCaller});
  ASSERT_TRUE(pool->drain(kPatience));
  auto refused = pool->try_submit<worker_id>();
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kClosed);
}

TEST_P(Conformance, C9_AFullPoolIsToldOnceUntilThereWasRoom) {
  EventLog log;
  const auto pool = make({.workers = 1, .queue_capacity = 1, .on_event = log.callback()});
  for (std::size_t period = 1; period <= 3; ++period) {
    Gate gate(*pool);
    auto running = pool->submit<pass_gate>(gate.words());
    auto queued = pool->submit<pass_gate>(gate.words());
    for (int i = 0; i < 20; ++i) ASSERT_FALSE(pool->try_submit<pass_gate>(gate.words()).accepted());
    ASSERT_TRUE(log.wait_for(EventKind::kPoolFull, period));
    gate.open();
    ASSERT_TRUE(outcome_of(running).has_value());
    ASSERT_TRUE(outcome_of(queued).has_value());
  }
  ASSERT_TRUE(pool->drain(kPatience));
  ASSERT_TRUE(log.wait_for(EventKind::kPoolDrained));  // told in order: nothing of the above is still to come
  const auto full = log.all_of(EventKind::kPoolFull);
  ASSERT_EQ(full.size(), 3U);
  EXPECT_EQ(full[0].worker, -1);
  EXPECT_FALSE(full[0].message.empty());
}

}  // namespace
}  // namespace twinpool::conformance
