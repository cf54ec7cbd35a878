// SPDX-License-Identifier: Apache-2.0
#include "shared/promise_state.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "shared/pool.h"

namespace twinpool {
namespace {

constexpr std::chrono::seconds kPatience{60};

TEST(Promise, SettlesItsFutureWithAValue) {
  Promise<std::string> promise;
  auto future = promise.future();
  EXPECT_FALSE(future.ready());
  EXPECT_TRUE(promise.settle(std::string(100, 'x')));
  EXPECT_TRUE(future.ready());
  EXPECT_EQ(future.get(), std::string(100, 'x'));
}

TEST(Promise, SettlesOnce) {
  Promise<int> promise;
  auto future = promise.future();
  EXPECT_TRUE(promise.settle(1));
  EXPECT_FALSE(promise.settle(2));
  EXPECT_FALSE(future.cancel());
  EXPECT_EQ(future.get(), 1);
}

TEST(Promise, ThatGoesUnsettledCancelsItsFuture) {
  Future<int> future;
  {
    Promise<int> promise;
    future = promise.future();
  }
  EXPECT_EQ(future.outcome().failure().kind, FailureKind::kCancelled);
}

TEST(Promise, IsFreedWhereItsFutureWasNeverTaken) {
  Promise<std::string> promise;
  EXPECT_TRUE(promise.settle(std::string(100, 'x')));
}

TEST(Promise, IsCancelledByItsFuture) {
  Promise<int> promise;
  auto future = promise.future();
  EXPECT_TRUE(future.cancel());
  EXPECT_TRUE(future.ready());
  EXPECT_FALSE(promise.settle(1));
  EXPECT_EQ(future.outcome().failure().kind, FailureKind::kCancelled);
}

TEST(Promise, TellsItsMakerOfACancel) {
  int asked = 0;
  Promise<int> promise([&] { ++asked; });
  auto future = promise.future();
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(future.ready());
  EXPECT_TRUE(promise.settle(5));
  EXPECT_EQ(future.get(), 5);
}

TEST(Promise, WaitEndsAtItsDeadline) {
  Promise<int> promise;
  auto future = promise.future();
  EXPECT_FALSE(future.wait_for(std::chrono::milliseconds(1)));
}

TEST(Promise, WakesWhoWaits) {
  for (int i = 0; i < 50; ++i) {
    Promise<int> promise;
    auto future = promise.future();
    std::thread settler([&] { promise.settle(i); });
    ASSERT_TRUE(future.wait_for(kPatience));
    EXPECT_EQ(future.get(), i);
    settler.join();
  }
}

TEST(Promise, SettlesOnceAmongManyThatTry) {
  for (int round = 0; round < 50; ++round) {
    auto* const state = new TypedPromise<int>();
    Future<int> future(state);
    std::atomic<int> wins{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      state->hold();
      threads.emplace_back([&, i] {
        wins += state->settle(i) ? 1 : 0;
        state->let_go();
      });
    }
    state->let_go();
    future.cancel();
    EXPECT_TRUE(future.wait_for(kPatience));
    const bool has_value = future.outcome().has_value();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wins, has_value ? 1 : 0);
  }
}

std::string repeat(std::string_view text, int times) {
  if (times < 0) throw std::invalid_argument("less than nothing");
  std::string whole;
  for (int i = 0; i < times; ++i) whole += text;
  return whole;
}

/// A pool without workers, for what shared/ does alone.
TaskState* run_repeat(const std::string& text, int times) {
  std::tuple<const std::string&, int&&> references(text, std::move(times));
  return run_in_caller(detail::CallOf<repeat, const std::string&, int>::call(references));
}

TEST(RunInCaller, GivesTheValue) { EXPECT_EQ(Future<std::string>(run_repeat("ab", 40)).get().size(), 80U); }

TEST(RunInCaller, GivesTheException) {
  auto outcome = Future<std::string>(run_repeat("ab", -1)).outcome();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failure().kind, FailureKind::kThrew);
  EXPECT_EQ(outcome.failure().message, "less than nothing");
}

TEST(RunInCaller, FreesAValueThatNobodyTakes) {
  const Future<std::string> dropped(run_repeat("ab", 40));
  EXPECT_TRUE(dropped.ready());
}

}  // namespace
}  // namespace twinpool
