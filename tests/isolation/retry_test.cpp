// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/isolation/workers.h"

/// C5: a task runs again only when it asks for it, from its original arguments, and not for ever.
namespace twinpool::isolation {
namespace {

using ::testing::HasSubstr;

/// Kills its worker on its first `fatal` runs. Gives: which run it was, from 1.
std::uint32_t fatal_at_first(Words runs, std::uint64_t at, std::uint32_t fatal) {
  const auto before = atomic_at(runs, at).fetch_add(1);
  if (before < fatal) kill_own_worker();
  return before + 1;
}
/// Spoils what it was given, then dies; the run after that gives what it was given.
std::string spoil_and_die(Words runs, std::string text, std::vector<std::uint64_t> numbers) {
  const auto before = atomic_at(runs, 0).fetch_add(1);
  std::string given = text + std::to_string(numbers.size()) + ":" + std::to_string(numbers.back());
  text.assign(text.size(), '#');
  numbers.assign(numbers.size(), 0);
  if (before == 0) kill_own_worker();
  return given;
}
std::uint32_t count_then_wait(Words runs, Words gate) {
  atomic_at(runs, 0).fetch_add(1);
  return pass_gate(std::move(gate));
}

void count_then_throw(Words runs) {
  atomic_at(runs, 0).fetch_add(1);
  throw std::runtime_error("wrong input");
}

struct CountedPool {
  ProcessPool pool;
  Words runs;
  explicit CountedPool(PoolOptions options = {.workers = 1})
      : pool(unlimited(std::move(options))), runs(pool.make_shared_buffer<std::uint32_t>(512)) {}
  [[nodiscard]] std::uint32_t count(std::size_t at = 0) const { return atomic_at(runs, at).load(); }
};

TEST(Retry, C5_WithoutItATaskWhoseWorkerDiedNeverRunsAgain) {
  CountedPool run;
  const auto failure = failure_of(run.pool.submit<fatal_at_first>(run.runs, std::uint64_t{0}, 1U));
  EXPECT_EQ(failure.kind, FailureKind::kWorkerLost);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_EQ(failure.loss->attempt, 1);
  EXPECT_EQ(failure.loss->attempts, 1);
  EXPECT_FALSE(failure.loss->quarantined);
  EXPECT_EQ(value_of(run.pool.submit<identity>(1)), 1);
  EXPECT_EQ(run.count(), 1U);
  EXPECT_EQ(run.pool.stats().retried, 0U);
}

TEST(Retry, C5_ATaskThatAskedForItRunsAgainAndGivesItsValue) {
  CountedPool run;
  auto future = run.pool.submit<fatal_at_first>(with{.retry = 1}, run.runs, std::uint64_t{0}, 1U);
  EXPECT_EQ(value_of(future), 2U);
  EXPECT_EQ(run.count(), 2U);
  const auto stats = run.pool.stats();
  EXPECT_EQ(stats.retried, 1U);
  EXPECT_EQ(stats.completed, 1U);
  EXPECT_EQ(stats.lost, 0U);
  EXPECT_EQ(stats.worker_deaths, 1U);
  EXPECT_EQ(stats.submitted, 1U);
}

TEST(Retry, C5_TheLastRunsDeathIsTheOutcomeAndSaysWhichRunItWas) {
  CountedPool run({.workers = 1, .quarantine = 100});
  const auto failure =
      failure_of(run.pool.submit<fatal_at_first>(with{.retry = 3}, run.runs, std::uint64_t{0}, 100U));
  EXPECT_EQ(failure.kind, FailureKind::kWorkerLost);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_EQ(failure.loss->attempt, 4);
  EXPECT_EQ(failure.loss->attempts, 4);
  EXPECT_FALSE(failure.loss->quarantined);
  EXPECT_THAT(failure.message, HasSubstr("(attempt 4 of 4)"));
  EXPECT_EQ(run.count(), 4U);
  EXPECT_EQ(run.pool.stats().retried, 3U);
  EXPECT_EQ(run.pool.stats().lost, 1U);
}

TEST(Retry, C5_ATaskThatKilledTwoWorkersIsQuarantined) {
  CountedPool run;
  const auto failure =
      failure_of(run.pool.submit<fatal_at_first>(with{.retry = 5}, run.runs, std::uint64_t{0}, 100U));
  EXPECT_EQ(failure.kind, FailureKind::kWorkerLost);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_TRUE(failure.loss->quarantined);
  EXPECT_EQ(failure.loss->attempt, 2);
  EXPECT_EQ(failure.loss->attempts, 6);
  EXPECT_THAT(failure.message, HasSubstr("quarantined"));
  EXPECT_EQ(value_of(run.pool.submit<identity>(1)), 1);
  EXPECT_EQ(run.count(), 2U);
}

TEST(Retry, C5_EachRunGetsTheOriginalArguments) {
  for (const std::size_t size : {std::size_t{3}, std::size_t{100'000}}) {
    CountedPool run;
    const std::string text(size, 'a');
    auto future = run.pool.submit<spoil_and_die>(with{.retry = 2}, run.runs, text,
                                                 std::vector<std::uint64_t>(size, 77));
    EXPECT_EQ(value_of(future), text + std::to_string(size) + ":77");
    EXPECT_EQ(run.count(), 2U);
    EXPECT_TRUE(eventually([&] { return run.pool.stats().shared_bytes_in_use < 8192; }));
  }
}

TEST(Retry, C5_AWorkerThatIsKilledFromOutsideCostsAnAttemptToo) {
  CountedPool run;
  Gate gate(run.pool);
  auto future = run.pool.submit<count_then_wait>(with{.retry = 1}, run.runs, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  ASSERT_EQ(kill(run.pool.worker_pids().at(0), SIGKILL), 0);
  ASSERT_TRUE(gate.wait_entered(2));
  EXPECT_FALSE(future.ready());
  gate.open();
  EXPECT_TRUE(outcome_of(future).has_value());
  EXPECT_EQ(run.count(), 2U);
}

TEST(Retry, C5_ATaskThatThrewIsNotRunAgain) {
  CountedPool run;
  auto future = run.pool.submit<count_then_throw>(with{.retry = 3}, run.runs);
  EXPECT_EQ(failure_of(future).kind, FailureKind::kThrew);
  EXPECT_EQ(value_of(run.pool.submit<identity>(2)), 2);
  EXPECT_EQ(run.count(), 1U);
}

TEST(Retry, C5_ATaskThatWasCancelledIsNotRunAgain) {
  CountedPool run({.workers = 1, .grace = milliseconds(10)});
  Gate gate(run.pool);
  auto future = run.pool.submit<count_then_wait>(with{.retry = 3}, run.runs, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(failure_of(future).kind, FailureKind::kCancelled);
  EXPECT_EQ(value_of(run.pool.submit<identity>(2)), 2);
  EXPECT_EQ(run.count(), 1U);
  EXPECT_EQ(run.pool.stats().retried, 0U);
}

TEST(Retry, C5_ATaskOverItsRunningLimitIsNotRunAgain) {
  CountedPool run({.workers = 1, .grace = milliseconds(10)});
  Gate gate(run.pool);
  auto future = run.pool.submit<count_then_wait>(with{.run_limit = milliseconds(20), .retry = 3}, run.runs,
                                                 gate.words());
  EXPECT_EQ(failure_of(future).kind, FailureKind::kTimedOut);
  EXPECT_EQ(value_of(run.pool.submit<identity>(2)), 2);
  EXPECT_EQ(run.count(), 1U);
}

TEST(Retry, C5_ATaskThatWaitsToRunAgainCanBeCancelled) {
  CountedPool run;
  Gate gate(run.pool);
  auto future = run.pool.submit<count_then_wait>(with{.retry = 1}, run.runs, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  run.pool.pause();  // so that it cannot begin again
  ASSERT_EQ(kill(run.pool.worker_pids().at(0), SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return run.pool.stats().worker_deaths == 1; }));
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(failure_of(future).kind, FailureKind::kCancelled);
  run.pool.resume();
  EXPECT_EQ(value_of(run.pool.submit<identity>(2)), 2);
  EXPECT_EQ(run.count(), 1U);
}

TEST(Retry, C5_ManyFatalTasksAllGetTheirSecondChance) {
  CountedPool run({.workers = 3});
  std::vector<Future<std::uint32_t>> futures;
  for (std::uint64_t i = 0; i < 100; ++i) {
    futures.push_back(run.pool.submit<fatal_at_first>(with{.retry = 1}, run.runs, i, i % 2 == 0 ? 1U : 0U));
  }
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(value_of(futures[i]), i % 2 == 0 ? 2U : 1U) << i;
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(run.count(i), i % 2 == 0 ? 2U : 1U) << i;
  const auto stats = run.pool.stats();
  EXPECT_EQ(stats.completed, 100U);
  EXPECT_EQ(stats.retried, 50U);
  EXPECT_EQ(stats.worker_deaths, 50U);
}

}  // namespace
}  // namespace twinpool::isolation
