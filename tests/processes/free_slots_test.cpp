// SPDX-License-Identifier: Apache-2.0
#include "processes/free_slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace twinpool::processes {
namespace {

TEST(FreeSlots, EachSlotIsGivenOnceAndTheLastOneBackIsTheNextOneOut) {
  FreeSlots free(3);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 3; ++i) seen.insert(free.pop().value());
  EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 2}));
  EXPECT_FALSE(free.pop());
  EXPECT_FALSE(free.push(1));
  EXPECT_FALSE(free.push(2));
  EXPECT_EQ(free.pop(), 2u);
  EXPECT_EQ(free.pop(), 1u);
  EXPECT_FALSE(free.pop());
}

TEST(FreeSlots, NoSlotsAtAllIsPossible) { EXPECT_FALSE(FreeSlots(0).pop()); }

TEST(FreeSlots, ThePoolIsTheLastUserWhenNobodyElseIsThere) {
  FreeSlots free(2);
  EXPECT_FALSE(free.push(free.pop().value()));
  EXPECT_TRUE(free.orphan());
}

TEST(FreeSlots, TheLastUserOfAnOrphanLearnsThatItIsTheLast) {
  FreeSlots free(2);
  const auto a = free.pop().value();
  const auto b = free.pop().value();
  ASSERT_TRUE(free.add_user());
  EXPECT_FALSE(free.orphan());
  EXPECT_FALSE(free.push(a));
  free.push_keeping_user(b);
  EXPECT_FALSE(free.remove_user());
  EXPECT_TRUE(free.remove_user());
}

TEST(FreeSlots, ThreadsNeverHoldTheSameSlotAndExactlyOneUserIsTheLast) {
  constexpr std::uint32_t kSlots = 8;
  constexpr int kThreads = 4;
  FreeSlots free(kSlots);
  std::array<std::atomic<int>, kSlots> holders{};
  std::atomic<int> doubles{0};
  std::atomic<int> last{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) ASSERT_TRUE(free.add_user());
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const auto slot = free.pop();
        if (!slot) continue;
        if (holders[*slot].fetch_add(1) != 0) ++doubles;
        holders[*slot].fetch_sub(1);
        if (free.push(*slot)) ++last;
      }
      if (free.remove_user()) ++last;
    });
  }
  if (free.orphan()) ++last;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(doubles.load(), 0);
  EXPECT_EQ(last.load(), 1);
}

}  // namespace
}  // namespace twinpool::processes
