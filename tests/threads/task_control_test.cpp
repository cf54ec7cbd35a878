// SPDX-License-Identifier: Apache-2.0
// Cancel, limits, continuations and pause of the thread twin (C7, C8).
#include "threads/task_control.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

std::atomic<bool> gate_open{false};
std::atomic<int> at_gate{0};
int wait_at_gate(int value) {
  at_gate.fetch_add(1);
  while (!gate_open.load()) std::this_thread::yield();
  return value;
}
void close_gate() {
  gate_open.store(false);
  at_gate.store(0);
}
void wait_for_gate(int count) {
  while (at_gate.load() < count) std::this_thread::yield();
}
/// Returns when it is asked to stop.
int wait_for_stop(std::stop_token stop, int value) {  // NOLINT: by value, as users do
  at_gate.fetch_add(1);
  while (!stop.stop_requested()) std::this_thread::yield();
  return value;
}
int add(int a, int b) { return a + b; }

void expect_balance(const PoolStats& stats) {
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
                                 stats.rejected_later + stats.pending);
}

template <typename T>
Failure failure_of(Future<T>& future) {
  auto outcome = future.outcome();
  EXPECT_FALSE(outcome.has_value());
  return outcome.has_value() ? Failure{} : std::move(outcome).take_failure();
}

TEST(Cancel, EndsATaskThatWaitsAtOnce) {
  close_gate();
  ThreadPool pool({.workers = 1, .queue_capacity = 1});
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  auto waiting = pool.submit<wait_at_gate>(2);
  EXPECT_FALSE(pool.try_submit<add>(1, 1).accepted());
  EXPECT_TRUE(waiting.cancel());
  ASSERT_TRUE(waiting.ready());
  EXPECT_FALSE(waiting.cancel());
  const Failure failure = failure_of(waiting);
  EXPECT_EQ(failure.kind, FailureKind::kCancelled);
  EXPECT_NE(failure.message.find("wait_at_gate' was cancelled before it ran"), std::string::npos);
  auto next = pool.submit<add>(1, 1);  // it made room
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_EQ(next.get(), 2);
  EXPECT_EQ(at_gate.load(), 1);
  EXPECT_EQ(pool.stats().cancelled, 1U);
  expect_balance(pool.stats());
}

TEST(Cancel, AsksARunningTaskThroughItsToken) {
  close_gate();
  ThreadPool pool({.workers = 1, .grace = 60s});
  auto running = pool.submit<wait_for_stop>(7);
  wait_for_gate(1);
  auto next = pool.submit<wait_for_stop>(8);
  EXPECT_TRUE(running.cancel());
  const Failure failure = failure_of(running);
  EXPECT_EQ(failure.kind, FailureKind::kCancelled);
  EXPECT_NE(failure.message.find("was cancelled while it ran"), std::string::npos);
  wait_for_gate(2);
  EXPECT_FALSE(next.ready());  // not concerned
  EXPECT_TRUE(next.cancel());
  EXPECT_EQ(failure_of(next).kind, FailureKind::kCancelled);
  EXPECT_EQ(pool.stats().cancelled, 2U);
  expect_balance(pool.stats());
}

TEST(Cancel, SettlesWithoutATaskThatDoesNotListen) {
  close_gate();
  ThreadPool pool({.workers = 1, .grace = 1ms});
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  EXPECT_TRUE(running.cancel());
  const Failure failure = failure_of(running);
  EXPECT_EQ(failure.kind, FailureKind::kCancelled);
  EXPECT_NE(failure.message.find("left to itself on worker 0"), std::string::npos);
  gate_open.store(true);
  EXPECT_EQ(pool.submit<add>(1, 2).get(), 3);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().cancelled, 1U);
  EXPECT_EQ(pool.stats().completed, 1U);
  expect_balance(pool.stats());
}

TEST(Cancel, FollowsTheCallersStopToken) {
  close_gate();
  ThreadPool pool({.workers = 1});
  std::stop_source source;
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  auto waiting = pool.submit<wait_at_gate>(with{.stop = source.get_token()}, 2);
  (void)pool.submit<wait_at_gate>(with{.stop = source.get_token()}, 2);  // its Future is gone
  source.request_stop();
  EXPECT_EQ(failure_of(waiting).kind, FailureKind::kCancelled);
  auto late = pool.submit<add>(with{.stop = source.get_token()}, 2, 3);
  EXPECT_EQ(failure_of(late).kind, FailureKind::kCancelled);
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().cancelled, 3U);
}

TEST(Cancel, EndsAllThatWait) {
  close_gate();
  ThreadPool pool({.workers = 1});
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(pool.submit<add>(with{.priority = i % 3}, i, i));
  EXPECT_TRUE(waiting[4].cancel());
  EXPECT_EQ(pool.cancel_queued(), 19U);
  for (auto& future : waiting) EXPECT_EQ(failure_of(future).kind, FailureKind::kCancelled);
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_EQ(pool.stats().cancelled, 20U);
}

TEST(Cancel, NeverFillsTheRingWithEndedTasks) {
  ThreadPool pool({.workers = 1, .queue_capacity = 2});
  pool.pause();
  for (int i = 0; i < 5000; ++i) {
    auto future = pool.submit<add>(i, i);
    EXPECT_TRUE(future.cancel());
  }
  auto last = pool.submit<add>(1, 2);
  pool.resume();
  EXPECT_EQ(last.get(), 3);
  EXPECT_EQ(pool.stats().cancelled, 5000U);
  expect_balance(pool.stats());
}

/// Whatever the order of cancel, beginning and end: one outcome, and the numbers balance.
TEST(Cancel, SettlesOnceUnderEveryRace) {
  ThreadPool pool({.workers = 2, .queue_capacity = 64, .when_full = WhenFull::kBlock, .grace = 1ms});
  int cancelled = 0;
  for (int i = 0; i < 3000; ++i) {
    auto future = i % 2 == 0 ? pool.submit<add>(i, 1) : pool.submit<add>(with{.run_limit = 60s}, i, 1);
    for (int spin = 0; spin < (i * 7) % 200; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    const bool asked = future.cancel();
    const auto outcome = future.outcome();
    EXPECT_EQ(outcome.has_value(), !asked);
    cancelled += asked ? 1 : 0;
  }
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.cancelled, static_cast<std::uint64_t>(cancelled));
  EXPECT_EQ(stats.completed, static_cast<std::uint64_t>(3000 - cancelled));
}

TEST(Limits, EndATaskThatWaitsTooLong) {
  close_gate();
  ThreadPool pool({.workers = 1});
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  auto waiting = pool.submit<wait_at_gate>(with{.wait_limit = 5ms}, 2);
  const Failure failure = failure_of(waiting);
  EXPECT_EQ(failure.kind, FailureKind::kTimedOut);
  EXPECT_NE(failure.message.find("waited longer than its wait limit of 5 ms"), std::string::npos);
  gate_open.store(true);
  EXPECT_EQ(running.get(), 1);
  EXPECT_EQ(at_gate.load(), 1);
  EXPECT_EQ(pool.stats().timed_out, 1U);
}

TEST(Limits, LeaveARunningTaskBehindAndAskItToStop) {
  close_gate();
  ThreadPool pool({.workers = 1, .run_limit = 5ms});
  auto deaf = pool.submit<wait_at_gate>(1);
  const Failure failure = failure_of(deaf);
  EXPECT_EQ(failure.kind, FailureKind::kTimedOut);
  EXPECT_NE(failure.message.find("ran longer than its run limit of 5 ms and was left to itself on worker 0"),
            std::string::npos);
  gate_open.store(true);
  auto listening = pool.submit<wait_for_stop>(1);
  EXPECT_EQ(failure_of(listening).kind, FailureKind::kTimedOut);
  EXPECT_EQ(pool.submit<add>(with{.run_limit = 60s}, 1, 2).get(), 3);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().timed_out, 2U);
  EXPECT_EQ(pool.stats().completed, 1U);
  expect_balance(pool.stats());
}

/// Takes the outcome when it is called, as those who build on Futures do.
struct Taker final : Continuation {
  explicit Taker(Future<int> future) : state(future.detach()) {}
  void settled() noexcept override {
    int value = 0;
    const auto failure = state->take(detail::kResultType<int>, &value);
    kind.store(failure ? static_cast<int>(failure->kind) : 0);
    calls.fetch_add(1);
  }
  TaskState* state;
  std::atomic<int> calls{0};
  std::atomic<int> kind{-1};
};

TEST(WhenSettled, CallsOnceWhoeverSettles) {
  close_gate();
  ThreadPool pool({.workers = 1});
  Taker running(pool.submit<wait_at_gate>(1));
  running.state->when_settled(running);
  wait_for_gate(1);
  Taker cancelled(pool.submit<add>(1, 1));
  cancelled.state->when_settled(cancelled);
  EXPECT_TRUE(cancelled.state->cancel());
  EXPECT_EQ(cancelled.calls.load(), 1);
  Taker late(pool.submit<add>(with{.wait_limit = 1ms}, 1, 1));
  late.state->when_settled(late);
  while (late.calls.load() == 0) std::this_thread::yield();
  EXPECT_EQ(late.kind.load(), static_cast<int>(FailureKind::kTimedOut));
  gate_open.store(true);
  while (running.calls.load() == 0) std::this_thread::yield();
  EXPECT_EQ(running.kind.load(), 0);
  auto done = pool.submit<add>(1, 1);
  done.wait();
  Taker settled(std::move(done));
  settled.state->when_settled(settled);
  EXPECT_EQ(settled.calls.load(), 1);
}

TEST(WhenSettled, IsCalledByStopToo) {
  close_gate();
  ThreadPool pool({.workers = 1});
  Taker running(pool.submit<wait_at_gate>(1));
  wait_for_gate(1);
  Taker waiting(pool.submit<add>(1, 1));
  running.state->when_settled(running);
  waiting.state->when_settled(waiting);
  EXPECT_FALSE(pool.stop(1ms));
  EXPECT_EQ(running.kind.load(), static_cast<int>(FailureKind::kPoolClosed));
  EXPECT_EQ(waiting.kind.load(), static_cast<int>(FailureKind::kPoolClosed));
  gate_open.store(true);
}

std::thread::id this_thread() { return std::this_thread::get_id(); }
bool runs_in(std::uint64_t thread) { return std::hash<std::thread::id>{}(this_thread()) == thread; }

TEST(RunInCaller, RunsWhatFindsNoRoom) {
  close_gate();
  std::atomic<int> full{0};
  ThreadPool pool({.workers = 1,
                   .queue_capacity = 1,
                   .when_full = WhenFull::kRunInCaller,
                   .on_event = [&](const Event& event) {
                     if (event.kind == EventKind::kPoolFull) full.fetch_add(1);
                   }});
  auto running = pool.submit<wait_at_gate>(1);
  wait_for_gate(1);
  auto queued = pool.submit<add>(1, 1);
  for (int i = 0; i < 3; ++i) {
    auto own = pool.submit<runs_in>(std::hash<std::thread::id>{}(this_thread()));
    ASSERT_TRUE(own.ready());
    EXPECT_TRUE(own.get());
  }
  EXPECT_EQ(pool.stats().completed, 3U);
  gate_open.store(true);
  EXPECT_EQ(running.get() + queued.get(), 3);
  EXPECT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().completed, 5U);
  while (full.load() == 0) std::this_thread::yield();
  EXPECT_EQ(full.load(), 1);
}

ThreadPool* own_pool = nullptr;
int cancels_its_part() {
  auto part = own_pool->submit<add>(1, 1);
  auto rest = own_pool->submit<add>(2, 2);
  const bool cancelled = part.cancel();
  return (cancelled ? 10 : 0) + rest.get() + (part.outcome().has_value() ? 100 : 0);
}

TEST(Cancel, WorksInsideATask) {
  ThreadPool pool({.workers = 1});
  own_pool = &pool;
  EXPECT_EQ(pool.submit<cancels_its_part>().get(), 14);
  EXPECT_EQ(pool.submit<cancels_its_part>(with{.run_limit = 60s}).get(), 14);
}

}  // namespace
}  // namespace twinpool::threads
