// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/isolation/workers.h"

/// C3: a worker's death loses at most the task that it had started.
namespace twinpool::isolation {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

void abort_own_worker() { std::abort(); }
void crash_own_worker(std::uint64_t address) { *reinterpret_cast<volatile int*>(address) = 1; }
void escape() { throw std::runtime_error("escapes"); }
void throw_out_of_noexcept() noexcept { escape(); }
void quick_exit_own_worker() { std::quick_exit(4); }
void terminate_own_worker() { kill(getpid(), SIGTERM); }
void count_run(Words runs, std::uint64_t at) { atomic_at(runs, at).fetch_add(1); }
int fatal_sometimes(int n) {
  if (n % 100 == 30) kill_own_worker();
  if (n % 100 == 80) _exit(0);
  return n * 3;
}
std::string fatal_after_large_result(std::string text) {
  if (text.front() == 'k') kill_own_worker();
  return text;
}

struct Expected {
  int signal;
  int exit_status;
};

void expect_loss(ProcessPool& pool, Future<Unit> future, const std::vector<int>& pids, Expected expected,
                 const std::string& words) {
  const auto failure = failure_of(future);
  ASSERT_EQ(failure.kind, FailureKind::kWorkerLost) << failure.message;
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_THAT(pids, Contains(failure.loss->pid));
  EXPECT_EQ(failure.loss->signal, expected.signal);
  EXPECT_EQ(failure.loss->exit_status, expected.exit_status);
  EXPECT_TRUE(failure.loss->was_running);
  EXPECT_GE(failure.loss->worker, 0);
  EXPECT_LT(failure.loss->worker, 2);
  EXPECT_THAT(failure.message, HasSubstr(words));
  EXPECT_TRUE(eventually([&] { return pool.stats().workers_alive() == 2; }));
}

TEST(WorkerDeath, C3_AFatalTaskLosesItselfAndSaysHow) {
  ProcessPool pool(unlimited({.workers = 2}));
  const auto die = [&](auto submit, Expected expected, const std::string& words) {
    ASSERT_TRUE(eventually([&] { return pool.worker_pids().size() == 2; }));
    const auto pids = pool.worker_pids();
    expect_loss(pool, submit(), pids, expected, words);
  };
  die([&] { return pool.submit<kill_own_worker>(); }, {SIGKILL, 0}, "was killed by SIGKILL while running");
  die([&] { return pool.submit<exit_own_worker>(0); }, {0, 0}, "exited with status 0 while running");
  die([&] { return pool.submit<exit_own_worker>(3); }, {0, 3}, "exited with status 3 while running");
  die([&] { return pool.submit<quick_exit_own_worker>(); }, {0, 4}, "exited with status 4");
  die([&] { return pool.submit<abort_own_worker>(); }, {SIGABRT, 0}, "SIGABRT");
  die([&] { return pool.submit<throw_out_of_noexcept>(); }, {SIGABRT, 0}, "SIGABRT");
  die([&] { return pool.submit<crash_own_worker>(std::uint64_t{64}); }, {SIGSEGV, 0}, "SIGSEGV");
  die([&] { return pool.submit<terminate_own_worker>(); }, {SIGTERM, 0}, "SIGTERM");
  EXPECT_EQ(value_of(pool.submit<identity>(5)), 5);
  const auto stats = pool.stats();
  EXPECT_EQ(stats.worker_deaths, 8U);
  EXPECT_EQ(stats.lost, 8U);
  std::uint64_t restarts = 0;
  std::string deaths;
  for (const auto& worker : stats.workers) {
    restarts += worker.restarts;
    deaths += worker.last_death;
  }
  EXPECT_EQ(restarts, 8U);
  EXPECT_THAT(deaths, HasSubstr("SIGTERM"));
}

TEST(WorkerDeath, C3_QueuedTasksGoOnWhenTheOnlyWorkerDies) {
  ProcessPool pool(unlimited({.workers = 1}));
  Gate gate(pool);
  const auto runs = pool.make_shared_buffer<std::uint32_t>(200);
  auto held = pool.submit<pass_gate>(gate.words());
  auto fatal = pool.submit<kill_own_worker>();
  std::vector<Future<Unit>> queued;
  for (std::uint64_t i = 0; i < 200; ++i) queued.push_back(pool.submit<count_run>(runs, i));
  gate.open();
  EXPECT_EQ(value_of(held), 0U);
  EXPECT_EQ(failure_of(fatal).kind, FailureKind::kWorkerLost);
  for (std::uint64_t i = 0; i < 200; ++i) {
    EXPECT_TRUE(outcome_of(queued[i]).has_value());
    EXPECT_EQ(atomic_at(runs, i).load(), 1U);
  }
}

TEST(WorkerDeath, C3_OtherWorkersAreNotDisturbed) {
  ProcessPool pool(unlimited({.workers = 3}));
  Gate gate(pool);
  auto held = pool.submit<pass_gate>(gate.words());
  auto held_too = pool.submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(2));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  gate.open();
  EXPECT_TRUE(outcome_of(held).has_value());
  EXPECT_TRUE(outcome_of(held_too).has_value());
}

TEST(WorkerDeath, C3_AWorkerKilledFromOutsideInMidTaskLosesThatTask) {
  ProcessPool pool(unlimited({.workers = 1}));
  Gate gate(pool);
  auto running = pool.submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  const int pid = pool.worker_pids().at(0);
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  const auto failure = failure_of(running);
  EXPECT_EQ(failure.kind, FailureKind::kWorkerLost);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_EQ(failure.loss->pid, pid);
  EXPECT_EQ(failure.loss->signal, SIGKILL);
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  EXPECT_EQ(gate.left(), 0U);
}

TEST(WorkerDeath, C3_OfTenThousandTasksExactlyTheTwoHundredFatalOnesAreLost) {
  PoolOptions options{.workers = 2, .queue_capacity = 16'384};
  options.processes.restart.intensity = 1'000'000;
  ProcessPool pool(options);
  std::vector<Future<int>> futures;
  for (int n = 0; n < 10'000; ++n) futures.push_back(pool.submit<fatal_sometimes>(n));
  int values = 0;
  int killed = 0;
  int exited = 0;
  for (int n = 0; n < 10'000; ++n) {
    auto outcome = outcome_of(futures[static_cast<std::size_t>(n)]);
    if (outcome) {
      ASSERT_EQ(outcome.value(), n * 3);
      ++values;
      continue;
    }
    ASSERT_EQ(outcome.failure().kind, FailureKind::kWorkerLost) << n << ": " << outcome.failure().message;
    ASSERT_TRUE(n % 100 == 30 || n % 100 == 80) << n << " was innocent: " << outcome.failure().message;
    (outcome.failure().loss->signal == SIGKILL ? killed : exited)++;
  }
  EXPECT_EQ(values, 9'800);
  EXPECT_EQ(killed, 100);
  EXPECT_EQ(exited, 100);
  const auto stats = pool.stats();
  EXPECT_EQ(stats.lost, 200U);
  EXPECT_EQ(stats.completed, 9'800U);
  EXPECT_EQ(stats.worker_deaths, 200U);
  EXPECT_EQ(stats.pending, 0U);
}

TEST(WorkerDeath, C3_IdleWorkersKilledFromOutsideCostNothing) {
  ProcessPool pool({.workers = 2});
  static_cast<void>(value_of(pool.submit<identity>(0)));
  for (int trial = 0; trial < 100; ++trial) {
    ASSERT_TRUE(eventually([&] { return !pool.worker_pids().empty(); }));
    const auto pids = pool.worker_pids();
    kill(pids[static_cast<std::size_t>(trial) % pids.size()], SIGKILL);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 6; ++i) futures.push_back(pool.submit<identity>(i));
    for (int i = 0; i < 6; ++i) {
      // The kill may strike after the submission, but these tasks are too short to be the one that it loses
      // often; what is lost has to have been running.
      auto outcome = outcome_of(futures[static_cast<std::size_t>(i)]);
      if (!outcome) {
        ASSERT_TRUE(outcome.failure().loss && outcome.failure().loss->was_running)
            << outcome.failure().message;
      }
    }
    EXPECT_EQ(value_of(pool.submit<identity>(trial)), trial);
  }
}

TEST(WorkerDeath, C3_AllIdleWorkersDeadCostNothing) {
  ProcessPool pool(unlimited({.workers = 3}));
  std::set<int> killed;  // a place may still show a worker that was killed in the trial before
  for (int trial = 0; trial < 100; ++trial) {
    ASSERT_TRUE(eventually([&] { return pool.worker_pids().size() == 3; }));
    const auto pids = pool.worker_pids();
    for (const int pid : pids) {
      kill(pid, SIGKILL);
      killed.insert(pid);
    }
    ASSERT_TRUE(eventually([&] { return std::none_of(pids.begin(), pids.end(), is_alive); }));
    // From here on none of those workers can have started anything.
    for (int i = 0; i < 5; ++i) ASSERT_EQ(value_of(pool.submit<identity>(i)), i) << "trial " << trial;
  }
  EXPECT_EQ(pool.stats().lost, 0U);
  EXPECT_TRUE(eventually([&] { return pool.stats().worker_deaths == killed.size(); }));  // the last may still be reaped
}

TEST(WorkerDeath, C3_MemoryOfLostTasksIsGivenBack) {
  PoolOptions options = unlimited({.workers = 1});
  options.processes.max_shared_bytes = 4 << 20;
  ProcessPool pool(options);
  for (int round = 0; round < 30; ++round) {
    std::string fatal(1 << 20, 'k');
    EXPECT_EQ(failure_of(pool.submit<fatal_after_large_result>(fatal)).kind, FailureKind::kWorkerLost);
  }
  EXPECT_TRUE(eventually([&] { return pool.stats().shared_bytes_in_use == 0; }));
  EXPECT_EQ(value_of(pool.submit<fatal_after_large_result>(std::string(1 << 20, 'v'))).size(),
            std::size_t{1} << 20);
}

}  // namespace
}  // namespace twinpool::isolation
