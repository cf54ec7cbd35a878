// SPDX-License-Identifier: Apache-2.0
#include "threads/waiting_tasks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "threads/pool_core.h"
#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

/// Slots without tasks, in the core of a pool in which nobody works.
struct Slots {
  explicit Slots(int count) : core(PoolCore::make(validate({.workers = 1}))) {
    for (int i = 0; i < count; ++i) all.push_back(&core.arena().acquire());
  }
  ~Slots() {
    for (TaskSlot* slot : all) core.arena().give_back(*slot);
    core.retire();
  }
  TaskSlot& operator[](std::size_t i) { return *all[i]; }
  PoolCore& core;
  std::vector<TaskSlot*> all;
};

TEST(WaitingTasks, GivesTheHighestPriorityFirstAndTheOldestOfOne) {
  Slots slots(4);
  WaitingTasks waiting(slots.core.arena(), 2, true, 16);
  waiting.push(slots[0], WaitingTasks::kShared, -3);
  waiting.push(slots[1], WaitingTasks::kShared, 7);
  waiting.push(slots[2], WaitingTasks::kShared, 7);
  waiting.push(slots[3], WaitingTasks::kShared, kHighestPriority);
  EXPECT_EQ(waiting.take(0, kLowestPriority), &slots[3]);
  EXPECT_EQ(waiting.take(0, 8), nullptr);
  EXPECT_EQ(waiting.take(0, kLowestPriority), &slots[1]);
  EXPECT_EQ(waiting.take(1, kLowestPriority), &slots[2]);
  EXPECT_EQ(waiting.take(1, kLowestPriority), &slots[0]);
  EXPECT_EQ(waiting.take(1, kLowestPriority), nullptr);
  EXPECT_FALSE(waiting.has_for_any());
}

TEST(WaitingTasks, PrefersTheOwnQueueOnlyOnATie) {
  Slots slots(3);
  WaitingTasks waiting(slots.core.arena(), 2, false, 16);
  waiting.push(slots[0], WaitingTasks::kShared, 2);
  waiting.push(slots[1], 1, 2);
  waiting.push(slots[2], 1, 1);
  EXPECT_EQ(waiting.queued(1), 2U);
  EXPECT_EQ(waiting.take(1, kLowestPriority), &slots[1]);
  EXPECT_EQ(waiting.take(1, kLowestPriority), &slots[0]);
  EXPECT_FALSE(waiting.has_for_any());  // the last one is seat 1's alone
  EXPECT_EQ(waiting.take(0, kLowestPriority), nullptr);
  EXPECT_EQ(waiting.steal(0), nullptr);
  waiting.release(1);
  EXPECT_TRUE(waiting.has_for_any());
  EXPECT_EQ(waiting.take(0, kLowestPriority), &slots[2]);
}

TEST(WaitingTasks, StealsTheHighestPriorityOfOtherSeats) {
  Slots slots(3);
  WaitingTasks waiting(slots.core.arena(), 3, true, 16);
  waiting.push(slots[0], 1, 0);
  waiting.push(slots[1], 2, 4);
  waiting.push(slots[2], 0, 9);
  EXPECT_TRUE(waiting.has_for_any());
  EXPECT_EQ(waiting.steal(0), &slots[1]);
  EXPECT_EQ(waiting.steal(0), &slots[0]);
  EXPECT_EQ(waiting.steal(0), nullptr);
  EXPECT_EQ(waiting.take_any(), &slots[2]);
  EXPECT_EQ(waiting.take_any(), nullptr);
}

TEST(WaitingTasks, GivesEachSlotToOneOfManyThreads) {
  constexpr int kTasks = 2000;
  Slots slots(kTasks);
  WaitingTasks waiting(slots.core.arena(), 2, true, 16);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int seat = 0; seat < 2; ++seat) {
    threads.emplace_back([&, seat] {
      while (taken.load() < kTasks) {
        TaskSlot* slot = waiting.take(seat, kLowestPriority);
        if (slot == nullptr) slot = waiting.steal(seat);
        if (slot != nullptr) taken.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < kTasks; ++i) {
    waiting.push(slots[static_cast<std::size_t>(i)], i % 3 - 1, i % kPriorityLevels + kLowestPriority);
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), kTasks);
  EXPECT_EQ(waiting.take_any(), nullptr);
}

std::mutex order_mutex;
std::vector<int> order;
void note(int value) {
  const std::lock_guard lock(order_mutex);
  order.push_back(value);
}
std::vector<int> taken_order() {
  const std::lock_guard lock(order_mutex);
  return std::exchange(order, {});
}

TEST(Priorities, HigherOnesRunFirst) {
  ThreadPool pool({.workers = 1});
  pool.pause();
  (void)pool.submit<note>(3);
  (void)pool.submit<note>(with{.priority = -5}, 5);
  (void)pool.submit<note>(with{.priority = 5}, 1);
  (void)pool.submit<note>(with{.priority = 5}, 2);
  (void)pool.submit<note>(4);
  EXPECT_TRUE(pool.stats().paused);
  EXPECT_EQ(pool.stats().pending, 5U);
  pool.resume();
  EXPECT_TRUE(pool.drain(std::chrono::seconds(60)));
  EXPECT_EQ(taken_order(), (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST(Priorities, EachSixteenthTaskIsTheOldest) {
  ThreadPool pool({.workers = 1});
  pool.pause();
  (void)pool.submit<note>(with{.priority = -1}, -1);
  for (int i = 0; i < 40; ++i) (void)pool.submit<note>(with{.priority = 1}, i);
  pool.resume();
  EXPECT_TRUE(pool.drain(std::chrono::seconds(60)));
  const auto ran = taken_order();
  ASSERT_EQ(ran.size(), 41U);
  EXPECT_EQ(ran[kAgeingInterval - 1], -1);
}

int worker_index() { return Worker::current()->seat(); }

TEST(Keys, OneKeyIsOneWorkersWithoutStealing) {
  ThreadPool pool({.workers = 2, .dispatch = {.stealing = false}});
  for (std::uint64_t key = 0; key < 2; ++key) {
    const int first = pool.submit<worker_index>(with{.key = key}).get();
    for (int i = 0; i < 50; ++i) EXPECT_EQ(pool.submit<worker_index>(with{.key = key}).get(), first);
  }
  std::vector<Future<int>> futures;
  for (std::uint64_t i = 0; i < 500; ++i) futures.push_back(pool.submit<worker_index>(with{.key = i % 2}));
  for (std::size_t i = 2; i < futures.size(); ++i) {
    futures[i].wait();
  }
  const int even = futures[0].get();
  for (std::size_t i = 2; i < futures.size(); i += 2) EXPECT_EQ(futures[i].get(), even);
}

TEST(Keys, AreServedByOthersWithStealing) {
  ThreadPool pool({.workers = 2, .dispatch = {.strategy = Strategy::kRoundRobin}});
  for (int i = 0; i < 500; ++i) (void)pool.submit<note>(with{.key = 1}, i);
  EXPECT_TRUE(pool.drain(std::chrono::seconds(60)));
  EXPECT_EQ(taken_order().size(), 500U);
  EXPECT_EQ(pool.stats().completed, 500U);
}

}  // namespace
}  // namespace twinpool::threads
