// SPDX-License-Identifier: Apache-2.0
#include "processes/task_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace twinpool::processes {
namespace {

class TaskQueue : public testing::Test {
 protected:
  void queue(std::uint32_t slot, std::uint32_t generation = 1) {
    segment_.slot(slot).word.store(SlotWord::make(generation, 0, SlotState::kQueued).bits);
    push_entry(segment_, make_ref(generation, slot));
  }
  void end(std::uint32_t slot, SlotState state = SlotState::kDone) {
    const SlotWord word{segment_.slot(slot).word.load()};
    segment_.slot(slot).word.store(word.with(state).bits);
  }
  Segment segment_ = Segment::create({.workers = 3, .slots = 4, .payload_bytes = 0});
};

TEST_F(TaskQueue, GivesTasksInTheOrderOfTheirPushes) {
  EXPECT_EQ(claim(segment_, 0), std::nullopt);
  for (const std::uint32_t slot : {2, 0, 3, 1}) queue(slot);
  EXPECT_EQ(backlog(segment_), 4u);
  for (const std::uint32_t slot : {2, 0, 3, 1}) EXPECT_EQ(claim(segment_, 0), slot);
  EXPECT_EQ(claim(segment_, 0), std::nullopt);
  EXPECT_EQ(backlog(segment_), 0u);
}

TEST_F(TaskQueue, AClaimNamesTheWorkerTheTaskAndKeepsTheWaiterFlag) {
  queue(1, 7);
  auto& word = segment_.slot(1).word;
  word.store(SlotWord{word.load()}.with_waiter().bits);
  ASSERT_EQ(claim(segment_, 2), 1u);
  const SlotWord now{word.load()};
  EXPECT_EQ(now.state(), SlotState::kRunning);
  EXPECT_EQ(now.worker(), 2);
  EXPECT_EQ(now.generation(), 7u);
  EXPECT_TRUE(now.has_waiter());
  EXPECT_EQ(segment_.worker(2).intent.load(), make_ref(7, 1));
}

TEST_F(TaskQueue, AnEntryWhoseTaskHasEndedIsPassedOver) {
  for (const std::uint32_t slot : {0, 1, 2}) queue(slot);
  end(0, SlotState::kClosed);
  end(1, SlotState::kRunning);
  EXPECT_EQ(claim(segment_, 0), 2u);
  EXPECT_EQ(segment_.header().head.load(), 3u);
}

TEST_F(TaskQueue, AnEntryOfAnOlderUseOfASlotNeverRunsTheNewerOne) {
  queue(0, 1);
  end(0, SlotState::kClosed);
  queue(0, 2);
  ASSERT_EQ(claim(segment_, 0), 0u);
  EXPECT_EQ(segment_.worker(0).intent.load(), make_ref(2, 0));
  EXPECT_EQ(claim(segment_, 0), std::nullopt) << "the newer use was claimed by its own entry alone";
}

TEST_F(TaskQueue, AnEntryThatNamesNoSlotIsPassedOver) {
  push_entry(segment_, make_ref(1, 4'000));
  push_entry(segment_, 0);
  queue(3);
  EXPECT_EQ(claim(segment_, 1), 3u);
}

TEST_F(TaskQueue, SkippingStopsAtTheFirstTaskThatWaits) {
  EXPECT_TRUE(skip_stale(segment_));
  for (const std::uint32_t slot : {0, 1, 2}) queue(slot);
  end(0);
  EXPECT_FALSE(skip_stale(segment_));
  EXPECT_EQ(segment_.header().head.load(), 1u);
  end(1);
  end(2);
  EXPECT_TRUE(skip_stale(segment_));
  EXPECT_EQ(segment_.header().head.load(), segment_.header().tail.load());
}

TEST_F(TaskQueue, AClaimerThatNeverAdvancesTheHeadStopsNobody) {
  queue(0);
  queue(1);
  auto& word = segment_.slot(0).word;
  word.store(SlotWord{word.load()}.with(SlotState::kRunning, 1).bits);  // and died here
  EXPECT_EQ(claim(segment_, 0), 1u);
}

TEST_F(TaskQueue, TheRingGoesRoundAndRound) {
  for (std::uint32_t generation = 1; generation < 100; ++generation) {
    for (std::uint32_t slot = 0; slot < 3; ++slot) queue(slot, generation);
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
      ASSERT_EQ(claim(segment_, 0), slot);
      end(slot);
    }
  }
}

TEST_F(TaskQueue, OfManyClaimersOneGetsEachTask) {
  constexpr std::uint32_t kRounds = 20'000;
  std::atomic<std::uint64_t> claimed{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> workers;
  for (int me = 0; me < 3; ++me) {
    workers.emplace_back([&, me] {
      while (!over.load()) {
        if (const auto slot = claim(segment_, me)) {
          SlotWord word{segment_.slot(*slot).word.load()};
          EXPECT_EQ(word.worker(), me);
          EXPECT_EQ(word.state(), SlotState::kRunning);
          claimed.fetch_add(1);
          segment_.slot(*slot).word.store(word.with(SlotState::kFree).bits);
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::uint32_t pushed = 0; pushed < kRounds; ++pushed) {
    auto& word = segment_.slot(pushed % 4).word;
    while (SlotWord{word.load()}.state() != SlotState::kFree) std::this_thread::yield();
    queue(pushed % 4, pushed / 4 + 1);
  }
  while (claimed.load() < kRounds) std::this_thread::yield();
  over.store(true);
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(claimed.load(), kRounds);
}

}  // namespace
}  // namespace twinpool::processes
