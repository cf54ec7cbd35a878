// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>

#include <functional>

#include "shared/scoreboard_reader.h"
#include "tests/isolation/workers.h"
#include "threads/thread_pool.h"

/// The scoreboard as another process sees it: while its owner is stopped, and as what it is told to be.
namespace twinpool::isolation {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using threads::ThreadPool;

/// A program with a pool of two workers: one is in a task, the other's worker has been lost once (processes).
[[noreturn]] void own_a_pool(const std::function<std::unique_ptr<Pool>(PoolOptions)>& make, bool can_crash,
                             int ready) {
  const auto pool = make(unlimited({.workers = 2, .name = "board"}));
  if (can_crash && failure_of(pool->submit<kill_own_worker>()).kind != FailureKind::kWorkerLost) _exit(1);
  for (int i = 0; i < 10; ++i) static_cast<void>(value_of(pool->submit<identity>(i)));
  if (!eventually([&] { return pool->stats().workers_alive() == 2; })) _exit(1);
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  if (!gate.wait_entered(1)) _exit(1);
  if (write(ready, "r", 1) != 1) _exit(1);
  for (;;) pause();
}

std::uint64_t tasks_of(const ScoreboardSnapshot& board) {
  std::uint64_t tasks = 0;
  for (const auto& worker : board.workers) tasks += worker.tasks;
  return tasks;
}
std::uint64_t deaths_of(const ScoreboardSnapshot& board) {
  std::uint64_t deaths = 0;
  for (const auto& worker : board.workers) {
    for (const auto count : worker.deaths) deaths += count;
  }
  return deaths;
}
const ScoreboardWorker* busy_worker(const ScoreboardSnapshot& board) {
  for (const auto& worker : board.workers) {
    if (worker.state == WorkerState::kBusy) return &worker;
  }
  return nullptr;
}

void read_while_stopped(const std::function<std::unique_ptr<Pool>(PoolOptions)>& make,
                        ScoreboardBackend backend) {
  const bool of_processes = backend == ScoreboardBackend::kProcesses;
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) own_a_pool(make, of_processes, ready[1]);
  close(ready[1]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  ASSERT_EQ(kill(owner, SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(waitpid(owner, &status, WUNTRACED), owner);
  {
    const auto paths = find_scoreboards(owner);
    ASSERT_THAT(paths, SizeIs(1));
    const Scoreboard scoreboard(paths[0]);
    const auto board = scoreboard.read();
    EXPECT_EQ(board.owner_pid, owner);
    EXPECT_EQ(board.pool_name, "board");
    EXPECT_EQ(board.backend, backend);
    EXPECT_EQ(board.seats, 2);
    const auto* const busy = busy_worker(board);
    ASSERT_NE(busy, nullptr);
    EXPECT_THAT(busy->function, HasSubstr("pass_gate"));
    EXPECT_GT(busy->id, 0);
    EXPECT_EQ(deaths_of(board), of_processes ? 1U : 0U);
    EXPECT_LE(tasks_of(board), 10U) << "by the workers that are there";
    EXPECT_GE(tasks_of(board), 10U - (of_processes ? 10U : 0U));
  }
  kill(owner, SIGKILL);
  ASSERT_EQ(waitpid(owner, &status, 0), owner);
  EXPECT_THROW(static_cast<void>(find_scoreboards(owner)), std::system_error);
}

TEST(ScoreboardFromOutside, IsReadWhileTheOwnerOfProcessesIsStopped) {
  read_while_stopped([](PoolOptions options) { return std::make_unique<ProcessPool>(std::move(options)); },
                     ScoreboardBackend::kProcesses);
}
TEST(ScoreboardFromOutside, IsReadWhileTheOwnerOfThreadsIsStopped) {
  read_while_stopped([](PoolOptions options) { return std::make_unique<ThreadPool>(std::move(options)); },
                     ScoreboardBackend::kThreads);
}

TEST(ScoreboardFromOutside, IsFoundByThePathThatThePoolTells) {
  ProcessPool pool({.workers = 3, .name = "told"});
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  const auto path = pool.scoreboard_path();
  EXPECT_THAT(find_scoreboards(getpid()), ::testing::Contains(path));
  const auto board = Scoreboard(path).read();
  EXPECT_EQ(board.pool_name, "told");
  EXPECT_EQ(board.seats, 3);
  pool.pause();
  EXPECT_TRUE(eventually([&] { return (Scoreboard(path).read().flags & kScoreboardPaused) != 0; }));
  pool.resume();
  EXPECT_TRUE(eventually([&] { return (Scoreboard(path).read().flags & kScoreboardPaused) == 0; }));
}

}  // namespace
}  // namespace twinpool::isolation
