// SPDX-License-Identifier: Apache-2.0
#include "shared/then.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace twinpool {
namespace {

constexpr std::chrono::seconds kPatience{60};

Failure failure(const char* message) {
  return Failure{.kind = FailureKind::kTimedOut, .type_name = {}, .message = message, .loss = {}};
}

TEST(Then, CallsWithTheValueOnceTheFirstSettles) {
  Promise<int> promise;
  auto next = promise.future().then([](int n) { return std::to_string(n + 1); });
  EXPECT_FALSE(next.ready());
  promise.settle(41);
  EXPECT_EQ(next.get(), "42");
}

TEST(Then, RunsAtOnceInTheCallerWhenTheFirstHasSettled) {
  Promise<int> promise;
  promise.settle(1);
  const auto here = std::this_thread::get_id();
  EXPECT_EQ(promise.future().then([](int) { return std::this_thread::get_id(); }).get(), here);
}

TEST(Then, GivesUnitForVoid) {
  Promise<Unit> promise;
  int calls = 0;
  auto next = promise.future().then([&] { ++calls; });
  promise.settle(Unit{});
  EXPECT_EQ(next.get(), Unit{});
  EXPECT_EQ(calls, 1);
}

TEST(Then, TakesWhatCanOnlyBeMovedAndGenericCallables) {
  Promise<std::unique_ptr<int>> promise;
  auto next = promise.future().then([](auto p) { return p; });
  promise.settle(std::make_unique<int>(5));
  EXPECT_EQ(*next.get(), 5);
}

TEST(Then, PassesAFailureByACallableThatTakesTheValue) {
  Promise<int> promise;
  bool called = false;
  auto next = promise.future().then([&](int n) {
    called = true;
    return n;
  });
  promise.settle(failure("late"));
  EXPECT_EQ(next.outcome().failure().message, "late");
  EXPECT_FALSE(called);
}

TEST(Then, HandsAFailureToACallableThatTakesAnOutcome) {
  Promise<int> promise;
  auto next = promise.future().then([](const Outcome<int>& first) { return first ? first.value() : -1; });
  promise.settle(failure("late"));
  EXPECT_EQ(next.get(), -1);
}

TEST(Then, GivesTheExceptionOfItsCallable) {
  Promise<int> promise;
  auto next = promise.future().then([](int) -> int { throw std::runtime_error("no"); });
  promise.settle(1);
  const auto outcome = next.outcome();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.failure().kind, FailureKind::kThrew);
  EXPECT_EQ(outcome.failure().message, "no");
}

TEST(Then, SettlesAsTheOutcomeOrTheFutureThatItsCallableGives) {
  Promise<int> first;
  Promise<int> second;
  auto failed = first.future().then([](int) -> Outcome<int> { return failure("given"); });
  first.settle(1);
  EXPECT_EQ(failed.outcome().failure().message, "given");

  Promise<int> third;
  auto chained = third.future().then([&second](int) { return second.future(); });
  third.settle(1);
  EXPECT_FALSE(chained.ready());
  second.settle(7);
  EXPECT_EQ(chained.get(), 7);
}

TEST(Then, CancelReachesTheTaskThatIsWaitedFor) {
  Promise<int> promise;
  auto next = promise.future().then([](int n) { return n; }).then([](int n) { return n; });
  EXPECT_TRUE(next.cancel());
  EXPECT_EQ(next.outcome().failure().kind, FailureKind::kCancelled);
  EXPECT_FALSE(promise.settle(1));
}

TEST(Then, CancelReachesTheFutureThatItsCallableGave) {
  Promise<int> first;
  Promise<int> second;
  auto next = first.future().then([&](int) { return second.future(); });
  first.settle(1);
  EXPECT_TRUE(next.cancel());
  EXPECT_EQ(next.outcome().failure().kind, FailureKind::kCancelled);
  EXPECT_FALSE(second.settle(1));
}

TEST(Then, IsNotBegunOnceItWasCancelledEvenIfTheFirstGivesAValue) {
  Promise<int> stubborn([] {});
  bool called = false;
  auto next = stubborn.future().then([&](int) { called = true; });
  EXPECT_TRUE(next.cancel());
  stubborn.settle(1);
  EXPECT_EQ(next.outcome().failure().kind, FailureKind::kCancelled);
  EXPECT_FALSE(called);
}

TEST(Then, RunsThoughItsFutureWasDropped) {
  Promise<int> promise;
  int seen = 0;
  static_cast<void>(promise.future().then([&](int n) { seen = n; }));
  promise.settle(3);
  EXPECT_EQ(seen, 3);
}

TEST(Then, SettlesOnceWhileOneThreadCancelsAndAnotherSettles) {
  for (int i = 0; i < 200; ++i) {
    Promise<int> promise;
    auto next = promise.future().then([](int n) { return n + 1; });
    std::thread settler([&] { promise.settle(i); });
    std::thread canceller([&] { next.cancel(); });
    ASSERT_TRUE(next.wait_for(kPatience));
    settler.join();
    canceller.join();
    const auto outcome = next.outcome();
    if (outcome) {
      EXPECT_EQ(outcome.value(), i + 1);
    } else {
      EXPECT_EQ(outcome.failure().kind, FailureKind::kCancelled);
    }
  }
}

}  // namespace
}  // namespace twinpool
