// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "processes/door.h"
#include "tests/chaos/step_sweep.h"
#include "tests/chaos/stepped_process.h"

/// The sweep can fail: protocols with one step in the wrong place, or left out, are found out by it.
namespace twinpool::chaos {
namespace {

using processes::make_ref;
using processes::ref_generation;
using processes::ref_index;
using processes::Slot;
using processes::SlotRef;
using processes::SlotState;
using processes::SlotWord;

std::uint32_t answer(std::uint32_t task) {
  count_run(task);
  return 1000 + task;
}
QueuedTasks two_answers(BareOwner& owner) {
  QueuedTasks tasks;
  for (std::uint32_t task = 0; task < 2; ++task) {
    tasks.push_back(std::make_unique<QueuedTaskOf<std::uint32_t>>(
        owner.submit<answer>(task),
        [task](const Outcome<std::uint32_t>& outcome) { return outcome && outcome.value() == 1000 + task; }));
  }
  return tasks;
}

/// Puts what fits a slot there.
class InlineSink final : public ResultSink {
 public:
  explicit InlineSink(Slot& slot) : slot_(slot) {}
  std::span<std::byte> reserve(std::size_t bytes) override {
    slot_.result_bytes = bytes;
    return {slot_.room_for(bytes), bytes};
  }

 private:
  Slot& slot_;
};

/// The order in which a worker could take a task, all but the first of them wrong.
enum class Order { kRight, kIntentAfterClaim, kHeadBeforeClaim, kPublishedInPlace };

/// A worker in the small: takes the tasks that wait, in this or that order.
template <Order order>
void work(const Segment& segment, const WorkerContext& context) {
  auto& header = segment.header();
  auto& intent = segment.worker(context.index).intent;
  for (;;) {
    std::uint64_t head = header.head.load();
    if (head >= header.tail.load()) return;
    const SlotRef ref = segment.ring_entry(head).load();
    Slot& slot = segment.slot(ref_index(ref));
    if (order != Order::kIntentAfterClaim) intent.store(ref);
    if (order == Order::kHeadBeforeClaim) header.head.compare_exchange_strong(head, head + 1);
    SlotWord word = SlotWord::make(ref_generation(ref), 0, SlotState::kQueued);
    const bool claimed = slot.word.compare_exchange_strong(word.bits, word.with(SlotState::kRunning, 0).bits);
    if (order == Order::kIntentAfterClaim) intent.store(ref);
    if (order != Order::kHeadBeforeClaim) header.head.compare_exchange_strong(head, head + 1);
    if (!claimed) continue;
    word = SlotWord::make(ref_generation(ref), 0, SlotState::kRunning);
    if (order == Order::kPublishedInPlace) slot.word.store(word.with(SlotState::kDone).bits);
    InlineSink sink(slot);
    Reader arguments(std::span<const std::byte>(slot.arguments, slot.arguments_bytes));
    slot.type->run_encoded(arguments, sink, {});
    if (order != Order::kPublishedInPlace)
      slot.word.compare_exchange_strong(word.bits, word.with(SlotState::kDone).bits);
  }
}

void recover(const Segment& segment, int pid, int status) {
  (void)processes::recover_worker(segment, 0, pid, status);
}

/// Wakes nobody whose wake-up died with the worker.
void recover_without_waking(const Segment& segment, int pid, int status) {
  const SlotRef intent = segment.worker(0).intent.load();
  if (intent != 0) {
    Slot& slot = segment.slot(ref_index(intent));
    const SlotWord word{slot.word.load()};
    if (word.generation() == ref_generation(intent) && word.terminal()) segment.worker(0).intent.store(0);
  }
  recover(segment, pid, status);
}

/// Hands no wake-up on.
void recover_without_handing_on(const Segment& segment, int pid, int status) {
  auto& idle = segment.header().idle;
  idle.clear(1);
  recover(segment, pid, status);
}

class StepperProof : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    if (!SteppedProcess::is_permitted(reason)) GTEST_SKIP() << reason;
  }
  static void expect_found_out(Scenario scenario, const std::string& what) {
    scenario.patience = std::chrono::milliseconds(1'000);
    const SweepReport report = sweep(scenario);
    ASSERT_FALSE(report.complaints.empty()) << report.text();
    EXPECT_NE(report.complaints.front().find(what), std::string::npos) << report.text();
  }
};

TEST_F(StepperProof, TheRightOrderPasses) {
  const SweepReport report = sweep({.queue = two_answers,
                                    .work = work<Order::kRight>,
                                    .recover = recover,
                                    .helper = Scenario::Helper::kReplacement});
  EXPECT_TRUE(report.complaints.empty()) << report.text();
  EXPECT_GT(report.with_loss, 0u);
}

TEST_F(StepperProof, AnIntentThatIsNotedAfterTheClaimIsFoundOut) {
  expect_found_out({.queue = two_answers,
                    .work = work<Order::kIntentAfterClaim>,
                    .recover = recover,
                    .helper = Scenario::Helper::kReplacement},
                   "never settles");
}

TEST_F(StepperProof, AnEntryThatIsTakenOutBeforeTheClaimIsFoundOut) {
  expect_found_out({.queue = two_answers,
                    .work = work<Order::kHeadBeforeClaim>,
                    .recover = recover,
                    .helper = Scenario::Helper::kReplacement},
                   "never settles");
}

TEST_F(StepperProof, AnOutcomeThatIsPublishedBeforeItsResultIsFoundOut) {
  expect_found_out({.queue = two_answers,
                    .work = work<Order::kPublishedInPlace>,
                    .recover = recover,
                    .helper = Scenario::Helper::kReplacement},
                   "task 0");
}

TEST_F(StepperProof, ARecoveryThatWakesNoWaiterIsFoundOut) {
  expect_found_out({.queue = two_answers,
                    .work =
                        [](const Segment& segment, const WorkerContext& context) {
                          while (processes::run_one_task(segment, context)) {
                          }
                        },
                    .recover = recover_without_waking,
                    .waiters = true},
                   "a waiter sleeps on");
}

TEST_F(StepperProof, ARecoveryThatHandsOnNoWakeUpIsFoundOut) {
  expect_found_out({.queue = two_answers, .work = work<Order::kRight>, .recover = recover_without_handing_on},
                   "never settles");
}

}  // namespace
}  // namespace twinpool::chaos
