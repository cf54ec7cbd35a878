// SPDX-License-Identifier: Apache-2.0
#include "threads/parking.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "threads/task_queue.h"

namespace twinpool::threads {
namespace {

bool nothing_waits() { return false; }

void wait_for_sleepers(const Parking& parking, std::uint32_t count) {
  while (parking.sleepers() != count) std::this_thread::yield();
}

TEST(Parking, LetsOneWorkerSearch) {
  Parking parking(2);
  EXPECT_TRUE(parking.try_search());
  EXPECT_FALSE(parking.try_search());
  parking.end_search();
  EXPECT_TRUE(parking.try_search());
}

TEST(Parking, WakesNobodyWhileSomebodySearches) {
  Parking parking(2);
  std::thread sleeper([&] { EXPECT_EQ(parking.sleep(0, false, nothing_waits), Parking::Woken::kToEnd); });
  wait_for_sleepers(parking, 1);
  ASSERT_TRUE(parking.try_search());
  parking.published();
  EXPECT_EQ(parking.wakeups(), 0U);
  parking.end();
  sleeper.join();
}

TEST(Parking, ClaimsTheSearchersPlaceForWhoItWakes) {
  Parking parking(2);
  std::atomic<int> to_search{0};
  const auto sleep = [&](int worker) {
    if (parking.sleep(worker, false, nothing_waits) == Parking::Woken::kToSearch) to_search.fetch_add(1);
  };
  std::thread first(sleep, 0);
  std::thread second(sleep, 1);
  wait_for_sleepers(parking, 2);
  for (int i = 0; i < 100; ++i) parking.published();
  EXPECT_EQ(parking.wakeups(), 1U);
  EXPECT_EQ(parking.sleepers(), 1U);
  EXPECT_FALSE(parking.try_search());
  parking.end();
  first.join();
  second.join();
  EXPECT_EQ(to_search.load(), 1);
}

TEST(Parking, WakesTheWorkerThatFindsATaskWhileLyingDown) {
  Parking parking(1);
  EXPECT_EQ(parking.sleep(0, false, [] { return true; }), Parking::Woken::kToSearch);
}

TEST(Parking, NobodySleepsAfterTheEnd) {
  Parking parking(2);
  std::thread sleeper([&] { EXPECT_EQ(parking.sleep(1, false, nothing_waits), Parking::Woken::kToEnd); });
  wait_for_sleepers(parking, 1);
  parking.end();
  sleeper.join();
  EXPECT_EQ(parking.sleep(0, false, nothing_waits), Parking::Woken::kToEnd);
  ASSERT_TRUE(parking.try_search());
  EXPECT_EQ(parking.sleep(0, true, nothing_waits), Parking::Woken::kToEnd);
}

TEST(Parking, SaysWhetherThePoolIsStopping) {
  Parking parking(1);
  EXPECT_TRUE(parking.published());
  parking.set_stopping();
  EXPECT_FALSE(parking.published());
}

/// Workers that look once and then sleep, so that nearly every item meets somebody lying down. A lost wake-up
/// leaves its item in the ring, and the test hangs until its time limit.
TEST(Parking, LosesNoWakeup) {
  constexpr int kItems = 20'000;
  constexpr int kWorkers = 3;
  Parking parking(kWorkers);
  TaskRing<int> ring(4);
  std::vector<int> items(kItems);
  std::atomic<int> taken{0};
  const auto work = [&](int worker) {
    bool searching = false;
    for (;;) {
      if (ring.pop() != nullptr) {
        if (searching) {
          parking.end_search();
          if (ring.has_item()) parking.published();
          searching = false;
        }
        taken.fetch_add(1);
        continue;
      }
      if (parking.sleep(worker, searching, [&] { return ring.has_item(); }) == Parking::Woken::kToEnd) return;
      searching = true;
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) workers.emplace_back(work, i);
  for (int i = 0; i < kItems; ++i) {
    ring.push(&items[static_cast<std::size_t>(i)]);
    parking.published();
    // One, sometimes two at a time.
    while (i + 1 - taken.load() >= 1 + i % 2) std::this_thread::yield();
  }
  while (taken.load() < kItems) std::this_thread::yield();
  parking.end();
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(taken.load(), kItems);
}

}  // namespace
}  // namespace twinpool::threads
