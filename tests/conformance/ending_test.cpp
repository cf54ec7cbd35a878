// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include "tests/conformance/gate.h"
#include "tests/conformance/resources.h"

/// C10: drain() finishes what was accepted, stop() ends it, and then nothing of the pool is left.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;

int identity(int n) { return n; }
void count_run(Words runs) { atomic_at(runs, 0).fetch_add(1); }
std::uint64_t sum(const std::vector<std::uint64_t>& numbers) {
  std::uint64_t total = 0;
  for (const auto number : numbers) total += number;
  return total;
}
void pass_gate_and_throw(Words gate) {
  pass_gate(gate);
  throw std::runtime_error("after the gate");
}

void expect_nothing_left(const Resources& before) {
  EXPECT_TRUE(eventually([&] { return held_now() == before; })) << difference(before, held_now());
}

TEST_P(Conformance, C10_DrainFinishesWhatWasAccepted) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(pool->submit<identity>(i));
  gate.open();
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_TRUE(held.ready());
  for (int i = 0; i < 1000; ++i) {
    auto& future = futures[static_cast<std::size_t>(i)];
    ASSERT_TRUE(future.ready());
    ASSERT_EQ(value_of(future), i);
  }
}

TEST_P(Conformance, C10_ADrainedPoolRefusesAsClosedAndItsWorkersAreStopped) {
  const auto pool = make({.workers = 3});
  ASSERT_TRUE(pool->drain(kPatience));
  auto refused = pool->try_submit<identity>(1);
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kClosed);
  const auto stats = pool->stats();
  ASSERT_EQ(stats.workers.size(), 3U);
  for (const auto& worker : stats.workers) EXPECT_EQ(worker.state, WorkerState::kStopped);
  EXPECT_EQ(stats.workers_alive(), 0);
}

TEST_P(Conformance, C10_DrainPastItsDeadlineGivesFalseWhatRunsGoesOnAndDrainMayBeCalledAgain) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<identity>(3);
  EXPECT_FALSE(pool->drain(milliseconds(20)));
  EXPECT_FALSE(pool->drain(milliseconds(0)));
  EXPECT_FALSE(running.ready());
  auto refused = pool->try_submit<identity>(1);
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kClosed);
  gate.open();
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(value_of(running), 0U);
  EXPECT_EQ(value_of(queued), 3);
}

TEST_P(Conformance, C10_StopAfterAnUnfinishedDrainClosesWhatWaits) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<identity>(3);
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_FALSE(pool->drain(milliseconds(10)));
  std::thread opener([&] {
    EXPECT_TRUE(queued.wait_for(kPatience));
    gate.open();
  });
  EXPECT_TRUE(pool->stop(kPatience));
  opener.join();
  EXPECT_EQ(value_of(running), 0U);
  EXPECT_EQ(failure_of(queued).kind, FailureKind::kPoolClosed);
}

TEST_P(Conformance, C10_DrainWithAnEndlessLimitWaitsAsLongAsItTakes) {
  const auto pool = make();
  auto future = pool->submit<identity>(3);
  EXPECT_TRUE(pool->drain(std::chrono::nanoseconds::max()));
  EXPECT_TRUE(future.ready());
}

TEST_P(Conformance, C10_StopSettlesQueuedTasksAsPoolClosedAndLetsRunningOnesFinish) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  auto first = pool->submit<pass_gate>(gate.words());
  auto second = pool->submit<pass_gate_and_throw>(gate.words());
  std::vector<Future<Unit>> queued;
  for (int i = 0; i < 50; ++i) queued.push_back(pool->submit<count_run>(runs));
  ASSERT_TRUE(gate.wait_entered(2));
  std::thread opener([&] {
    for (auto& future : queued) EXPECT_TRUE(future.wait_for(kPatience));
    gate.open();
  });
  EXPECT_TRUE(pool->stop(std::chrono::nanoseconds::max()));
  opener.join();
  EXPECT_TRUE(outcome_of(first).has_value());
  EXPECT_EQ(failure_of(second).message, "after the gate");
  for (auto& future : queued) {
    const auto failure = failure_of(future);
    ASSERT_EQ(failure.kind, FailureKind::kPoolClosed);
    ASSERT_FALSE(failure.message.empty());
  }
  EXPECT_EQ(atomic_at(runs, 0).load(), 0U);
  const auto stats = pool->stats();
  EXPECT_EQ(stats.rejected_later, 50U);
  EXPECT_EQ(stats.completed, 1U);
  EXPECT_EQ(stats.failed, 1U);
  EXPECT_EQ(stats.pending, 0U);
}

TEST_P(Conformance, C10_StopPastItsLimitEndsOrLeavesWhatRunsAndSettlesItAsPoolClosed) {
  const auto before = held_now();
  {
    const auto pool = make({.workers = 2});
    Gate gate(*pool);
    std::vector<Future<std::uint32_t>> futures;
    for (int i = 0; i < 12; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(2));
    EXPECT_FALSE(pool->stop(milliseconds(20)));
    for (auto& future : futures) {
      ASSERT_TRUE(future.ready());
      ASSERT_EQ(failure_of(future).kind, FailureKind::kPoolClosed);
    }
    EXPECT_EQ(gate.entered(), 2U);
    const auto stats = pool->stats();
    EXPECT_EQ(stats.rejected_later, 12U);
    EXPECT_EQ(stats.pending, 0U);
    if (pool->guarantees().running_task_can_be_ended) {
      EXPECT_EQ(gate.left(), 0U);
    }
    EXPECT_FALSE(pool->stop(kPatience));  // does nothing and gives the same
  }
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_ASecondStopGivesTheSame) {
  const auto pool = make();
  static_cast<void>(value_of(pool->submit<identity>(1)));
  EXPECT_TRUE(pool->stop(kPatience));
  EXPECT_TRUE(pool->stop(milliseconds(0)));
  EXPECT_TRUE(pool->stop(kPatience));
}

TEST_P(Conformance, C10_StopAndDrainFromManyThreadsAtOnceAllComeBack) {
  const auto pool = make({.workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 500; ++i) futures.push_back(pool->submit<identity>(i));
  std::vector<std::thread> enders;
  std::atomic<int> untrue{0};
  for (int t = 0; t < 6; ++t) {
    enders.emplace_back([&, t] { untrue += !(t % 2 == 0 ? pool->stop(kPatience) : pool->drain(kPatience)); });
  }
  for (auto& ender : enders) ender.join();
  EXPECT_EQ(untrue.load(), 0);
  for (int i = 0; i < 500; ++i) {
    auto outcome = outcome_of(futures[static_cast<std::size_t>(i)]);
    if (outcome) {
      ASSERT_EQ(outcome.value(), i);
    } else {
      ASSERT_EQ(outcome.failure().kind, FailureKind::kPoolClosed);
    }
  }
}

TEST_P(Conformance, C10_EveryFutureSettlesWhenAPoolIsStoppedUnderSubmittingThreads) {
  for (int round = 0; round < 5; ++round) {
    const auto pool = make({.workers = 2, .queue_capacity = 64, .when_full = WhenFull::kBlock});
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> submitters;
    for (int t = 0; t < 4; ++t) {
      submitters.emplace_back([&] {
        std::vector<Future<int>> futures;
        for (int i = 0;; ++i) {
          auto submission = pool->try_submit<identity>(i);
          if (!submission) {
            if (submission.error() != SubmitError::kClosed) ++wrong;
            break;
          }
          ++accepted;
          futures.push_back(std::move(submission.future()));
        }
        for (std::size_t i = 0; i < futures.size(); ++i) {
          auto outcome = outcome_of(futures[i]);
          if (outcome ? outcome.value() != static_cast<int>(i)
                      : outcome.failure().kind != FailureKind::kPoolClosed) {
            ++wrong;
          }
        }
      });
    }
    EXPECT_TRUE(eventually([&] { return accepted.load() > 2000; }));
    EXPECT_TRUE(pool->stop(kPatience));
    for (auto& submitter : submitters) submitter.join();
    EXPECT_EQ(wrong.load(), 0);
    const auto stats = pool->stats();
    EXPECT_EQ(stats.submitted, accepted.load());
    EXPECT_EQ(stats.completed + stats.rejected_later, accepted.load());
    EXPECT_EQ(stats.pending, 0U);
  }
}

TEST_P(Conformance, C10_TheDestructorSettlesEveryFuture) {
  std::vector<Future<std::uint32_t>> futures;
  {
    const auto pool = make({.workers = 2, .stop_limit = milliseconds(20)});
    Gate gate(*pool);
    for (int i = 0; i < 30; ++i) futures.push_back(pool->submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(2));
  }
  for (auto& future : futures) {
    ASSERT_TRUE(future.ready());
    auto outcome = outcome_of(future);
    if (!outcome) {
      ASSERT_EQ(outcome.failure().kind, FailureKind::kPoolClosed);
    }
  }
}

TEST_P(Conformance, C10_TheDestructorEndsARunningTaskWithinItsLimit) {
  const auto before = held_now();
  Future<std::uint32_t> running;
  Future<std::uint32_t> queued;
  {
    auto pool = make({.workers = 1, .stop_limit = milliseconds(20)});
    Gate gate(*pool);
    running = pool->submit<pass_gate>(gate.words());
    queued = pool->submit<pass_gate>(gate.words());
    ASSERT_TRUE(gate.wait_entered(1));
    pool.reset();  // the gate is still closed
    ASSERT_TRUE(running.ready());
    ASSERT_TRUE(queued.ready());
    EXPECT_EQ(failure_of(running).kind, FailureKind::kPoolClosed);
    EXPECT_EQ(failure_of(queued).kind, FailureKind::kPoolClosed);
  }
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_NothingIsLeftOfAPoolThatWorked) {
  const auto before = held_now();
  {
    const auto pool = make({.workers = 3});
    std::vector<Future<std::uint64_t>> futures;
    const std::vector<std::uint64_t> numbers(100'000, 3);
    for (int i = 0; i < 40; ++i) futures.push_back(pool->submit<sum>(numbers));
    for (auto& future : futures) ASSERT_EQ(value_of(future), 300'000U);
    static_cast<void>(pool->make_shared_buffer<std::uint64_t>(1000));
    static_cast<void>(pool->stats());
  }
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_NothingIsLeftOfAPoolThatWasNeverUsed) {
  const auto before = held_now();
  { const auto pool = make({.workers = 4}); }
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_NothingIsLeftOfAStoppedPoolEvenBeforeItsDestructor) {
  const auto before = held_now();
  const auto pool = make({.workers = 2});
  static_cast<void>(value_of(pool->submit<identity>(1)));
  ASSERT_TRUE(pool->stop(kPatience));
  EXPECT_TRUE(eventually([&] {
    const auto now = held_now();
    return now.threads == before.threads && now.processes == before.processes;
  })) << difference(before, held_now());
}

TEST_P(Conformance, C10_ThirtyPoolsInARowLeaveNothing) {
  static_cast<void>(make());  // what a program sets up once is not counted
  const auto before = held_now();
  for (int round = 0; round < 30; ++round) {
    const auto pool = make({.workers = 2});
    auto future = pool->submit<identity>(round);
    if (round % 2 == 0) {
      ASSERT_EQ(value_of(future), round);
    }
    if (round % 3 == 0) {
      ASSERT_TRUE(pool->stop(kPatience));
    }
  }
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_APoolWithImpossibleOptionsThrowsAndLeavesNothing) {
  const auto before = held_now();
  EXPECT_THROW(static_cast<void>(make({.workers = -1})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(make({.workers = kMaxWorkers + 1})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(make({.workers = 1, .queue_capacity = 0})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(make({.workers = 1, .queue_capacity = kMaxQueueCapacity + 1})),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>(make({.workers = 1, .block_limit = milliseconds(-1)})),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>(make({.workers = 1, .stop_limit = milliseconds(-1)})),
               std::invalid_argument);
  expect_nothing_left(before);
}

TEST_P(Conformance, C10_TwoPoolsSideBySideDoNotDisturbEachOther) {
  auto first = make({.workers = 1});
  const auto second = make({.workers = 1});
  Gate gate(*second);
  auto held = second->submit<pass_gate>(gate.words());
  EXPECT_EQ(value_of(first->submit<identity>(1)), 1);
  ASSERT_TRUE(gate.wait_entered(1));
  first.reset();
  gate.open();
  EXPECT_EQ(value_of(held), 0U);
  EXPECT_EQ(value_of(second->submit<identity>(2)), 2);
}

}  // namespace
}  // namespace twinpool::conformance
