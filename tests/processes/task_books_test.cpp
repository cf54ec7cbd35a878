// SPDX-License-Identifier: Apache-2.0
#include "processes/task_books.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "processes/worker.h"
#include "tests/processes/bare_owner.h"

namespace twinpool::processes {
namespace {

std::string repeated(char letter, std::uint64_t count) { return std::string(count, letter); }
std::uint64_t twice(std::uint64_t n) {
  if (n % 10 == 7) throw std::invalid_argument("no sevens");
  return 2 * n;
}
std::uint64_t length(std::string_view text) { return text.size(); }

class TaskBooksTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kPayload = 1 << 20;
  void make(std::uint32_t slots) {
    owner_ =
        std::make_unique<BareOwner>(SegmentShape{.workers = 1, .slots = slots, .payload_bytes = kPayload});
  }
  [[nodiscard]] BareOwner& owner() const { return *owner_; }
  [[nodiscard]] const Segment& segment() const { return owner_->segment(); }
  [[nodiscard]] Slot& last_slot() const { return segment().slot(ref_index(owner_->last())); }
  /// Runs what waits, on this thread. Requires: no result needs the owner's answer.
  void run_all() {
    while (run_one_task(segment(), WorkerContext{.index = 0, .owner_bell = owner_->bell()})) {
    }
  }
  /// The same with somebody who answers.
  void run_all_answered() {
    std::atomic<bool> over{false};
    std::thread answering([&] {
      while (!over.load()) {
        owner_->serve_bell();
        std::this_thread::yield();
      }
    });
    run_all();
    over.store(true);
    answering.join();
  }
  PoolStats stats() {
    PoolStats stats;
    owner_->books().count_outcomes(stats);
    return stats;
  }
  std::unique_ptr<BareOwner> owner_;
};

TEST_F(TaskBooksTest, NoMoreTasksThanSlotsAreUnsettled) {
  make(2);
  auto a = owner().submit<twice>(1);
  auto b = owner().submit<twice>(2);
  EXPECT_FALSE(owner().submit<twice>(3).valid());
  run_all();
  auto c = owner().submit<twice>(3);
  ASSERT_TRUE(c.valid()) << "a settled task does not count";
  run_all();
  EXPECT_EQ(a.get() + b.get() + c.get(), 12u);
}

TEST_F(TaskBooksTest, ManyMoreSettledResultsAreHeldThanThereAreSlots) {
  make(4);
  std::deque<Future<std::uint64_t>> futures;
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    futures.push_back(owner().submit<twice>(n));
    ASSERT_TRUE(futures.back().valid());
    run_all();
    EXPECT_TRUE(futures.front().ready());
  }
  EXPECT_EQ(stats().completed + stats().failed, 1'000u);
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    const auto timing = futures[n].timing();
    ASSERT_TRUE(timing);
    EXPECT_LE(timing->submitted_ns, timing->started_ns);
    EXPECT_LE(timing->started_ns, timing->settled_ns);
    const auto outcome = futures[n].outcome();
    ASSERT_EQ(outcome.has_value(), n % 10 != 7) << n;
    if (outcome) {
      EXPECT_EQ(outcome.value(), 2 * n);
    } else {
      EXPECT_EQ(outcome.failure().message, "no sevens");
    }
  }
  EXPECT_EQ(stats().completed, 900u);
  EXPECT_EQ(stats().failed, 100u);
}

TEST_F(TaskBooksTest, LargeResultsSurviveTheReuseOfTheirSlots) {
  make(2);
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 20; ++i) {
    futures.push_back(
        owner().submit<repeated>(static_cast<char>('a' + i), 10'000u + static_cast<unsigned>(i)));
    run_all_answered();
  }
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(),
              repeated(static_cast<char>('a' + i), 10'000u + static_cast<unsigned>(i)));
  EXPECT_EQ(owner().books().extents().in_use(), 0u);
}

TEST_F(TaskBooksTest, DroppedFuturesAreCountedAndLeaveNothing) {
  make(3);
  for (int i = 0; i < 100; ++i) {
    { auto waiting = owner().submit<twice>(1); }  // dropped while it waits
    auto settled = owner().submit<repeated>('x', 100'000u);
    run_all_answered();
    ASSERT_TRUE(settled.ready());
  }
  EXPECT_EQ(stats().completed, 200u);
  auto last = owner().submit<twice>(4);
  run_all();
  EXPECT_EQ(last.get(), 8u);
  // What was dropped before it had settled goes when room is needed.
  EXPECT_TRUE(owner().books().allocate(kPayload).has_value());
}

TEST_F(TaskBooksTest, FuturesMayOutliveTheirPool) {
  make(4);
  auto small = owner().submit<twice>(21);
  auto large = owner().submit<repeated>('z', 5'000u);
  run_all_answered();
  auto never_ran = owner().submit<twice>(1);
  auto never_looked_at = owner().submit<twice>(2);
  owner_.reset();
  EXPECT_EQ(small.get(), 42u);
  EXPECT_EQ(large.get(), repeated('z', 5'000));
  EXPECT_EQ(never_ran.outcome().failure().kind, FailureKind::kPoolClosed);
}

TEST_F(TaskBooksTest, ASharedBlockMayOutliveThePool) {
  make(1);
  auto block = owner().books().allocate_shared(1'000);
  EXPECT_GE(owner().books().extents().in_use(), 1'000u);
  owner_.reset();
  for (std::size_t i = 0; i < 1'000; ++i) EXPECT_EQ(block->data[i], std::byte{0});
  block->data[999] = std::byte{1};
}

TEST_F(TaskBooksTest, SharedMemoryIsZeroedAndGivenBack) {
  make(1);
  auto block = owner().books().allocate_shared(kPayload);
  std::fill_n(block->data, kPayload, std::byte{0xff});
  EXPECT_THROW((void)owner().books().allocate_shared(1), std::bad_alloc);
  block.reset();
  block = owner().books().allocate_shared(kPayload);
  EXPECT_EQ(std::count(block->data, block->data + kPayload, std::byte{0}),
            static_cast<std::ptrdiff_t>(kPayload));
}

TEST_F(TaskBooksTest, ArgumentsOfAnySizeArrive) {
  make(1);
  for (const std::size_t bytes : {0u, 1u, 119u, 120u, 121u, 128u, 129u, 100'000u}) {
    auto future = owner().submit<length>(std::string(bytes, 'q'));
    run_all();
    EXPECT_EQ(future.get(), bytes);
  }
  EXPECT_FALSE(owner().submit<length>(std::string(kPayload, 'q')).valid());
  EXPECT_EQ(owner().books().extents().in_use(), 0u);
}

TEST_F(TaskBooksTest, AResultThatCanNeverFitIsATypedFailure) {
  make(1);
  auto future = owner().submit<repeated>('x', kPayload + 1);
  run_all_answered();
  EXPECT_EQ(future.outcome().failure().kind, FailureKind::kResultTooLarge);
  EXPECT_EQ(stats().failed, 1u);
}

TEST_F(TaskBooksTest, AResultThatDoesNotFitNowIsATypedFailure) {
  make(1);
  auto block = owner().books().allocate_shared(kPayload / 2);
  auto future = owner().submit<repeated>('x', kPayload * 3 / 4);
  run_all_answered();
  EXPECT_EQ(future.outcome().failure().kind, FailureKind::kOutOfMemory);
  block.reset();
  future = owner().submit<repeated>('x', kPayload * 3 / 4);
  run_all_answered();
  EXPECT_EQ(future.get().size(), kPayload * 3 / 4);
}

TEST_F(TaskBooksTest, AWaitEndsAtItsDeadlineAndTheTaskGoesOn) {
  make(1);
  auto future = owner().submit<twice>(4);
  EXPECT_FALSE(future.wait_for(std::chrono::milliseconds(1)));
  EXPECT_TRUE(SlotWord{last_slot().word.load()}.has_waiter());
  run_all();
  EXPECT_TRUE(future.wait_for(std::chrono::milliseconds(0)));
  EXPECT_EQ(future.get(), 8u);
}

/// A worker that has gone mad can write anything into the segment. The owner reads lengths once and checks
/// them.
class Scribbled : public TaskBooksTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(Scribbled, AnImpossibleLengthIsABrokenResultAndNoRead) {
  make(2);
  for (const SlotState state : {SlotState::kDone, SlotState::kThrew}) {
    auto future = owner().submit<repeated>('x', 8u);
    Slot& slot = last_slot();
    run_all();
    std::fill(std::begin(slot.result), std::end(slot.result), std::byte{0xff});
    slot.result_bytes = GetParam();
    slot.word.store(SlotWord{slot.word.load()}.with(state).bits);
    const auto outcome = future.outcome();
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.failure().kind, FailureKind::kWorkerLost);
    EXPECT_NE(outcome.failure().message.find("broken result"), std::string::npos)
        << outcome.failure().message;
  }
}

TEST_P(Scribbled, AnImpossibleLengthSurvivesTheHarvest) {
  make(1);
  auto future = owner().submit<repeated>('x', 8u);
  Slot& slot = last_slot();
  run_all();
  std::fill(std::begin(slot.result), std::end(slot.result), std::byte{0xff});
  slot.result_bytes = GetParam();
  auto next = owner().submit<twice>(1);
  run_all();
  EXPECT_EQ(next.get(), 2u);
  EXPECT_FALSE(future.outcome().has_value());
}

INSTANTIATE_TEST_SUITE_P(Lengths, Scribbled,
                         testing::Values(0, 7, kInlineResult, kInlineResult + 1, 1 << 20, UINT64_MAX));

TEST_F(TaskBooksTest, AWishForImpossiblyMuchMemoryIsRefused) {
  make(1);
  auto future = owner().submit<twice>(1);
  ASSERT_EQ(claim(segment(), 0), 0u);
  last_slot().result_bytes = UINT64_MAX;
  last_slot().word.store(SlotWord{last_slot().word.load()}.with(SlotState::kNeedsMemory).bits);
  owner().serve_bell();
  EXPECT_EQ(future.outcome().failure().kind, FailureKind::kResultTooLarge);
}

TEST_F(TaskBooksTest, MemoryForAWorkerThatHasDiedIsGivenBack) {
  make(1);
  for (const bool dead_before_the_answer : {false, true}) {
    auto future = owner().submit<twice>(1);
    ASSERT_TRUE(claim(segment(), 0));
    last_slot().result_bytes = 100'000;
    last_slot().word.store(SlotWord{last_slot().word.load()}.with(SlotState::kNeedsMemory).bits);
    if (!dead_before_the_answer) owner().serve_bell();
    recover_worker(segment(), 0, 4711, SIGKILL);
    owner().serve_bell();
    EXPECT_EQ(future.outcome().failure().kind, FailureKind::kWorkerLost);
    EXPECT_EQ(owner().books().extents().in_use(), 0u);
  }
}

TEST_F(TaskBooksTest, ManyThreadsSubmitTakeAndDrop) {
  make(16);
  std::atomic<bool> over{false};
  std::mutex push;
  std::thread worker([&] {
    while (!over.load()) {
      run_all();
      std::this_thread::yield();
    }
  });
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> accepted{0};
  std::vector<std::thread> submitters;
  for (int t = 0; t < 3; ++t) {
    submitters.emplace_back([&, t] {
      std::deque<std::pair<std::uint64_t, Future<std::uint64_t>>> held;
      for (std::uint64_t n = 0; n < 5'000; ++n) {
        Future<std::uint64_t> future;
        {
          const std::lock_guard lock(push);  // the owner's push lock
          future = owner().submit<twice>(n * 10);
        }
        if (future.valid()) {
          ++accepted;
          if (n % 5 != static_cast<std::uint64_t>(t)) held.emplace_back(n * 20, std::move(future));
        } else {
          std::this_thread::yield();
        }
        if (held.size() > 40) {
          if (held.front().second.get() != held.front().first) ++wrong;
          held.pop_front();
        }
      }
      for (auto& [value, future] : held) wrong += future.get() != value ? 1 : 0;
    });
  }
  for (auto& submitter : submitters) submitter.join();
  over.store(true);
  worker.join();
  run_all();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(stats().completed, accepted.load());
}

}  // namespace
}  // namespace twinpool::processes
