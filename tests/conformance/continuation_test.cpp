// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/conformance/notebook.h"

/// C1 for those who do not wait: TaskState::when_settled calls exactly once, however the task ends.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;

int identity(int n) { return n; }
void refuse() { throw std::domain_error("not today"); }

class CountedCall final : public Continuation {
 public:
  void settled() noexcept override { ++calls_; }
  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] bool wait() const {
    return eventually([&] { return calls() > 0; });
  }

 private:
  std::atomic<int> calls_{0};
};

/// Takes the outcome inside the call, as `then` and Asio do.
class TakenInside final : public Continuation {
 public:
  void attach(Future<int> future) {
    future_ = std::move(future);
    future_.peek()->when_settled(*this);
  }
  void settled() noexcept override {
    auto outcome = future_.outcome();
    value_ = outcome ? outcome.value() : -1;
    ++calls_;
  }
  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] int value() const { return value_; }

 private:
  Future<int> future_;
  std::atomic<int> value_{0};
  std::atomic<int> calls_{0};
};

TEST_P(Conformance, C1_AContinuationIsCalledWhenItsTaskSettles) {
  CountedCall value;
  CountedCall failure;
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto running = pool->submit<pass_gate>(gate.words());
  auto throwing = pool->submit<refuse>();
  running.peek()->when_settled(value);
  throwing.peek()->when_settled(failure);
  EXPECT_EQ(value.calls() + failure.calls(), 0);
  gate.open();
  EXPECT_TRUE(value.wait());
  EXPECT_TRUE(failure.wait());
  EXPECT_TRUE(running.ready() && throwing.ready());
  EXPECT_EQ(value_of(running), 0U);
  EXPECT_EQ(failure_of(throwing).kind, FailureKind::kThrew);
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(value.calls(), 1);
  EXPECT_EQ(failure.calls(), 1);
}

TEST_P(Conformance, C1_AContinuationOfASettledTaskIsCalledAtOnce) {
  CountedCall call;
  const auto pool = make({.workers = 1});
  auto future = pool->submit<identity>(1);
  ASSERT_TRUE(future.wait_for(kPatience));
  future.peek()->when_settled(call);
  EXPECT_EQ(call.calls(), 1);
  EXPECT_EQ(value_of(future), 1);
}

TEST_P(Conformance, C1_AContinuationIsCalledForCancelledAndTimedOutTasks) {
  CountedCall cancelled;
  CountedCall swept;
  CountedCall waited_too_long;
  CountedCall asked;
  const auto pool = make({.workers = 1, .grace = kPatience});
  Gate gate(*pool);
  auto running = pool->submit<run_until_asked>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto first = pool->submit<identity>(1);
  auto second = pool->submit<identity>(with{.wait_limit = milliseconds(10)}, 2);
  auto third = pool->submit<identity>(3);
  first.peek()->when_settled(cancelled);
  second.peek()->when_settled(waited_too_long);
  third.peek()->when_settled(swept);
  running.peek()->when_settled(asked);
  EXPECT_TRUE(first.cancel());
  EXPECT_TRUE(cancelled.wait());
  EXPECT_TRUE(waited_too_long.wait());
  EXPECT_EQ(pool->cancel_queued(), 1U);
  EXPECT_TRUE(swept.wait());
  EXPECT_TRUE(running.cancel());
  EXPECT_TRUE(asked.wait());
  EXPECT_TRUE(pool->drain(kPatience));
  for (const auto* call : {&cancelled, &swept, &waited_too_long, &asked}) EXPECT_EQ(call->calls(), 1);
}

TEST_P(Conformance, C1_AllContinuationsHaveBeenCalledWhenStopReturns) {
  std::vector<CountedCall> calls(20);
  std::vector<Future<std::uint32_t>> futures;
  const auto pool = make({.workers = 1, .grace = milliseconds(1)});
  {
    Gate gate(*pool);
    for (auto& call : calls) {
      futures.push_back(pool->submit<pass_gate>(gate.words()));
      futures.back().peek()->when_settled(call);
    }
    ASSERT_TRUE(gate.wait_entered(1));
    static_cast<void>(pool->stop(milliseconds(1)));
    for (const auto& call : calls) EXPECT_EQ(call.calls(), 1);
  }
  for (auto& future : futures) EXPECT_EQ(failure_of(future).kind, FailureKind::kPoolClosed);
}

TEST_P(Conformance, C1_AContinuationMayTakeTheOutcomeItself) {
  constexpr int kTasks = 3000;
  std::vector<TakenInside> taken(kTasks);
  const auto pool = make({.workers = 2, .queue_capacity = kTasks});
  for (int i = 0; i < kTasks; ++i) taken[static_cast<std::size_t>(i)].attach(pool->submit<identity>(i));
  EXPECT_TRUE(pool->drain(kPatience));
  ASSERT_TRUE(pool->stop(kPatience));
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_EQ(taken[static_cast<std::size_t>(i)].calls(), 1) << i;
    ASSERT_EQ(taken[static_cast<std::size_t>(i)].value(), i);
  }
}

TEST_P(Conformance, C1_AContinuationAttachedInARaceIsCalledOnce) {
  constexpr std::size_t kTasks = 2000;
  std::vector<CountedCall> calls(kTasks);
  const auto pool = make({.workers = 2});
  for (std::size_t i = 0; i < kTasks; ++i) {
    auto future = pool->submit<identity>(static_cast<int>(i));
    if (i % 3 == 0) std::this_thread::yield();
    future.peek()->when_settled(calls[i]);
    if (i % 5 == 0) static_cast<void>(future.cancel());
    ASSERT_TRUE(calls[i].wait());
    static_cast<void>(outcome_of(future));
  }
  EXPECT_TRUE(pool->drain(kPatience));
  for (const auto& call : calls) ASSERT_EQ(call.calls(), 1);
}

}  // namespace
}  // namespace twinpool::conformance
