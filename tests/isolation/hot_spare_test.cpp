// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "shared/scoreboard_reader.h"
#include "tests/conformance/event_log.h"
#include "tests/isolation/workers.h"

/// ProcessOptions::hot_spares: workers that stand by and take over at once, and every other promise beside them.
namespace twinpool::isolation {
namespace {

using conformance::EventLog;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

PoolOptions with_spares(int spares, PoolOptions options = {.workers = 2}) {
  options.processes.hot_spares = spares;
  return options;
}

/// Waits until all of them stand by. Gives: who; fewer when they do not come.
std::vector<int> await_spares(const ProcessPool& pool, std::size_t count) {
  static_cast<void>(eventually([&] { return pool.spare_pids().size() == count; }));
  return pool.spare_pids();
}

bool at_strength(const ProcessPool& pool, int workers) {
  return eventually([&] { return pool.stats().workers_alive() == workers; });
}

std::string command_line_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(HotSpare, TakesTheSeatOfAWorkerThatHasDiedAndTheNextOneStandsByAfterwards) {
  EventLog log;
  auto options = with_spares(1, {.workers = 1, .name = "ward"});
  options.on_event = log.callback();
  ProcessPool pool(std::move(options));
  int spare = 0;
  for (int round = 0; round < 5; ++round) {
    const auto spares = await_spares(pool, 1);
    ASSERT_THAT(spares, SizeIs(1));
    EXPECT_NE(spares[0], spare);
    spare = spares[0];
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
    EXPECT_EQ(value_of(pool.submit<worker_pid>()), spare);
    EXPECT_THAT(command_line_of(spare), HasSubstr("ward: worker 1 of 1"));
  }
  const auto stats = pool.stats();
  EXPECT_EQ(stats.worker_deaths, 5U);
  EXPECT_EQ(stats.workers[0].restarts, 5U);
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
                                 stats.rejected_later + stats.pending);
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerRestarted, 5));
  // Told of as a spare, and as the worker that it became.
  EXPECT_TRUE(eventually([&] {
    bool stood_by = false;
    bool took_over = false;
    for (const Event& event : log.all_of(EventKind::kWorkerReady)) {
      if (event.id != spare) continue;
      stood_by = stood_by || (event.worker == -1 && event.message == "ward: hot spare 0 is ready");
      took_over = took_over || event.worker == 0;
    }
    return stood_by && took_over;
  }));
}

TEST(HotSpare, RunsNoTaskAndCountsAsNoWorkerWhileItStandsBy) {
  ProcessPool pool(with_spares(2));
  const auto spares = await_spares(pool, 2);
  ASSERT_THAT(spares, SizeIs(2));
  EXPECT_THAT(pool.worker_pids(), AllOf(SizeIs(2), Not(Contains(spares[0])), Not(Contains(spares[1]))));
  Gate gate(pool);
  std::vector<Future<std::uint32_t>> held;
  for (int i = 0; i < 6; ++i) held.push_back(pool.submit<pass_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(2));
  const auto stats = pool.stats();
  EXPECT_EQ(stats.workers_alive(), 2);
  EXPECT_EQ(stats.hot_spares, 2U);
  EXPECT_EQ(gate.entered(), 2U);
  gate.open();
  for (auto& future : held) EXPECT_LT(value_of(std::move(future)), 6U);
}

TEST(HotSpare, IsReplacedWhenItIsKilledAndCostsNoTask) {
  ProcessPool pool(with_spares(1));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const auto spares = await_spares(pool, 1);
    ASSERT_THAT(spares, SizeIs(1));
    ASSERT_EQ(kill(spares[0], SIGKILL), 0);
    EXPECT_TRUE(eventually([&] { return pool.stats().worker_deaths == round; }));
    EXPECT_EQ(value_of(pool.submit<identity>(7)), 7);
  }
  EXPECT_THAT(await_spares(pool, 1), SizeIs(1));
  EXPECT_EQ(pool.stats().lost, 0U);
  EXPECT_TRUE(at_strength(pool, 2));
}

TEST(HotSpare, WorkersAndSparesKilledAtOnceAreAllReplaced) {
  ProcessPool pool(unlimited(with_spares(2)));
  for (int round = 0; round < 20; ++round) {
    auto all = await_spares(pool, 2);
    ASSERT_THAT(all, SizeIs(2));
    for (const int pid : pool.worker_pids()) all.push_back(pid);
    // Spares first and workers first: who is reaped first is the system's to choose.
    if (round % 2 == 1) std::reverse(all.begin(), all.end());
    for (const int pid : all) kill(pid, SIGKILL);
    EXPECT_EQ(value_of(pool.submit<identity>(round)), round);
    ASSERT_TRUE(at_strength(pool, 2));
  }
}

TEST(HotSpare, AStoppedOneIsPassedOver) {
  EventLog log;
  auto options = with_spares(1, {.workers = 1});
  options.on_event = log.callback();
  ProcessPool pool(std::move(options));
  const auto spares = await_spares(pool, 1);
  ASSERT_THAT(spares, SizeIs(1));
  ASSERT_EQ(kill(spares[0], SIGSTOP), 0);
  ASSERT_TRUE(log.wait_for(EventKind::kWorkerStuck));
  EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  EXPECT_NE(value_of(pool.submit<worker_pid>()), spares[0]);
  ASSERT_EQ(kill(spares[0], SIGCONT), 0);
  ASSERT_TRUE(log.wait_for(EventKind::kWorkerResumed));
  EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  EXPECT_EQ(value_of(pool.submit<worker_pid>()), spares[0]);
}

TEST(HotSpare, ReloadReplacesThemAsWell) {
  ProcessPool pool(with_spares(2));
  const auto old_spares = await_spares(pool, 2);
  const auto old_workers = pool.worker_pids();
  ASSERT_THAT(old_spares, SizeIs(2));
  ASSERT_TRUE(pool.reload(kPatience));
  const auto spares = await_spares(pool, 2);
  ASSERT_THAT(spares, SizeIs(2));
  for (const int pid : old_spares) {
    EXPECT_THAT(spares, Not(Contains(pid)));
    EXPECT_THAT(pool.worker_pids(), Not(Contains(pid)));
  }
  for (const int pid : old_workers) EXPECT_THAT(pool.worker_pids(), Not(Contains(pid)));
  EXPECT_EQ(pool.stats().recycled, 2U);
  EXPECT_EQ(pool.stats().worker_deaths, 0U);
}

TEST(HotSpare, ALimitOnTasksCountsFromTheSeat) {
  auto options = with_spares(1, {.workers = 1});
  options.recycling = {.max_tasks = 4, .jitter = 0};
  ProcessPool pool(std::move(options));
  const auto spares = await_spares(pool, 1);
  ASSERT_THAT(spares, SizeIs(1));
  EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  int by_spare = 0;
  // Between its fourth task and its leave it may take some more; it leaves in the end, in peace.
  EXPECT_TRUE(eventually([&] {
    const int pid = value_of(pool.submit<worker_pid>());
    if (pid == spares[0]) ++by_spare;
    return pid != spares[0];
  }));
  EXPECT_GE(by_spare, 4);
  EXPECT_TRUE(eventually([&] { return pool.stats().recycled >= 1; }));
  EXPECT_EQ(pool.stats().worker_deaths, 1U);
}

TEST(HotSpare, ADynamicPoolGrowsByThem) {
  ProcessPool pool(with_spares(2, {.workers = {1, 3}}));
  const auto spares = await_spares(pool, 2);
  ASSERT_THAT(spares, SizeIs(2));
  Gate gate(pool);
  std::vector<Future<std::uint32_t>> held;
  for (int i = 0; i < 3; ++i) held.push_back(pool.submit<pass_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(3));
  for (const int pid : spares) EXPECT_THAT(pool.worker_pids(), Contains(pid));
  EXPECT_THAT(await_spares(pool, 2), AllOf(SizeIs(2), Each(Not(::testing::AnyOf(spares[0], spares[1])))));
}

TEST(HotSpare, ResizeAndPauseLeaveThemAlone) {
  ProcessPool pool(with_spares(1, {.workers = 2}));
  const auto spares = await_spares(pool, 1);
  ASSERT_THAT(spares, SizeIs(1));
  pool.pause();
  const auto before = pool.worker_pids();
  ASSERT_EQ(kill(before[0], SIGKILL), 0);
  EXPECT_TRUE(at_strength(pool, 2));
  EXPECT_TRUE(eventually([&] {
    const auto stats = pool.stats();
    return stats.workers[0].id == spares[0] || stats.workers[1].id == spares[0];
  }));
  auto waits = pool.submit<identity>(6);
  EXPECT_FALSE(waits.ready());
  pool.resume();
  EXPECT_EQ(value_of(std::move(waits)), 6);
  const auto next = await_spares(pool, 1);
  ASSERT_THAT(next, SizeIs(1));
  pool.resize(1);
  EXPECT_TRUE(eventually([&] { return pool.worker_pids().size() == 1; }));
  EXPECT_EQ(pool.spare_pids(), next);
}

/// Writes down what a worker is told that it is: shared, and made before any launcher.
std::atomic<int>* const kSeenIndex =
    new (mmap(nullptr, 2 * sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
        std::atomic<int>[2]{};
void note_set_up(const WorkerInfo& info) {
  if (info.index >= info.workers) kSeenIndex[0].store(info.index);
}
void note_tear_down(const WorkerInfo& info) {
  if (info.index < info.workers) kSeenIndex[1].fetch_add(1);
}

TEST(HotSpare, IsSetUpUnderItsOwnNumberAndTornDownUnderItsSeats) {
  kSeenIndex[0] = kSeenIndex[1] = 0;
  {
    auto options = with_spares(1, {.workers = 1});
    options.set_up = &note_set_up;
    options.tear_down = &note_tear_down;
    ProcessPool pool(std::move(options));
    ASSERT_THAT(await_spares(pool, 1), SizeIs(1));
    EXPECT_EQ(kSeenIndex[0].load(), 1);
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
    EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
    EXPECT_TRUE(pool.stop(kPatience));
  }
  EXPECT_EQ(kSeenIndex[1].load(), 1);
}

void refuse_spares(const WorkerInfo& info) {
  if (info.index >= info.workers) throw std::runtime_error("no spares here");
}

TEST(HotSpare, ThatCannotBeSetUpIsTriedABoundedNumberOfTimes) {
  EventLog log;
  auto options = with_spares(1, {.workers = 1, .name = "ward"});
  options.set_up = &refuse_spares;
  options.on_event = log.callback();
  ProcessPool pool(std::move(options));
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerLost, 3));
  EXPECT_EQ(log.all_of(EventKind::kWorkerLost)[0].message,
            "ward: hot spare 0 could not be set up: its set-up threw std::runtime_error: no spares here");
  EXPECT_EQ(value_of(pool.submit<identity>(5)), 5);
  EXPECT_TRUE(pool.spare_pids().empty());
}

TEST(HotSpare, EveryoneIsGoneAfterStopAndTheScoreboardShowsThemBefore) {
  std::vector<int> pids;
  std::string path;
  {
    ProcessPool pool(with_spares(2, {.workers = 2, .name = "ward"}));
    pids = await_spares(pool, 2);
    ASSERT_THAT(pids, SizeIs(2));
    EXPECT_THAT(command_line_of(pids[0]), HasSubstr("ward: hot spare "));
    std::vector<int> shown;
    for (const ScoreboardWorker& worker : Scoreboard(pool.scoreboard_path()).read().workers) {
      if (worker.state != WorkerState::kSpare) continue;
      shown.push_back(worker.id);
      EXPECT_GE(worker.seat, 2);
    }
    std::sort(shown.begin(), shown.end());
    std::sort(pids.begin(), pids.end());
    EXPECT_EQ(shown, pids);
    for (const int pid : pool.worker_pids()) pids.push_back(pid);
    pids.push_back(pool.supervisor_pid());
    EXPECT_TRUE(pool.stop(kPatience));
  }
  for (const int pid : pids) EXPECT_TRUE(gone_within_a_second(pid)) << pid;
}

TEST(HotSpare, GoesWithItsSupervisorAndComesBackWithTheNext) {
  ProcessPool pool(unlimited(with_spares(1)));
  const auto spares = await_spares(pool, 1);
  ASSERT_THAT(spares, SizeIs(1));
  ASSERT_EQ(kill(pool.supervisor_pid(), SIGKILL), 0);
  EXPECT_TRUE(eventually([&] { return !is_alive(spares[0]); }));
  EXPECT_EQ(value_of(pool.submit<identity>(4)), 4);
  EXPECT_TRUE(eventually([&] {
    const auto now = pool.spare_pids();
    return now.size() == 1 && now != spares;
  }));
  EXPECT_TRUE(at_strength(pool, 2));
}

}  // namespace
}  // namespace twinpool::isolation
