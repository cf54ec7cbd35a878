// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <vector>

#include "tests/conformance/notebook.h"

/// C7: separate limits for waiting and running; a task over one settles as timed_out, others are not
/// concerned.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr milliseconds kShort{20};

TEST_P(Conformance, C7_ATaskOverItsWaitingLimitSettlesWhileItsWorkerIsBusyAndNeverRuns) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  Notebook notes(*pool, 8);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto limited = pool->submit<note>(with{.wait_limit = kShort}, notes.words(), 1U);
  auto free = pool->submit<note>(notes.words(), 2U);
  const auto failure = failure_of(limited);
  EXPECT_EQ(failure.kind, FailureKind::kTimedOut);
  EXPECT_THAT(failure.message, HasSubstr("note"));
  EXPECT_FALSE(failure.loss.has_value());
  EXPECT_FALSE(held.ready());
  EXPECT_FALSE(free.ready());
  gate.open();
  EXPECT_TRUE(outcome_of(free).has_value());
  EXPECT_THAT(notes.read(), ::testing::ElementsAre(2));
  EXPECT_EQ(pool->stats().timed_out, 1U);
  EXPECT_EQ(pool->stats().completed, 2U);
}

TEST_P(Conformance, C7_ThePoolsWaitingLimitHoldsForTasksThatNameNone) {
  const auto pool = make({.workers = 1, .wait_limit = kShort});
  Gate gate(*pool);
  Notebook notes(*pool, 8);
  auto held = pool->submit<pass_gate>(with{.wait_limit = kPatience}, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto patient = pool->submit<note>(with{.wait_limit = kPatience}, notes.words(), 1U);
  auto limited = pool->submit<note>(notes.words(), 2U);
  EXPECT_EQ(failure_of(limited).kind, FailureKind::kTimedOut);
  EXPECT_FALSE(patient.ready());
  gate.open();
  EXPECT_TRUE(outcome_of(patient).has_value());
  EXPECT_TRUE(outcome_of(held).has_value());
  EXPECT_THAT(notes.read(), ::testing::ElementsAre(1));
}

TEST_P(Conformance, C7_ManyWaitingLimitsEachSettleTheirOwnTask) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  Notebook notes(*pool, 512);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::vector<Future<Unit>> limited;
  std::vector<Future<Unit>> free;
  for (int i = 0; i < 200; ++i) {
    limited.push_back(pool->submit<note>(
        with{.priority = i % 3, .wait_limit = milliseconds(1 + (i * 37) % 40)}, notes.words(), 1U));
    free.push_back(pool->submit<note>(notes.words(), 2U));
  }
  for (auto& future : limited) ASSERT_EQ(failure_of(future).kind, FailureKind::kTimedOut);
  gate.open();
  for (auto& future : free) ASSERT_TRUE(outcome_of(future).has_value());
  EXPECT_EQ(notes.read(), std::vector<std::uint32_t>(200, 2));
  const auto stats = pool->stats();
  EXPECT_EQ(stats.timed_out, 200U);
  EXPECT_EQ(stats.completed, 201U);
  EXPECT_EQ(stats.pending, 0U);
}

TEST_P(Conformance, C7_TheWaitingLimitDoesNotCountRunning) {
  const auto pool = make({.workers = 1});
  for (int attempt = 0; attempt < 100; ++attempt) {
    Gate gate(*pool);
    auto running = pool->submit<pass_gate>(with{.wait_limit = kShort}, gate.words());
    if (!eventually([&] { return gate.entered() == 1 || running.ready(); })) break;
    if (gate.entered() == 0) continue;  // the machine was too busy to begin it in time: no answer
    auto waiting = pool->submit<pass_gate>(with{.wait_limit = kShort}, gate.words());
    EXPECT_EQ(failure_of(waiting).kind, FailureKind::kTimedOut);
    EXPECT_FALSE(running.ready()) << "as old as the other, but begun in time";
    gate.open();
    EXPECT_TRUE(outcome_of(running).has_value());
    return;
  }
  FAIL() << "no task began within its limit";
}

TEST_P(Conformance, C7_ARunningTaskOverItsLimitIsAskedToStopAndTimesOut) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  for (int round = 0; round < 5; ++round) {
    Gate gate(*pool);
    auto limited = pool->submit<run_until_asked>(with{.run_limit = kShort}, gate.words());
    const auto failure = failure_of(limited);
    EXPECT_EQ(failure.kind, FailureKind::kTimedOut);
    EXPECT_THAT(failure.message, HasSubstr("run_until_asked"));
    EXPECT_TRUE(eventually([&] { return gate.left() == 1; })) << "the task was never asked";
    EXPECT_FALSE(value_of(pool->submit<begins_stopped>())) << "the next task was asked, too";
  }
  const auto stats = pool->stats();
  EXPECT_EQ(stats.timed_out, 5U);
  EXPECT_EQ(stats.completed, 5U);
  EXPECT_EQ(stats.worker_deaths, 0U);
}

TEST_P(Conformance, C7_ThePoolsRunningLimitHoldsForTasksThatNameNone) {
  const auto pool = make({.workers = 1, .run_limit = kShort, .grace = kPatience});
  Gate gate(*pool);
  EXPECT_EQ(failure_of(pool->submit<run_until_asked>(gate.words())).kind, FailureKind::kTimedOut);
  auto longer = pool->submit<run_until_asked>(with{.run_limit = kPatience}, gate.words());
  ASSERT_TRUE(gate.wait_entered(2));
  gate.open();
  EXPECT_FALSE(value_of(longer));
}

TEST_P(Conformance, C7_ATaskThatDoesNotListenSettlesAndItsWorkerIsReplaced) {
  // Replaced by a fresh process, or by a spare thread.
  const auto pool = make({.workers = 1, .grace = kShort, .max_spares = 1});
  Gate gate(*pool);
  auto deaf = pool->submit<pass_gate>(with{.run_limit = kShort}, gate.words());
  const auto failure = failure_of(deaf);
  EXPECT_EQ(failure.kind, FailureKind::kTimedOut);
  EXPECT_THAT(failure.message, HasSubstr("pass_gate"));
  EXPECT_EQ(gate.left(), 0U);
  EXPECT_FALSE(value_of(pool->submit<begins_stopped>()));
  EXPECT_EQ(pool->stats().timed_out, 1U);
  EXPECT_EQ(pool->stats().lost, 0U);
}

TEST_P(Conformance, C7_WithoutASpareTheWorkerOfATaskThatDoesNotListenIsEndedOrStuck) {
  const auto pool = make({.workers = 1, .grace = kShort});
  Gate gate(*pool);
  auto deaf = pool->submit<pass_gate>(with{.run_limit = kShort}, gate.words());
  EXPECT_EQ(failure_of(deaf).kind, FailureKind::kTimedOut);
  auto next = pool->submit<begins_stopped>();
  if (pool->guarantees().running_task_can_be_ended) {
    EXPECT_FALSE(value_of(next));
    EXPECT_EQ(gate.left(), 0U);
  } else {
    EXPECT_TRUE(eventually([&] { return pool->stats().workers.at(0).state == WorkerState::kStuck; }));
    EXPECT_FALSE(next.ready());
    gate.open();
    EXPECT_FALSE(value_of(next));
    EXPECT_EQ(gate.left(), 1U);
  }
}

TEST_P(Conformance, C7_TasksWithinTheirLimitsAreNotConcerned) {
  const auto pool = make({.workers = 2, .wait_limit = kPatience, .run_limit = kPatience});
  Notebook notes(*pool, 2000);
  std::vector<Future<Unit>> futures;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    futures.push_back(pool->submit<note>(notes.words(), i));
    futures.push_back(pool->submit<note>(with{.run_limit = std::chrono::seconds(30)}, notes.words(), i));
  }
  for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
  EXPECT_EQ(pool->stats().completed, 2000U);
  EXPECT_EQ(pool->stats().timed_out, 0U);
}

TEST_P(Conformance, C7_ATimedOutTaskMakesRoom) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  for (int i = 0; i < 5; ++i) {
    auto limited = pool->try_submit<pass_gate>(with{.wait_limit = kShort}, gate.words());
    ASSERT_TRUE(limited.accepted()) << i;
    ASSERT_EQ(failure_of(limited.future()).kind, FailureKind::kTimedOut);
  }
}

TEST_P(Conformance, C7_ALimitOfNothingIsRefusedInWords) {
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 1);
  EXPECT_THROW(static_cast<void>(pool->submit<note>(with{.wait_limit = milliseconds(0)}, notes.words(), 1U)),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>(pool->submit<note>(with{.run_limit = milliseconds(-1)}, notes.words(), 1U)),
               std::invalid_argument);
  EXPECT_THAT(notes.read(), IsEmpty());
}

}  // namespace
}  // namespace twinpool::conformance
