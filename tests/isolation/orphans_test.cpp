// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <filesystem>

#include "tests/isolation/workers.h"

/// C11: when the program is killed, supervisor and workers are gone at once. C1: when the supervisor is, all
/// settle.
namespace twinpool::isolation {
namespace {

void spin_for_ever() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  for (volatile bool on = true; on;) {
  }
}
void count_run(Words runs, std::uint64_t at) { atomic_at(runs, at).fetch_add(1); }

std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
    names.insert(entry.path().filename());
  return names;
}

enum class Owner { kIdle, kBusy, kLosingWorkers };

/// What the killed program does: makes a pool, tells that it stands, and waits for its end.
[[noreturn]] void own_a_pool(Owner kind, int ready) {
  ProcessPool pool(unlimited({.workers = 3}));
  std::vector<Future<Unit>> futures;
  if (kind == Owner::kBusy) {
    Gate gate(pool);
    std::vector<Future<std::uint32_t>> held;
    for (int i = 0; i < 3; ++i) held.push_back(pool.submit<pass_gate>(gate.words()));
    if (!gate.wait_entered(3)) _exit(1);
    gate.open();
    for (auto& future : held) static_cast<void>(outcome_of(future));
    for (int i = 0; i < 3; ++i) futures.push_back(pool.submit<spin_for_ever>());
    const auto all_busy = [&] {
      const auto stats = pool.stats();
      return std::all_of(stats.workers.begin(), stats.workers.end(),
                         [](const auto& worker) { return worker.state == WorkerState::kBusy; });
    };
    if (!eventually(all_busy)) _exit(1);
  } else if (kind == Owner::kLosingWorkers) {
    for (int i = 0; i < 500; ++i) futures.push_back(pool.submit<kill_own_worker>());
  }
  if (write(ready, "r", 1) != 1) _exit(1);
  for (;;) pause();
}

void expect_no_orphans(Owner kind, int signal) {
  const auto files_before = shared_memory_files();
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) own_a_pool(kind, ready[1]);
  close(ready[1]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  const auto family = conformance::descendants_of(owner);
  if (kind != Owner::kLosingWorkers) {
    ASSERT_GE(family.size(), 4U);  // supervisor and workers
  }
  ASSERT_EQ(kill(owner, signal), 0);
  int status = 0;
  ASSERT_EQ(waitpid(owner, &status, 0), owner);
  for (const int pid : family) {
    EXPECT_TRUE(gone_within_a_second(pid)) << "process " << pid << " outlived its program";
    if (is_alive(pid)) kill(pid, SIGKILL);
  }
  EXPECT_EQ(shared_memory_files(), files_before);
}

TEST(Orphans, C11_NothingOutlivesAnIdleOwnerThatIsKilled) { expect_no_orphans(Owner::kIdle, SIGKILL); }
TEST(Orphans, C11_NothingOutlivesAnOwnerThatIsKilledWhileAllWorkersSpinWithSignalsBlocked) {
  expect_no_orphans(Owner::kBusy, SIGKILL);
}
TEST(Orphans, C11_NothingOutlivesAnOwnerThatIsKilledWhileWorkersAreReplaced) {
  expect_no_orphans(Owner::kLosingWorkers, SIGKILL);
}
TEST(Orphans, C11_NothingOutlivesAnOwnerThatIsTerminated) { expect_no_orphans(Owner::kBusy, SIGTERM); }

TEST(Orphans, C11_APoolKeepsNothingInDevShmWhileItLives) {
  const auto before = shared_memory_files();
  ProcessPool pool({.workers = 2});
  const auto words = pool.make_shared_buffer<std::uint64_t>(1000);
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  EXPECT_EQ(shared_memory_files(), before);
}

TEST(SupervisorDeath, C1_EveryFutureSettlesAndNewTasksRunAfterwards) {
  constexpr std::uint64_t kQueued = 200;
  ProcessPool pool(unlimited({.workers = 2}));
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(eventually([&] { return pool.supervisor_pid() > 0 && pool.worker_pids().size() == 2; }));
    const int supervisor = pool.supervisor_pid();
    Gate gate(pool);
    const auto runs = pool.make_shared_buffer<std::uint32_t>(kQueued);
    auto first = pool.submit<pass_gate>(gate.words());
    auto second = pool.submit<pass_gate>(gate.words());
    std::vector<Future<Unit>> queued;
    for (std::uint64_t i = 0; i < kQueued; ++i) queued.push_back(pool.submit<count_run>(runs, i));
    ASSERT_TRUE(gate.wait_entered(2));
    const auto workers = pool.worker_pids();

    ASSERT_EQ(kill(supervisor, SIGKILL), 0);
    const auto deadline = Clock::now() + std::chrono::seconds(1);
    ASSERT_TRUE(first.wait_until(deadline)) << "round " << round;
    ASSERT_TRUE(second.wait_until(deadline)) << "round " << round;
    for (auto& future : queued) ASSERT_TRUE(future.wait_until(deadline)) << "round " << round;

    EXPECT_EQ(failure_of(first).kind, FailureKind::kWorkerLost);
    EXPECT_EQ(failure_of(second).kind, FailureKind::kWorkerLost);
    for (std::uint64_t i = 0; i < kQueued; ++i) {
      auto outcome = outcome_of(queued[i]);
      if (outcome) {
        ASSERT_EQ(atomic_at(runs, i).load(), 1U);
      } else {
        ASSERT_EQ(outcome.failure().kind, FailureKind::kWorkerLost);
        ASSERT_LE(atomic_at(runs, i).load(), 1U);
      }
    }
    for (const int pid : workers) EXPECT_TRUE(gone_within_a_second(pid));
    EXPECT_TRUE(eventually([&] {
      auto submission = pool.try_submit<identity>(round);
      return submission.accepted() && outcome_of(submission.future()).has_value();
    }));
  }
  EXPECT_TRUE(eventually([&] { return pool.stats().workers_alive() == 2; }));
}

TEST(SupervisorDeath, C10_APoolWhoseSupervisorWasKilledStopsAndLeavesNothing) {
  const auto before = held_now();
  {
    ProcessPool pool(unlimited({.workers = 2}));
    EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
    ASSERT_EQ(kill(pool.supervisor_pid(), SIGKILL), 0);
    pool.stop(kPatience);
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

TEST(SupervisorDeath, C1_EveryFutureSettlesWhenAllProcessesOfThePoolAreKilledAtOnce) {
  const auto before = held_now();
  {
    ProcessPool pool(unlimited({.workers = 2}));
    Gate gate(pool);
    std::vector<Future<std::uint32_t>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<pass_gate>(gate.words()));
    ASSERT_TRUE(gate.wait_entered(2));
    const auto family = conformance::descendants_of(getpid());
    for (const int pid : family) kill(pid, SIGKILL);
    for (auto& future : futures) ASSERT_EQ(failure_of(future).kind, FailureKind::kWorkerLost);
    // Whether such a pool can come back or says that it cannot, it answers.
    auto submission = pool.try_submit<identity>(1);
    if (submission) {
      static_cast<void>(outcome_of(submission.future()));
    } else {
      EXPECT_EQ(submission.error(), SubmitError::kDegraded);
    }
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

}  // namespace
}  // namespace twinpool::isolation
