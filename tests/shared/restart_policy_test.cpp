// SPDX-License-Identifier: Apache-2.0
#include "shared/restart_policy.h"

#include <gtest/gtest.h>

namespace twinpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Clock::time_point kStart = Clock::time_point{} + std::chrono::hours(1);
const RestartOptions kOptions{.intensity = 5,
                              .period = milliseconds(1000),
                              .start_failures = 3,
                              .backoff_first = milliseconds(10),
                              .backoff_limit = milliseconds(100)};

TEST(RestartPolicy, ReplacesTheFirstDeadWorkerAtOnce) {
  RestartPolicy policy(kOptions);
  policy.died(kStart, false);
  EXPECT_LE(policy.next_start(), kStart);
  EXPECT_FALSE(policy.degraded());
  EXPECT_TRUE(policy.troubled());
}

TEST(RestartPolicy, WaitsTwiceAsLongWithEachUnproductiveDeathUpToALimit) {
  RestartOptions options = kOptions;
  options.intensity = options.start_failures = 1000;
  RestartPolicy policy(options);
  Clock::time_point now = kStart;
  policy.died(now, false);
  for (const int expected_ms : {10, 20, 40, 80, 100, 100, 100}) {
    now += seconds(10);
    policy.died(now, false);
    EXPECT_EQ(policy.next_start(), now + milliseconds(expected_ms));
  }
  EXPECT_FALSE(policy.degraded());
}

TEST(RestartPolicy, SpacesTheReplacementsOfAllPlaces) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 3; ++i) policy.died(kStart, false);
  const auto due = policy.next_start();
  EXPECT_GT(due, kStart);
  policy.started(due);
  EXPECT_GT(policy.next_start(), due) << "the next place has to wait as well";
}

TEST(RestartPolicy, NeverWaitsForProductiveWorkersBelowTheIntensity) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 100; ++i) {
    const auto now = kStart + i * seconds(1);
    policy.died(now, true);
    EXPECT_LE(policy.next_start(), now);
  }
  EXPECT_FALSE(policy.degraded());
  EXPECT_FALSE(policy.troubled());
}

TEST(RestartPolicy, GivesUpOnceDeathsExceedIntensityWithinPeriod) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 5; ++i) policy.died(kStart + milliseconds(i), true);
  EXPECT_FALSE(policy.degraded());
  policy.died(kStart + milliseconds(5), true);
  EXPECT_TRUE(policy.degraded());
  EXPECT_EQ(policy.next_start(), kStart + milliseconds(5) + kOptions.backoff_limit);
}

TEST(RestartPolicy, ForgetsDeathsThatAreOlderThanThePeriod) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 5; ++i) policy.died(kStart, true);
  EXPECT_EQ(policy.recent_deaths(kStart), 5);
  const auto later = kStart + kOptions.period + milliseconds(1);
  EXPECT_EQ(policy.recent_deaths(later), 0);
  policy.died(later, true);
  EXPECT_FALSE(policy.degraded());
  EXPECT_EQ(policy.recent_deaths(later), 1);
}

TEST(RestartPolicy, GivesUpOnceWorkersInARowFailToStart) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 3; ++i) policy.died(kStart + i * seconds(10), false);
  EXPECT_FALSE(policy.degraded());
  policy.died(kStart + seconds(30), false);
  EXPECT_TRUE(policy.degraded());
}

TEST(RestartPolicy, AProductiveDeathEndsTheRowOfUnproductiveOnes) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 20; ++i) policy.died(kStart + i * seconds(10), i % 3 == 2);
  EXPECT_FALSE(policy.degraded());
}

TEST(RestartPolicy, RecoversWhenAReplacementProvesItself) {
  RestartPolicy policy(kOptions);
  for (int i = 0; i < 10; ++i) policy.died(kStart, false);
  ASSERT_TRUE(policy.degraded());
  policy.proved();
  EXPECT_FALSE(policy.degraded());
  EXPECT_FALSE(policy.troubled());
  EXPECT_LE(policy.next_start(), kStart);
  EXPECT_EQ(policy.recent_deaths(kStart), 0) << "old deaths would make the next one the last straw";
}

TEST(RestartPolicy, StartsAtMostTwentyTimesASecondInACrashLoopOfEightPlaces) {
  RestartPolicy policy(RestartOptions{});
  int starts = 0;
  for (auto now = kStart; now < kStart + seconds(60); now += milliseconds(1)) {
    while (policy.next_start() <= now) {
      policy.started(now);
      policy.died(now, false);
      ++starts;
    }
  }
  EXPECT_GT(starts, 30) << "it has to go on trying";
  EXPECT_LE(starts, 60 * 20);
}

}  // namespace
}  // namespace twinpool
