// SPDX-License-Identifier: Apache-2.0
#include "threads/admission.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace twinpool::threads {
namespace {

using Answer = Admission::Answer;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(Admission, AdmitsExactlyTheLimit) {
  Admission admission(3, 1);
  std::uint64_t settled = 0;
  std::uint64_t sequence = 0;
  const auto admit = [&] { return admission.admit(sequence, [&] { return settled; }); };
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(admit(), Answer::kAdmitted);
    EXPECT_EQ(sequence, i);
  }
  EXPECT_EQ(admit(), Answer::kFull);
  settled = 1;
  EXPECT_EQ(admit(), Answer::kAdmitted);
  EXPECT_EQ(admit(), Answer::kFull);
  admission.withdraw();
  EXPECT_EQ(admit(), Answer::kAdmitted);
  EXPECT_EQ(admission.accepted(), 4U);
}

TEST(Admission, AdmitsSeveralAheadOnlyFarFromTheLimit) {
  Admission admission(16, 1);
  std::uint64_t sequence = 0;
  const auto admit = [&] { return admission.admit(sequence, [] { return std::uint64_t{0}; }); };
  EXPECT_EQ(admission.admit_ahead(4), 0U);
  EXPECT_EQ(admission.admit_ahead(4), 4U);
  EXPECT_FALSE(admission.admit_ahead(4).has_value());  // as many again would reach the limit
  for (std::uint64_t i = 8; i < 16; ++i) EXPECT_EQ(admit(), Answer::kAdmitted);
  EXPECT_EQ(admit(), Answer::kFull);
  admission.take_back(3);
  EXPECT_EQ(admission.accepted(), 13U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(admit(), Answer::kAdmitted);
  EXPECT_EQ(admit(), Answer::kFull);
  admission.close();
  EXPECT_FALSE(admission.admit_ahead(1).has_value());
}

TEST(Admission, LooksAgainWhenWhatWasAdmittedAheadIsCalledBackMeanwhile) {
  Admission admission(16, 1);
  std::uint64_t sequence = 0;
  ASSERT_TRUE(admission.admit_ahead(4));
  for (int i = 0; i < 12; ++i)
    ASSERT_EQ(admission.admit(sequence, [] { return std::uint64_t{0}; }), Answer::kAdmitted);
  bool called_back = false;
  const auto settled = [&] {
    if (!std::exchange(called_back, true)) admission.take_back(4);
    return std::uint64_t{0};
  };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(admission.admit(sequence, settled), Answer::kAdmitted);
  EXPECT_TRUE(called_back);
  EXPECT_EQ(admission.admit(sequence, settled), Answer::kFull);
}

TEST(Admission, AdmitsNobodyAfterClose) {
  Admission admission(3, 1);
  std::uint64_t sequence = 0;
  admission.close();
  EXPECT_EQ(admission.admit(sequence, [] { return std::uint64_t{0}; }), Answer::kClosed);
  EXPECT_FALSE(admission.admit_beyond_limit(sequence));
  EXPECT_EQ(admission.accepted(), 0U);
}

TEST(Admission, NeverExceedsTheLimitUnderContention) {
  constexpr std::uint64_t kLimit = 4;
  Admission admission(kLimit, 4);
  std::atomic<std::uint64_t> settled{0};
  std::atomic<std::int64_t> inside{0};
  std::atomic<int> exceeded{0};
  const auto run = [&] {
    std::uint64_t sequence = 0;
    for (int done = 0; done < 5000;) {
      if (admission.admit(sequence, [&] { return settled.load(); }) != Answer::kAdmitted) {
        std::this_thread::yield();
        continue;
      }
      if (inside.fetch_add(1) >= static_cast<std::int64_t>(kLimit)) exceeded.fetch_add(1);
      inside.fetch_sub(1);
      settled.fetch_add(1);
      ++done;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(run);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(exceeded.load(), 0);
  EXPECT_EQ(admission.accepted(), settled.load());
}

TEST(Admission, WakesWhoWaitsForRoom) {
  Admission admission(1, 1);
  std::atomic<std::uint64_t> settled{0};
  const auto sum = [&] { return settled.load(); };
  std::uint64_t sequence = 0;
  ASSERT_EQ(admission.admit(sequence, sum), Answer::kAdmitted);
  std::thread waiter([&] {
    std::uint64_t mine = 0;
    EXPECT_EQ(admission.admit_when_room(mine, sum, Clock::now() + 60s, -1), Answer::kAdmitted);
    EXPECT_EQ(mine, 1U);
  });
  settled.store(1);
  admission.made_room(1);
  waiter.join();
}

/// Each of 8 settlers with a count of its own gets by far fewer tasks than the limit of all: the room is made
/// known long before any of them has settled as many as the largest batch.
TEST(Admission, TellsOfRoomInTimeForManySettlers) {
  constexpr std::uint64_t kLimit = 256;
  constexpr std::uint64_t kSettlers = 8;
  const Admission admission(kLimit, kSettlers);
  std::uint64_t announced_at = 0;
  for (std::uint64_t each = 1; each <= kLimit / kSettlers && announced_at == 0; ++each) {
    if (admission.announces(each)) announced_at = each;
  }
  EXPECT_LE(announced_at * kSettlers, kLimit / 8);
  EXPECT_NE(announced_at, 0U);
}

TEST(Admission, GivesUpAtTheDeadline) {
  Admission admission(1, 1);
  std::uint64_t sequence = 0;
  const auto sum = [] { return std::uint64_t{0}; };
  ASSERT_EQ(admission.admit(sequence, sum), Answer::kAdmitted);
  const auto deadline = Clock::now() + 5ms;
  EXPECT_EQ(admission.admit_when_room(sequence, sum, deadline, -1), Answer::kFull);
  EXPECT_GE(Clock::now(), deadline);
}

TEST(Admission, TellsWhoWaitsThatItCloses) {
  Admission admission(1, 1);
  std::uint64_t sequence = 0;
  const auto sum = [] { return std::uint64_t{0}; };
  ASSERT_EQ(admission.admit(sequence, sum), Answer::kAdmitted);
  std::thread waiter([&] {
    std::uint64_t mine = 0;
    EXPECT_EQ(admission.admit_when_room(mine, sum, Clock::now() + 60s, -1), Answer::kClosed);
  });
  admission.close();
  waiter.join();
}

}  // namespace
}  // namespace twinpool::threads
