// SPDX-License-Identifier: Apache-2.0
#include "threads/task_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace twinpool::threads {
namespace {

/// Items that know how often they were taken.
std::vector<std::atomic<int>> items_never_taken(int count) { return std::vector<std::atomic<int>>(count); }

int taken_once(const std::vector<std::atomic<int>>& items) {
  int once = 0;
  for (const auto& item : items) once += item.load() == 1 ? 1 : 0;
  return once;
}

TEST(TaskRing, GivesItemsInTheOrderInWhichTheyCame) {
  TaskRing<int> ring(3);
  std::vector<int> items{0, 1, 2};
  for (int lap = 0; lap < 10; ++lap) {
    for (int& item : items) ring.push(&item);
    for (int& item : items) EXPECT_EQ(ring.pop(), &item);
    EXPECT_EQ(ring.pop(), nullptr);
  }
}

TEST(TaskRing, KnowsWhetherItHasAnItem) {
  TaskRing<int> ring(2);
  int item = 0;
  EXPECT_FALSE(ring.has_item());
  ring.push(&item);
  EXPECT_TRUE(ring.has_item());
  ring.pop();
  EXPECT_FALSE(ring.has_item());
}

TEST(TaskRing, GivesEachItemOnceToManyThreads) {
  constexpr int kItems = 20'000;
  constexpr int kRoom = 64;
  auto items = items_never_taken(kItems);
  TaskRing<std::atomic<int>> ring(kRoom);
  std::atomic<int> next{0};
  std::atomic<int> taken{0};
  const auto push = [&] {
    for (int i; (i = next.fetch_add(1)) < kItems;) {
      while (i - taken.load() >= kRoom) std::this_thread::yield();  // the ring must never be full
      ring.push(&items[static_cast<std::size_t>(i)]);
    }
  };
  const auto pop = [&] {
    while (taken.load() < kItems) {
      if (auto* item = ring.pop()) {
        item->fetch_add(1);
        taken.fetch_add(1);
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back(push);
  for (int i = 0; i < 3; ++i) threads.emplace_back(pop);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken_once(items), kItems);
}

TEST(TaskDeque, GivesTheOwnerItsYoungestAndThievesTheOldest) {
  TaskDeque<int> deque;
  int items[4] = {};
  for (int& item : items) ASSERT_TRUE(deque.push(&item));
  EXPECT_EQ(deque.pop(), &items[3]);
  EXPECT_EQ(deque.steal(), &items[0]);
  EXPECT_EQ(deque.steal(), &items[1]);
  EXPECT_EQ(deque.pop(), &items[2]);
  EXPECT_EQ(deque.pop(), nullptr);
  EXPECT_EQ(deque.steal(), nullptr);
  EXPECT_FALSE(deque.has_item());
}

TEST(TaskDeque, KeepsItemsBelowTheMark) {
  TaskDeque<int> deque;
  int below = 0;
  int above = 0;
  ASSERT_TRUE(deque.push(&below));
  const auto mark = deque.bottom();
  ASSERT_TRUE(deque.push(&above));
  EXPECT_EQ(deque.pop(mark), &above);
  EXPECT_EQ(deque.pop(mark), nullptr);
  EXPECT_EQ(deque.pop(), &below);
}

TEST(TaskDeque, RefusesWhenFullAndTakesAgainAfterASteal) {
  TaskDeque<int> deque;
  int item = 0;
  for (std::int64_t i = 0; i < TaskDeque<int>::kCapacity; ++i) ASSERT_TRUE(deque.push(&item));
  EXPECT_FALSE(deque.push(&item));
  EXPECT_EQ(deque.steal(), &item);
  EXPECT_TRUE(deque.push(&item));
}

TEST(TaskDeque, GivesEachItemOnceToOwnerOrThief) {
  constexpr int kItems = 50'000;
  auto items = items_never_taken(kItems);
  TaskDeque<std::atomic<int>> deque;
  std::atomic<bool> done{false};
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      while (!done.load()) {
        if (auto* item = deque.steal()) item->fetch_add(1);
      }
    });
  }
  for (int i = 0; i < kItems;) {
    // Few at a time, so that the last item, which both ends want, comes up often.
    for (int n = 0; n < 3 && i < kItems; ++n) {
      if (deque.push(&items[static_cast<std::size_t>(i)])) ++i;
    }
    while (auto* item = deque.pop()) item->fetch_add(1);
  }
  done.store(true);
  for (auto& thief : thieves) thief.join();
  EXPECT_EQ(taken_once(items), kItems);
}

}  // namespace
}  // namespace twinpool::threads
