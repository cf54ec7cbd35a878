// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <vector>

#include "tests/conformance/notebook.h"

/// pause() and resume(): no task begins, everything else goes on.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds kShort{30};

TEST_P(Conformance, Pause_APausedPoolAcceptsTasksAndBeginsNone) {
  const auto pool = make();
  Notebook notes(*pool, 100);
  pool->pause();
  EXPECT_TRUE(pool->stats().paused);
  std::vector<Future<Unit>> futures;
  for (std::uint32_t i = 0; i < 40; ++i) {
    futures.push_back(pool->submit<note>(with{.priority = static_cast<int>(i % 3)}, notes.words(), i));
  }
  // By the time that this one's limit has passed, idle workers would have begun the others.
  auto limited = pool->submit<note>(with{.wait_limit = kShort}, notes.words(), 99U);
  EXPECT_EQ(failure_of(limited).kind, FailureKind::kTimedOut) << "waiting limits go on";
  EXPECT_THAT(notes.read(), IsEmpty());
  pool->resume();
  EXPECT_FALSE(pool->stats().paused);
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
  EXPECT_EQ(notes.size(), 40U);
}

TEST_P(Conformance, Pause_WhatRunsGoesOn) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  pool->pause();
  auto waiting = pool->submit<pass_gate>(gate.words());
  gate.open();
  EXPECT_TRUE(outcome_of(running).has_value());
  EXPECT_FALSE(waiting.ready());
  EXPECT_EQ(gate.entered(), 1U);
  pool->resume();
  EXPECT_TRUE(outcome_of(waiting).has_value());
}

TEST_P(Conformance, Pause_CancelGoesOn) {
  const auto pool = make();
  Notebook notes(*pool, 8);
  pool->pause();
  auto cancelled = pool->submit<note>(notes.words(), 1U);
  auto kept = pool->submit<note>(notes.words(), 2U);
  auto swept = pool->submit<note>(with{.priority = -1}, notes.words(), 3U);
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_EQ(failure_of(cancelled).kind, FailureKind::kCancelled);
  EXPECT_EQ(pool->cancel_queued(), 2U);
  EXPECT_EQ(failure_of(kept).kind, FailureKind::kCancelled);
  EXPECT_EQ(failure_of(swept).kind, FailureKind::kCancelled);
  pool->resume();
  static_cast<void>(value_of(pool->submit<note>(notes.words(), 4U)));
  EXPECT_THAT(notes.read(), ElementsAre(4));
}

TEST_P(Conformance, Pause_PausingTwiceIsEndedByOneResumeAndResumingAloneDoesNothing) {
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 8);
  pool->resume();
  static_cast<void>(value_of(pool->submit<note>(notes.words(), 1U)));
  pool->pause();
  pool->pause();
  auto waiting = pool->submit<note>(notes.words(), 2U);
  pool->resume();
  EXPECT_TRUE(outcome_of(waiting).has_value());
}

TEST_P(Conformance, Pause_APausedPoolCanBeStopped) {
  const auto pool = make();
  Notebook notes(*pool, 8);
  pool->pause();
  auto waiting = pool->submit<note>(notes.words(), 1U);
  EXPECT_TRUE(pool->stop(kPatience));
  EXPECT_EQ(failure_of(waiting).kind, FailureKind::kPoolClosed);
  EXPECT_THAT(notes.read(), IsEmpty());
}

TEST_P(Conformance, Pause_DrainOfAPausedPoolWaitsUntilItIsResumed) {
  const auto pool = make();
  Notebook notes(*pool, 8);
  pool->pause();
  auto waiting = pool->submit<note>(notes.words(), 1U);
  EXPECT_FALSE(pool->drain(kShort));
  EXPECT_FALSE(waiting.ready());
  pool->resume();
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_TRUE(outcome_of(waiting).has_value());
}

TEST_P(Conformance, Pause_ManyPausesUnderLoadLoseNothing) {
  const auto pool = make({.workers = 2, .queue_capacity = 1024});
  Notebook notes(*pool, 4096);
  std::vector<Future<Unit>> futures;
  for (std::uint32_t round = 0; round < 100; ++round) {
    pool->pause();
    for (std::uint32_t i = 0; i < 5; ++i) futures.push_back(pool->submit<note>(notes.words(), i));
    pool->resume();
  }
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
  EXPECT_EQ(notes.size(), 500U);
}

}  // namespace
}  // namespace twinpool::conformance
