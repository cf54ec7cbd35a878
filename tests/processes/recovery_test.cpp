// SPDX-License-Identifier: Apache-2.0
#include "processes/recovery.h"

#include <gtest/gtest.h>

#include <csignal>

#include "processes/task_queue.h"

namespace twinpool::processes {
namespace {

const TaskType kSomeTask{};
constexpr int kPid = 4711;

class Recovery : public testing::Test {
 protected:
  /// Worker 0 has slot 0 as its intent, and the slot is in `state` in the hands of `worker`.
  void leave_behind(SlotState state, std::uint16_t worker = 0, std::uint32_t generation = 5) {
    slot().type = &kSomeTask;
    slot().word.store(SlotWord::make(generation, worker, state).bits);
    segment_.worker(0).intent.store(make_ref(5, 0));
  }
  const TaskType* recover() { return recover_worker(segment_, 0, kPid, SIGSEGV); }
  [[nodiscard]] Slot& slot() const { return segment_.slot(0); }
  [[nodiscard]] SlotWord word() const { return {slot().word.load()}; }
  [[nodiscard]] std::uint32_t door(int worker) const { return segment_.worker(worker).door.load(); }

  Segment segment_ = Segment::create({.workers = 3, .slots = 4, .payload_bytes = 0});
};

TEST_F(Recovery, AWorkerThatHadNothingLeavesNothing) {
  EXPECT_EQ(recover(), nullptr);
  for (std::uint32_t i = 0; i < segment_.slot_count(); ++i) EXPECT_EQ(segment_.slot(i).word.load(), 0u);
}

TEST_F(Recovery, ATaskThatItRanIsLostAndSaysToWhom) {
  for (const SlotState state : {SlotState::kRunning, SlotState::kNeedsMemory}) {
    leave_behind(state);
    EXPECT_EQ(recover(), &kSomeTask);
    EXPECT_EQ(word().state(), SlotState::kLost);
    EXPECT_EQ(word().generation(), 5u);
    EXPECT_EQ(slot().lost_pid, kPid);
    EXPECT_EQ(slot().lost_status, SIGSEGV);
    EXPECT_EQ(slot().lost_was_running, 1u);
    EXPECT_EQ(segment_.worker(0).intent.load(), 0u);
  }
}

TEST_F(Recovery, ATaskThatItOnlyMeantToTakeStillWaits) {
  leave_behind(SlotState::kQueued);
  EXPECT_EQ(recover(), nullptr);
  EXPECT_EQ(word().state(), SlotState::kQueued);
}

TEST_F(Recovery, ATaskThatAnotherWorkerTookIsThatWorkers) {
  leave_behind(SlotState::kRunning, 1);
  EXPECT_EQ(recover(), nullptr);
  EXPECT_EQ(word().state(), SlotState::kRunning);
}

TEST_F(Recovery, ALaterUseOfTheSlotIsNotItsOwn) {
  leave_behind(SlotState::kRunning, 0, 6);
  EXPECT_EQ(recover(), nullptr);
  EXPECT_EQ(word().state(), SlotState::kRunning);
}

TEST_F(Recovery, AnOutcomeStays) {
  for (const SlotState state : {SlotState::kDone, SlotState::kThrew, SlotState::kClosed, SlotState::kTooLarge,
                                SlotState::kOutOfMemory, SlotState::kLost}) {
    leave_behind(state);
    EXPECT_EQ(recover(), nullptr);
    EXPECT_EQ(word().state(), state);
  }
}

TEST_F(Recovery, MayBeRepeated) {
  leave_behind(SlotState::kRunning);
  EXPECT_EQ(recover(), &kSomeTask);
  const SlotWord once = word();
  EXPECT_EQ(recover(), nullptr);
  EXPECT_EQ(word().bits, once.bits);
}

TEST_F(Recovery, AnIntentThatWasScribbledOverConcernsNobody) {
  segment_.worker(0).intent.store(make_ref(1, 123'456));
  EXPECT_EQ(recover(), nullptr);
}

TEST_F(Recovery, ItsBitsAreClearedAndThoseOfOthersStay) {
  auto& header = segment_.header();
  for (const int worker : {0, 2}) header.idle.set(worker);
  header.searching.set(0);
  recover();
  EXPECT_FALSE(header.idle.clear(0));
  EXPECT_FALSE(header.searching.clear(0));
  EXPECT_TRUE(header.idle.clear(2));
}

TEST_F(Recovery, ItsWakeUpIsHandedOnWhenATaskWaits) {
  segment_.slot(1).word.store(SlotWord::make(1, 0, SlotState::kQueued).bits);
  push_entry(segment_, make_ref(1, 1));
  segment_.header().idle.set(0);
  segment_.header().idle.set(2);
  recover();
  EXPECT_EQ(door(0), 0u) << "it is dead";
  EXPECT_EQ(door(2), 1u);
}

TEST_F(Recovery, NobodyIsWokenWhenNothingWaits) {
  segment_.header().idle.set(2);
  recover();
  EXPECT_EQ(door(2), 0u);
}

TEST_F(Recovery, WhoeverWaitsForRoomIsTold) {
  leave_behind(SlotState::kRunning);
  recover();
  EXPECT_EQ(segment_.header().room.load(), 0u);
  segment_.header().room_wanted.store(1);
  leave_behind(SlotState::kRunning);
  recover();
  EXPECT_EQ(segment_.header().room.load(), 1u);
}

TEST_F(Recovery, ATaskIsSettledOnceAndKeepsItsFlags) {
  slot().word.store(SlotWord::make(5, 0, SlotState::kQueued).with_waiter().bits);
  EXPECT_FALSE(settle_slot(slot(), 4, SlotState::kClosed)) << "another use of the slot";
  EXPECT_TRUE(settle_slot(slot(), 5, SlotState::kClosed));
  EXPECT_TRUE(word().has_waiter());
  EXPECT_FALSE(settle_slot(slot(), 5, SlotState::kLost));
  EXPECT_EQ(word().state(), SlotState::kClosed);
  EXPECT_FALSE(settle_slot(segment_.slot(1), 0, SlotState::kLost)) << "a slot that nobody uses";
}

TEST_F(Recovery, FailingTheQueueSettlesWhatWaitsAndNothingElse) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    segment_.slot(i).word.store(SlotWord::make(1, 0, SlotState::kQueued).bits);
    push_entry(segment_, make_ref(1, i));
  }
  ASSERT_EQ(claim(segment_, 0), 0u);
  segment_.slot(2).word.store(SlotWord::make(1, 1, SlotState::kDone).bits);
  segment_.slot(3).lost_was_running = 1;
  fail_queued(segment_, SlotState::kLost, -1);
  const auto state = [&](std::uint32_t i) { return SlotWord{segment_.slot(i).word.load()}.state(); };
  EXPECT_EQ(state(0), SlotState::kRunning);
  EXPECT_EQ(state(1), SlotState::kLost);
  EXPECT_EQ(state(2), SlotState::kDone);
  EXPECT_EQ(state(3), SlotState::kLost);
  EXPECT_EQ(segment_.slot(3).lost_was_running, 0u);
  EXPECT_EQ(backlog(segment_), 0u);
}

}  // namespace
}  // namespace twinpool::processes
