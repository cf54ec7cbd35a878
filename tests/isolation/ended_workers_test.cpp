// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/conformance/event_log.h"
#include "tests/isolation/workers.h"

/// C7, C8 with workers that do not listen, and workers that are stopped or wedged: noticed, ended, replaced.
namespace twinpool::isolation {
namespace {

using conformance::EventLog;
using ::testing::HasSubstr;

void spin_for_ever(Words begun) {
  atomic_at(begun, 0).fetch_add(1);
  const volatile bool for_ever = true;
  while (for_ever) {
  }
}

WorkerState state_of(const ProcessPool& pool) { return pool.stats().workers.at(0).state; }

TEST(EndedWorkers, C7_AnEndlessLoopOverItsLimitIsKilledAndItsWorkerReplaced) {
  PoolOptions options{.workers = 1, .grace = milliseconds(10)};
  options.processes.restart.intensity = 1;       // workers that the pool itself kills
  options.processes.restart.start_failures = 1;  // are no sign of a crash loop
  ProcessPool pool(options);
  const auto begun = pool.make_shared_buffer<std::uint32_t>(1);
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(eventually([&] { return pool.worker_pids().size() == 1; }));
    const int pid = pool.worker_pids().at(0);
    const auto failure = failure_of(pool.submit<spin_for_ever>(with{.run_limit = milliseconds(20)}, begun));
    EXPECT_EQ(failure.kind, FailureKind::kTimedOut) << failure.message;
    EXPECT_THAT(failure.message, HasSubstr("spin_for_ever"));
    EXPECT_TRUE(eventually([&] { return !is_alive(pid); }));
    EXPECT_EQ(value_of(pool.submit<identity>(round)), round);
  }
  const auto stats = pool.stats();
  EXPECT_EQ(stats.timed_out, 6U);
  EXPECT_EQ(stats.lost, 0U);
  EXPECT_FALSE(stats.degraded);
}

TEST(EndedWorkers, C8_ACancelledEndlessLoopIsKilledAfterTheGracePeriod) {
  ProcessPool pool(unlimited({.workers = 2, .grace = milliseconds(10)}));
  const auto begun = pool.make_shared_buffer<std::uint32_t>(1);
  Gate gate(pool);
  auto other = pool.submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  for (std::uint32_t round = 1; round <= 5; ++round) {
    auto spinning = pool.submit<spin_for_ever>(begun);
    ASSERT_TRUE(eventually([&] { return atomic_at(begun, 0).load() == round; }));
    EXPECT_TRUE(spinning.cancel());
    EXPECT_EQ(failure_of(spinning).kind, FailureKind::kCancelled);
  }
  EXPECT_FALSE(other.ready()) << "another worker's task is not concerned";
  gate.open();
  EXPECT_TRUE(outcome_of(other).has_value());
  EXPECT_EQ(pool.stats().cancelled, 5U);
}

TEST(EndedWorkers, AStoppedWorkerIsNoticedAndSoIsThatItGoesOn) {
  EventLog log;
  ProcessPool pool({.workers = 1, .on_event = log.callback()});
  Gate gate(pool);
  auto running = pool.submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  const int pid = pool.worker_pids().at(0);
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerStuck));
  EXPECT_TRUE(eventually([&] { return state_of(pool) == WorkerState::kStuck; }));
  const auto stuck = log.all_of(EventKind::kWorkerStuck);
  ASSERT_FALSE(stuck.empty());
  EXPECT_EQ(stuck[0].worker, 0);
  EXPECT_EQ(stuck[0].id, pid);
  EXPECT_FALSE(stuck[0].message.empty());
  gate.open();
  EXPECT_FALSE(running.ready());
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerResumed));
  EXPECT_TRUE(outcome_of(running).has_value());
  EXPECT_TRUE(eventually([&] { return state_of(pool) == WorkerState::kIdle; }));
  EXPECT_EQ(pool.stats().worker_deaths, 0U);
}

TEST(EndedWorkers, C7_AStoppedWorkerOverItsTasksLimitIsKilledAndReplaced) {
  ProcessPool pool(unlimited({.workers = 1, .grace = milliseconds(10)}));
  Gate gate(pool);
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto running = pool.submit<pass_gate>(with{.run_limit = milliseconds(100)}, gate.words());
    ASSERT_TRUE(gate.wait_entered(static_cast<std::uint32_t>(attempt) + 1));
    const auto pids = pool.worker_pids();
    if (pids.empty() || kill(pids[0], SIGSTOP) != 0) continue;  // its limit has passed already
    EXPECT_EQ(failure_of(running).kind, FailureKind::kTimedOut);
    EXPECT_TRUE(eventually([&] { return !is_alive(pids[0]); }));
    EXPECT_EQ(value_of(pool.submit<identity>(3)), 3);
    return;
  }
  FAIL() << "no worker could be stopped in time";
}

TEST(EndedWorkers, AWorkerOnOneTaskForTooLongIsReportedStuckAndLeftAlone) {
  EventLog log;
  ProcessPool pool({.workers = 2, .stuck_after = milliseconds(30), .on_event = log.callback()});
  Gate gate(pool);
  auto running = pool.submit<pass_gate>(gate.words());
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerStuck));
  EXPECT_THAT(log.all_of(EventKind::kWorkerStuck).at(0).message, HasSubstr("pass_gate"));
  EXPECT_FALSE(running.ready());
  gate.open();
  EXPECT_TRUE(outcome_of(running).has_value());
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerResumed));
  EXPECT_EQ(pool.stats().worker_deaths, 0U);
  EXPECT_EQ(log.count(EventKind::kWorkerStuck), 1U) << "told once a task";
}

}  // namespace
}  // namespace twinpool::isolation
