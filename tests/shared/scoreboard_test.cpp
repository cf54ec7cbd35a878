// SPDX-License-Identifier: Apache-2.0
#include "shared/scoreboard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "shared/scoreboard_reader.h"

namespace twinpool {
namespace {

using ::testing::HasSubstr;

ScoreboardMemory make(int seats = 2, int places = 4) {
  return ScoreboardMemory::create({.pool_name = "render",
                                   .backend = ScoreboardBackend::kProcesses,
                                   .seats = seats,
                                   .places = places});
}

std::string attach_error(const std::string& path) {
  try {
    const Scoreboard board(path);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(Scoreboard, ShowsThePoolAndNobodyAtFirst) {
  const auto memory = make();
  const auto shot = Scoreboard(memory.path()).read();
  EXPECT_EQ(shot.owner_pid, ::getpid());
  EXPECT_EQ(shot.pool_name, "render");
  EXPECT_EQ(shot.backend, ScoreboardBackend::kProcesses);
  EXPECT_EQ(shot.seats, 2);
  EXPECT_EQ(shot.flags, 0U);
  ASSERT_EQ(shot.workers.size(), 4U);
  EXPECT_EQ(shot.workers[3].seat, 1);
  EXPECT_EQ(shot.workers[3].id, 0);
  EXPECT_EQ(shot.workers[3].state, WorkerState::kAbsent);
}

TEST(Scoreboard, FollowsAWorkerThroughItsLife) {
  const auto memory = make();
  const Scoreboard board(memory.path());
  const auto now_ns = scoreboard_time(std::chrono::steady_clock::now());
  auto& entry = memory.entry(1);
  entry.arrive(4711, 1, now_ns);
  EXPECT_EQ(board.read().workers[1].state, WorkerState::kStarting);
  memory.name_function(3, "parse");
  entry.begin(3, now_ns);
  auto worker = board.read().workers[1];
  EXPECT_EQ(worker.id, 4711);
  EXPECT_EQ(worker.state, WorkerState::kBusy);
  EXPECT_EQ(worker.function, "parse");
  EXPECT_EQ(worker.generation, 1U);
  EXPECT_TRUE(worker.in_state.has_value());
  entry.end(1);
  worker = board.read().workers[1];
  EXPECT_EQ(worker.state, WorkerState::kIdle);
  EXPECT_EQ(worker.function, "");
  EXPECT_EQ(worker.tasks, 1U);
  EXPECT_FALSE(worker.in_state.has_value());
  entry.count_death(DeathCause::kSignal, SIGSEGV);
  entry.leave(WorkerState::kLost, now_ns);
  entry.count_restart(std::chrono::milliseconds(20));
  entry.arrive(4712, 1, now_ns);
  entry.count_recycled();
  worker = board.read().workers[1];
  EXPECT_EQ(worker.id, 4712);
  EXPECT_EQ(worker.generation, 2U);
  EXPECT_EQ(worker.tasks, 0U);
  EXPECT_EQ(worker.deaths[static_cast<std::size_t>(DeathCause::kSignal)], 1U);
  EXPECT_EQ(worker.last_signal, static_cast<unsigned>(SIGSEGV));
  EXPECT_EQ(worker.last_restart_delay, std::chrono::milliseconds(20));
  EXPECT_EQ(worker.recycled, 1U);
}

TEST(Scoreboard, FlagsComeAndGo) {
  const auto memory = make();
  memory.set_flag(kScoreboardPaused, true);
  memory.set_flag(kScoreboardDegraded, true);
  memory.set_flag(kScoreboardPaused, false);
  EXPECT_EQ(Scoreboard(memory.path()).read().flags, kScoreboardDegraded);
}

TEST(Scoreboard, FunctionsWithoutANameHaveTheirNumber) {
  const auto memory = make();
  const Scoreboard board(memory.path());
  memory.entry(0).begin(9, 0);
  EXPECT_EQ(board.read().workers[0].function, "function 9");
  memory.entry(0).begin(kScoreboardFunctions + 5, 0);
  memory.name_function(kScoreboardFunctions + 5, "beyond");
  EXPECT_EQ(board.read().workers[0].function, "function 261");
  memory.name_function(9, std::string(200, 'x'));
  memory.name_function(9, "too late");
  memory.entry(0).begin(9, 0);
  EXPECT_EQ(board.read().workers[0].function, std::string(ScoreboardFunction::kMost, 'x'));
}

TEST(Scoreboard, IsReadWhileItsOwnerIsStopped) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    const auto memory = make();
    memory.entry(0).arrive(::getpid(), 0, 1);
    memory.name_function(0, "wedged");
    memory.entry(0).begin(0, 1);
    const char ready = 'r';
    if (::write(pipe_ends[1], &ready, 1) != 1) ::_exit(1);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  char ready = 0;
  ASSERT_EQ(::read(pipe_ends[0], &ready, 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(owner, &status, WUNTRACED), owner);
  ASSERT_TRUE(WIFSTOPPED(status));
  const auto paths = find_scoreboards(owner);
  EXPECT_EQ(paths.size(), 1U);
  if (!paths.empty()) {
    const auto shot = Scoreboard(paths[0]).read();
    EXPECT_EQ(shot.owner_pid, owner);
    EXPECT_EQ(shot.workers[0].function, "wedged");
  }
  ::kill(owner, SIGKILL);
  ::waitpid(owner, &status, 0);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST(Scoreboard, IsAdoptedByDescriptorAndWrittenByAll) {
  const auto memory = make();
  const auto worker = ScoreboardMemory::adopt(::dup(memory.fd()));
  EXPECT_EQ(worker.places(), 4);
  worker.entry(2).end(12);
  EXPECT_EQ(memory.entry(2).tasks.load(), 12U);
}

TEST(Scoreboard, CannotBeResized) {
  const auto memory = make();
  EXPECT_NE(::ftruncate(memory.fd(), 100), 0);
  EXPECT_NE(::ftruncate(memory.fd(), 1 << 20), 0);
}

TEST(Scoreboard, IsFoundOnceAndGoneWithItsMemory) {
  const auto before = find_scoreboards(::getpid()).size();
  {
    auto memory = make();
    const int second = ::dup(memory.fd());
    const auto paths = find_scoreboards(::getpid());
    EXPECT_EQ(paths.size(), before + 1);
    EXPECT_THAT(paths, ::testing::Contains(memory.path()));
    ::close(second);
    const ScoreboardMemory moved = std::move(memory);
    EXPECT_TRUE(moved.open());
  }
  EXPECT_EQ(find_scoreboards(::getpid()).size(), before);
}

TEST(Scoreboard, SaysWhatItCannotRead) {
  EXPECT_THAT(attach_error("/proc/self/fd/no"), HasSubstr("cannot open scoreboard"));
  EXPECT_THAT(attach_error("/dev/null"), HasSubstr("is no scoreboard"));
  EXPECT_THAT(attach_error("/proc/self/exe"), HasSubstr("is no scoreboard"));
  const auto memory = make();
  memory.header().version = 7;
  EXPECT_THAT(attach_error(memory.path()), HasSubstr("version 7; this program reads version 1"));
  memory.header().version = kScoreboardVersion;
  memory.header().entry_count = 5;
  EXPECT_THAT(attach_error(memory.path()), HasSubstr("broken"));
  memory.header().magic = 0;
  EXPECT_THAT(attach_error(memory.path()), HasSubstr("is no scoreboard"));
}

TEST(Scoreboard, AProcessThatIsNotThereIsAnError) {
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ::waitpid(gone, nullptr, 0);
  try {
    static_cast<void>(find_scoreboards(gone));
    FAIL() << "found something";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ESRCH);
  }
}

TEST(Scoreboard, ScribblesAreOddNumbersAndNoMore) {
  const auto memory = make();
  const Scoreboard board(memory.path());
  for (const int fill : {0xff, 0x80, 0x41, 0x01}) {
    auto* const bytes = reinterpret_cast<char*>(&memory.header());
    for (std::size_t at = 0; at < memory.header().total_bytes && at < 4096 + 16384; ++at)
      __atomic_store_n(bytes + at, static_cast<char>(fill), __ATOMIC_RELAXED);
    for (int place = 0; place < memory.places(); ++place) {
      memory.entry(place).function.store(0x7fff'ffff);
      memory.entry(place).state.store(999);
      memory.entry(place).seat.store(UINT32_MAX);
      memory.entry(place).since_ns.store(INT64_MIN);
    }
    const auto shot = board.read();
    EXPECT_EQ(shot.workers.size(), 4U);
    EXPECT_LE(shot.seats, 4);
    EXPECT_LE(shot.pool_name.size(), 64U);
  }
}

TEST(Scoreboard, ARefusedShapeIsAnError) {
  EXPECT_THROW(make(0, 1), std::system_error);
  EXPECT_THROW(make(1, 0), std::system_error);
  EXPECT_THROW(make(1, 1025), std::system_error);
}

TEST(Scoreboard, IsReadWhileWorkersWrite) {
  const auto memory = make();
  const Scoreboard board(memory.path());
  std::atomic<bool> enough{false};
  std::thread worker([&] {
    for (std::uint64_t task = 1; !enough.load(); ++task) {
      memory.name_function(static_cast<std::uint32_t>(task % 8), "a function");
      memory.entry(0).begin(static_cast<std::uint32_t>(task % 8), 0);
      memory.entry(0).end(task);
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 2'000; ++i) {
    const auto tasks = board.read().workers[0].tasks;
    EXPECT_GE(tasks, last);
    last = tasks;
  }
  enough = true;
  worker.join();
}

}  // namespace
}  // namespace twinpool
