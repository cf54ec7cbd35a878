// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <random>
#include <thread>
#include <vector>

#include "tests/conformance/notebook.h"

/// C8: a queued task is removed, a running one is asked, and nobody else is concerned.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void count_run(Words runs, std::uint64_t at) { atomic_at(runs, at).fetch_add(1); }
void throw_when_asked(std::stop_token stop, Words gate) {
  if (run_until_asked(stop, std::move(gate))) throw std::runtime_error("interrupted");
}

TEST_P(Conformance, C8_ACancelledQueuedTaskSettlesAtOnceAndNeverRuns) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  Notebook notes(*pool, 8);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto first = pool->submit<note>(notes.words(), 1U);
  auto second = pool->submit<note>(with{.priority = 3}, notes.words(), 2U);
  auto third = pool->submit<note>(notes.words(), 3U);
  EXPECT_TRUE(first.cancel());
  EXPECT_TRUE(second.cancel());
  EXPECT_TRUE(first.ready());
  EXPECT_TRUE(second.ready());
  EXPECT_FALSE(first.cancel()) << "it had settled";
  const auto failure = failure_of(first);
  EXPECT_EQ(failure.kind, FailureKind::kCancelled);
  EXPECT_THAT(failure.message, HasSubstr("note"));
  gate.open();
  EXPECT_TRUE(outcome_of(third).has_value());
  EXPECT_THAT(notes.read(), ElementsAre(3));
  EXPECT_EQ(failure_of(second).kind, FailureKind::kCancelled);
  EXPECT_EQ(pool->stats().cancelled, 2U);
}

TEST_P(Conformance, C8_ACancelledQueuedTaskMakesRoomAndLetsGoOfItsArguments) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  const auto in_use = pool->stats().shared_bytes_in_use;
  std::weak_ptr<const SharedBlock> argument;
  for (int i = 0; i < 300; ++i) {
    auto runs = pool->make_shared_buffer<std::uint32_t>(10'000);
    argument = runs.block();
    auto queued = pool->try_submit<count_run>(std::move(runs), std::uint64_t{1});
    ASSERT_TRUE(queued.accepted()) << i;
    ASSERT_TRUE(queued.future().cancel());
    ASSERT_EQ(failure_of(queued.future()).kind, FailureKind::kCancelled);
    ASSERT_TRUE(eventually([&] { return argument.expired(); })) << i;
  }
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == in_use; }));
  EXPECT_FALSE(held.ready());
}

TEST_P(Conformance, C8_ARunningTaskSeesItsTokenAndSettlesAsCancelledWhateverItReturns) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  Gate gate(*pool);
  auto running = pool->submit<run_until_asked>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_TRUE(running.cancel());
  EXPECT_EQ(failure_of(running).kind, FailureKind::kCancelled);
  EXPECT_EQ(gate.left(), 1U);
  auto throwing = pool->submit<throw_when_asked>(gate.words());
  ASSERT_TRUE(gate.wait_entered(2));
  EXPECT_TRUE(throwing.cancel());
  EXPECT_EQ(failure_of(throwing).kind, FailureKind::kCancelled);
  const auto stats = pool->stats();
  EXPECT_EQ(stats.cancelled, 2U);
  EXPECT_EQ(stats.failed, 0U);
  EXPECT_EQ(stats.worker_deaths, 0U);
}

TEST_P(Conformance, C8_ARunningTaskThatDoesNotListenSettlesAfterTheGracePeriod) {
  const auto pool = make({.workers = 1, .grace = milliseconds(20), .max_spares = 1});
  Gate gate(*pool);
  auto deaf = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_TRUE(deaf.cancel());
  EXPECT_EQ(failure_of(deaf).kind, FailureKind::kCancelled);
  EXPECT_EQ(gate.left(), 0U);
  EXPECT_FALSE(value_of(pool->submit<begins_stopped>()));  // on a fresh process, or a spare thread
  EXPECT_EQ(pool->stats().cancelled, 1U);
  EXPECT_EQ(pool->stats().lost, 0U);
}

TEST_P(Conformance, C8_ATaskThatReturnsWithinTheGracePeriodKeepsItsWorker) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  const int worker = value_of(pool->submit<worker_id>());
  Gate gate(*pool);
  auto deaf = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_TRUE(deaf.cancel());
  EXPECT_FALSE(deaf.ready());
  gate.open();
  EXPECT_EQ(failure_of(deaf).kind, FailureKind::kCancelled);
  EXPECT_EQ(value_of(pool->submit<worker_id>()), worker);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
}

TEST_P(Conformance, C8_CancellingASettledTaskChangesNothing) {
  const auto pool = make({.workers = 1});
  for (int i = 0; i < 100; ++i) {
    auto future = pool->submit<worker_id>();
    ASSERT_TRUE(future.wait_for(kPatience));
    ASSERT_FALSE(future.cancel());
    ASSERT_GT(value_of(future), 0);
  }
  EXPECT_EQ(pool->stats().cancelled, 0U);
}

TEST_P(Conformance, C8_CancellingOneTaskNeverHarmsTheNextOneOnThatWorker) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  Gate gate(*pool);
  for (std::uint32_t round = 1; round <= 200; ++round) {
    auto running = pool->submit<run_until_asked>(gate.words());
    auto next = pool->submit<begins_stopped>();
    if (round % 2 == 0) {
      ASSERT_TRUE(gate.wait_entered(gate.left() + 1));
    }
    ASSERT_TRUE(running.cancel());
    ASSERT_EQ(failure_of(running).kind, FailureKind::kCancelled);
    ASSERT_FALSE(value_of(next)) << "round " << round;
  }
}

TEST_P(Conformance, C8_CancelQueuedCancelsWhatWaitsAndCountsIt) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  Notebook notes(*pool, 128);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_EQ(pool->cancel_queued(), 0U);
  std::vector<Future<Unit>> futures;
  for (std::uint32_t i = 0; i < 60; ++i) {
    futures.push_back(pool->submit<note>(with{.priority = static_cast<int>(i % 5) - 2}, notes.words(), i));
  }
  EXPECT_EQ(pool->cancel_queued(), 60U);
  for (auto& future : futures) {
    ASSERT_TRUE(future.ready());
    ASSERT_EQ(failure_of(future).kind, FailureKind::kCancelled);
  }
  EXPECT_FALSE(held.ready());
  auto later = pool->submit<note>(notes.words(), 1000U);
  gate.open();
  EXPECT_TRUE(outcome_of(held).has_value());
  EXPECT_TRUE(outcome_of(later).has_value());
  EXPECT_THAT(notes.read(), ElementsAre(1000));
}

TEST_P(Conformance, C8_TheCallersStopTokenCancelsWhereverTheTaskIs) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  Gate gate(*pool);
  Notebook notes(*pool, 8);
  std::stop_source source;
  auto running = pool->submit<run_until_asked>(with{.stop = source.get_token()}, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto queued = pool->submit<note>(with{.stop = source.get_token()}, notes.words(), 1U);
  auto other = pool->submit<note>(notes.words(), 2U);
  source.request_stop();
  EXPECT_EQ(failure_of(queued).kind, FailureKind::kCancelled);
  EXPECT_EQ(failure_of(running).kind, FailureKind::kCancelled);
  EXPECT_TRUE(outcome_of(other).has_value());
  auto too_late = pool->submit<note>(with{.stop = source.get_token()}, notes.words(), 3U);
  EXPECT_EQ(failure_of(too_late).kind, FailureKind::kCancelled);
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_THAT(notes.read(), ElementsAre(2));
}

TEST_P(Conformance, C8_AStopTokenThatOutlivesItsTasksCancelsNoLaterOne) {
  std::stop_source source;
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 600);
  for (std::uint32_t i = 0; i < 300; ++i) {
    static_cast<void>(value_of(pool->submit<note>(with{.stop = source.get_token()}, notes.words(), i)));
  }
  Gate gate(*pool);
  std::vector<Future<std::uint32_t>> reusing;  // the memory of the tasks above
  for (int i = 0; i < 300; ++i) reusing.push_back(pool->submit<pass_gate>(gate.words()));
  source.request_stop();
  gate.open();
  for (auto& future : reusing) ASSERT_TRUE(outcome_of(future).has_value());
}

TEST_P(Conformance, C8_CancelsThatRaceWithTheirTasksSettleThemOnce) {
  constexpr std::uint64_t kTasks = 3000;
  const auto pool =
      make({.workers = 2, .queue_capacity = 64, .when_full = WhenFull::kBlock, .block_limit = kPatience});
  const auto runs = pool->make_shared_buffer<std::uint32_t>(kTasks);
  std::uint64_t values = 0;
  std::uint64_t cancelled = 0;
  std::mt19937 random(7);
  std::vector<Future<Unit>> futures;
  for (std::uint64_t i = 0; i < kTasks; ++i) {
    futures.push_back(pool->submit<count_run>(runs, i));
    const auto victim = futures.size() - 1 - random() % std::min<std::size_t>(futures.size(), 40);
    static_cast<void>(futures[victim].cancel());
  }
  for (std::uint64_t i = 0; i < kTasks; ++i) {
    auto outcome = outcome_of(futures[i]);
    const auto ran = atomic_at(runs, i).load();
    if (outcome) {
      ++values;
      ASSERT_EQ(ran, 1U) << i;
    } else {
      ++cancelled;
      ASSERT_EQ(outcome.failure().kind, FailureKind::kCancelled) << outcome.failure().message;
      ASSERT_LE(ran, 1U) << i;
    }
  }
  ASSERT_TRUE(pool->drain(kPatience));
  const auto stats = pool->stats();
  EXPECT_EQ(stats.completed, values);
  EXPECT_EQ(stats.cancelled, cancelled);
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(stats.worker_deaths, 0U) << "all of them end within the grace period";
}

TEST_P(Conformance, C8_AnotherThreadMayCancelWhileOneWaits) {
  const auto pool = make({.workers = 1, .grace = kPatience});
  Gate gate(*pool);
  auto running = pool->submit<run_until_asked>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::thread canceller([state = running.peek()] { EXPECT_TRUE(state->cancel()); });
  EXPECT_TRUE(running.wait_for(kPatience));
  canceller.join();
  EXPECT_EQ(failure_of(running).kind, FailureKind::kCancelled);
}

}  // namespace
}  // namespace twinpool::conformance
