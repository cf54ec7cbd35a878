// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include "tests/conformance/gate.h"

/// C9: at most workers + queue_capacity tasks are unsettled; beyond, submit refuses or waits.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;

int identity(int n) { return n; }

TEST_P(Conformance, C9_ExactlyWorkersPlusCapacityTasksAreAccepted) {
  struct Case {
    int workers;
    std::size_t capacity;
  };
  for (const Case& sizes : {Case{1, 1}, Case{2, 1}, Case{1, 2}, Case{2, 3}, Case{3, 64}, Case{4, 101}}) {
    const auto pool = make({.workers = sizes.workers, .queue_capacity = sizes.capacity});
    Gate gate(*pool);
    const auto room = static_cast<std::size_t>(sizes.workers) + sizes.capacity;
    std::vector<Future<std::uint32_t>> futures;
    for (std::size_t i = 0; i < room; ++i) {
      auto accepted = pool->try_submit<pass_gate>(gate.words());
      ASSERT_TRUE(accepted.accepted()) << "task " << i << " of " << room;
      futures.push_back(std::move(accepted.future()));
    }
    for (int i = 0; i < 3; ++i) {
      auto refused = pool->try_submit<pass_gate>(gate.words());
      ASSERT_FALSE(refused.accepted()) << room << " tasks were unsettled";
      ASSERT_EQ(refused.error(), SubmitError::kQueueFull);
    }
    gate.open();
    for (auto& future : futures) ASSERT_TRUE(outcome_of(future).has_value());
    EXPECT_EQ(gate.left(), room);
  }
}

TEST_P(Conformance, C9_ThereIsRoomAgainAsSoonAsATaskHasSettled) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  for (int i = 0; i < 2000; ++i) {
    auto first = pool->try_submit<identity>(i);
    auto second = pool->try_submit<identity>(-i);
    ASSERT_TRUE(first.accepted() && second.accepted()) << "round " << i;
    ASSERT_EQ(value_of(second.future()), -i);
    ASSERT_EQ(value_of(first.future()), i);
  }
}

TEST_P(Conformance, C9_SettledResultsThatNobodyHasTakenDoNotCount) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  std::vector<Future<int>> untaken;
  for (int i = 0; i < 3000; ++i) {
    auto submission = pool->try_submit<identity>(i);
    ASSERT_TRUE(submission.accepted()) << i;
    ASSERT_TRUE(submission.future().wait_for(kPatience));
    untaken.push_back(std::move(submission.future()));
  }
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(value_of(untaken[static_cast<std::size_t>(i)]), i);
}

TEST_P(Conformance, C9_ManyThreadsTogetherGetExactlyTheRoomThereIs) {
  constexpr std::size_t kRoom = 2 + 50;
  const auto pool = make({.workers = 2, .queue_capacity = 50});
  Gate gate(*pool);
  std::atomic<std::size_t> accepted{0};
  std::atomic<std::size_t> refused{0};
  std::vector<std::thread> submitters;
  for (int t = 0; t < 8; ++t) {
    submitters.emplace_back([&] {
      for (int i = 0; i < 100; ++i)
        (pool->try_submit<pass_gate>(gate.words()).accepted() ? accepted : refused)++;
    });
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(accepted.load(), kRoom);
  EXPECT_EQ(refused.load(), 800 - kRoom);
  EXPECT_EQ(pool->stats().refused, 800 - kRoom);
  gate.open();
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(gate.left(), kRoom);
}

TEST_P(Conformance, C9_BlockingSubmitGivesUpAtItsDeadlineAndNoSooner) {
  const auto pool = make(
      {.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = milliseconds(60)});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<pass_gate>(gate.words());
  const auto begin = Clock::now();
  auto refused = pool->try_submit<pass_gate>(gate.words());
  const auto waited = Clock::now() - begin;
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kQueueFull);
  EXPECT_GE(waited, milliseconds(60));
  EXPECT_EQ(pool->stats().refused, 1U);
}

TEST_P(Conformance, C9_BlockingSubmitGoesOnWhenATaskSettles) {
  const auto pool =
      make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<pass_gate>(gate.words());
  std::atomic<bool> accepted{false};
  std::atomic<bool> came_back{false};
  std::thread submitter([&] {
    auto submission = pool->try_submit<identity>(5);
    accepted = submission.accepted() && value_of(submission.future()) == 5;
    came_back = true;
  });
  EXPECT_FALSE(running.ready());
  EXPECT_FALSE(came_back.load());  // no room can have come up: the gate is closed
  gate.open();
  submitter.join();
  EXPECT_TRUE(accepted.load());
}

TEST_P(Conformance, C9_BlockingSubmittersAllGetThroughATinyQueue) {
  const auto pool =
      make({.workers = 2, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  std::atomic<int> wrong{0};
  std::vector<std::thread> submitters;
  for (int t = 0; t < 6; ++t) {
    submitters.emplace_back([&, t] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 300; ++i) futures.push_back(pool->submit<identity>(t * 1000 + i));
      for (int i = 0; i < 300; ++i) {
        if (value_of(futures[static_cast<std::size_t>(i)]) != t * 1000 + i) ++wrong;
      }
    });
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(pool->stats().completed, 1800U);
  EXPECT_EQ(pool->stats().refused, 0U);
}

TEST_P(Conformance, C9_BlockingSubmitIsRefusedAsClosedWhenThePoolStops) {
  const auto pool =
      make({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::atomic<bool> waiting{false};
  std::optional<SubmitError> error;
  std::thread submitter([&] {
    waiting = true;
    auto submission = pool->try_submit<identity>(5);
    if (!submission) error = submission.error();
  });
  while (!waiting) std::this_thread::yield();
  std::thread opener([&] {
    // Queued tasks settle first, then stop() waits for the running one: only now may it pass.
    EXPECT_TRUE(queued.wait_for(kPatience));
    submitter.join();
    gate.open();
  });
  EXPECT_TRUE(pool->stop(kPatience));
  opener.join();
  EXPECT_EQ(error, SubmitError::kClosed);
  EXPECT_EQ(failure_of(queued).kind, FailureKind::kPoolClosed);
  EXPECT_EQ(value_of(running), 0U);
}

TEST_P(Conformance, C9_ABlockLimitOfNothingRefusesAtOnce) {
  const auto pool = make(
      {.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = milliseconds(0)});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<pass_gate>(gate.words());
  auto refused = pool->try_submit<pass_gate>(gate.words());
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kQueueFull);
}

}  // namespace
}  // namespace twinpool::conformance
