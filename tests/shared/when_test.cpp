// SPDX-License-Identifier: Apache-2.0
#include "shared/when.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "shared/then.h"

namespace twinpool {
namespace {

constexpr std::chrono::seconds kPatience{60};

template <typename T>
std::vector<Future<T>> futures_of(std::vector<Promise<T>>& promises) {
  std::vector<Future<T>> futures;
  for (auto& promise : promises) futures.push_back(promise.future());
  return futures;
}

TEST(WhenAll, GivesAllOutcomesInTheOrderGiven) {
  std::vector<Promise<int>> promises(3);
  auto all = when_all(futures_of(promises));
  promises[2].settle(2);
  promises[0].settle(0);
  EXPECT_FALSE(all.ready());
  promises[1].settle(Failure{.kind = FailureKind::kTimedOut, .type_name = {}, .message = {}, .loss = {}});
  const auto outcomes = all.get();
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].value(), 0);
  EXPECT_EQ(outcomes[1].failure().kind, FailureKind::kTimedOut);
  EXPECT_EQ(outcomes[2].value(), 2);
}

TEST(WhenAll, OfNothingHasSettled) { EXPECT_TRUE(when_all(std::vector<Future<int>>{}).get().empty()); }

TEST(WhenAll, TakesFuturesOfSeveralTypes) {
  Promise<int> number;
  Promise<std::string> text;
  auto all = when_all(number.future(), text.future());
  text.settle(std::string("two"));
  EXPECT_FALSE(all.ready());
  number.settle(1);
  const auto [one, two] = all.get();
  EXPECT_EQ(one.value(), 1);
  EXPECT_EQ(two.value(), "two");
}

TEST(WhenAll, CancelReachesAllThatHaveNotSettled) {
  std::vector<Promise<int>> promises(2);
  auto all = when_all(futures_of(promises));
  promises[0].settle(1);
  EXPECT_TRUE(all.cancel());
  const auto outcomes = all.get();
  EXPECT_EQ(outcomes[0].value(), 1);
  EXPECT_EQ(outcomes[1].failure().kind, FailureKind::kCancelled);
}

TEST(WhenAll, CancelReachesAllOfSeveralTypes) {
  Promise<int> number;
  Promise<std::string> text;
  auto all = when_all(number.future(), text.future());
  EXPECT_TRUE(all.cancel());
  EXPECT_FALSE(std::get<0>(all.get()));
}

TEST(WhenAny, GivesTheFirstToSettleAndTheOthersBack) {
  std::vector<Promise<int>> promises(3);
  auto any = when_any(futures_of(promises));
  EXPECT_FALSE(any.ready());
  promises[1].settle(11);
  auto first = any.get();
  EXPECT_EQ(first.index, 1U);
  ASSERT_EQ(first.futures.size(), 3U);
  EXPECT_EQ(first.futures[1].get(), 11);
  EXPECT_FALSE(first.futures[0].ready());
  auto later = first.futures[0].then([](int n) { return n * 2; });
  promises[0].settle(5);
  EXPECT_EQ(later.get(), 10);
  EXPECT_TRUE(first.futures[2].cancel());
  EXPECT_FALSE(promises[2].settle(1));
}

TEST(WhenAny, LooksAtTasksThatHadSettledBefore) {
  std::vector<Promise<int>> promises(2);
  promises[1].settle(1);
  auto futures = futures_of(promises);
  EXPECT_EQ(when_any(std::move(futures)).get().index, 1U);
}

TEST(WhenAny, CancelReachesAll) {
  std::vector<Promise<int>> promises(2);
  auto any = when_any(futures_of(promises));
  EXPECT_TRUE(any.cancel());
  auto first = any.get();
  for (auto& future : first.futures) EXPECT_EQ(future.outcome().failure().kind, FailureKind::kCancelled);
}

TEST(WhenAny, RefusesNone) {
  EXPECT_THROW(static_cast<void>(when_any(std::vector<Future<int>>{})), std::invalid_argument);
}

TEST(When, SettlesOnceWhileThreadsSettleAndCancel) {
  for (int round = 0; round < 100; ++round) {
    std::vector<Promise<int>> promises(3);
    std::vector<Promise<int>> others(3);
    auto all = when_all(futures_of(promises));
    auto any = when_any(futures_of(others));
    std::thread settler([&] {
      for (int i = 0; i < 3; ++i) {
        promises[static_cast<std::size_t>(i)].settle(i);
        others[static_cast<std::size_t>(i)].settle(i);
      }
    });
    std::thread canceller([&] {
      all.cancel();
      any.cancel();
    });
    ASSERT_TRUE(all.wait_for(kPatience));
    ASSERT_TRUE(any.wait_for(kPatience));
    settler.join();
    canceller.join();
    EXPECT_EQ(all.get().size(), 3U);
    EXPECT_EQ(any.get().futures.size(), 3U);
  }
}

}  // namespace
}  // namespace twinpool
