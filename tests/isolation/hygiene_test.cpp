// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>
#include <sstream>

#include "tests/isolation/workers.h"

/// What workers take over from the program and what they must not; and C16: a worker cannot submit.
namespace twinpool::isolation {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;

std::vector<std::string> open_descriptors() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = fs::read_symlink(entry.path(), gone);
    if (gone || target.string().find("/fd") != std::string::npos) continue;  // the listing itself
    found.push_back(entry.path().filename().string() + " " + target.string());
  }
  return found;
}
bool descriptor_is_open(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }
int disposition(int signal) {
  struct sigaction action = {};
  sigaction(signal, nullptr, &action);
  if (action.sa_handler == SIG_DFL) return 0;
  return action.sa_handler == SIG_IGN ? 1 : 2;
}
bool is_blocked(int signal) {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}
int process_group() { return getpgid(0); }
int threads_of_worker() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/task")) ++count;
  return count;
}
void leave_by_exit(int status) { std::exit(status); }

TEST(Hygiene, AWorkerHasOnlyTheStandardDescriptorsAndAFewOfItsOwn) {
  const fs::path marker = fs::temp_directory_path() / ("twinpool-hygiene-" + std::to_string(getpid()));
  const int leak = open(marker.c_str(), O_CREAT | O_RDWR, 0600);  // without O_CLOEXEC, on purpose
  ASSERT_GE(leak, 0);
  fs::remove(marker);
  {
    ProcessPool pool({.workers = 1});
    const auto found = value_of(pool.submit<open_descriptors>());
    EXPECT_THAT(found, Not(Contains(HasSubstr("twinpool-hygiene"))));
    EXPECT_LE(found.size(), 3U + 4U) << ::testing::PrintToString(found);
    EXPECT_FALSE(value_of(pool.submit<descriptor_is_open>(leak)));
  }
  close(leak);
}

TEST(Hygiene, AWorkerKeepsTheDescriptorsThatItIsToldTo) {
  const int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int closed = open("/dev/null", O_RDONLY);
  ASSERT_GE(kept, 0);
  ASSERT_GE(closed, 0);
  {
    PoolOptions options = unlimited({.workers = 1});
    options.processes.keep_descriptors = {kept};
    ProcessPool pool(options);
    EXPECT_THAT(value_of(pool.submit<open_descriptors>()), Contains(std::to_string(kept) + " /dev/null"));
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
    EXPECT_THAT(value_of(pool.submit<open_descriptors>()), Contains(std::to_string(kept) + " /dev/null"));
  }
  close(kept);
  close(closed);
}

TEST(Hygiene, APipeOfTheProgramEndsThoughWorkersLive) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ProcessPool pool(unlimited({.workers = 3}));
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  EXPECT_TRUE(eventually([&] { return pool.worker_pids().size() == 3; }));
  close(ends[1]);
  pollfd waiting{.fd = ends[0], .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&waiting, 1, static_cast<int>(milliseconds(kPatience).count())), 1)
      << "somebody holds its other end";
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
}

TEST(Hygiene, AWorkerIgnoresSigintHasDefaultSignalsNoMaskItsOwnGroupAndOneThread) {
  std::signal(SIGTERM, [](int) {});
  std::signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  {
    ProcessPool pool({.workers = 1});
    EXPECT_EQ(value_of(pool.submit<disposition>(SIGINT)), 1);
    for (const int signal : {SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM}) {
      EXPECT_EQ(value_of(pool.submit<disposition>(signal)), 0) << signal;
      EXPECT_FALSE(value_of(pool.submit<is_blocked>(signal))) << signal;
    }
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
      EXPECT_EQ(value_of(pool.submit<disposition>(signal)), 2) << "the handler that notes where a worker crashed";
    }
    EXPECT_NE(value_of(pool.submit<process_group>()), getpgid(0));
    EXPECT_EQ(value_of(pool.submit<threads_of_worker>()), 1);
  }
  sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGUSR1, SIG_DFL);
}

TEST(Hygiene, ThePoolLeavesTheProgramsSignalsAlone) {
  const auto dispositions = [] {
    std::vector<int> all;
    for (int signal = 1; signal < 32; ++signal) all.push_back(disposition(signal));
    return all;
  };
  const auto before = dispositions();
  ProcessPool pool({.workers = 1});
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  EXPECT_EQ(dispositions(), before);
  for (int signal = 1; signal < 32; ++signal) EXPECT_FALSE(is_blocked(signal)) << signal;
}

TEST(Hygiene, TheProgramsOwnChildrenAreItsOwnToReap) {
  ProcessPool pool(unlimited({.workers = 2}));
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(40 + i);
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 40 + i);
  }
}

TEST(Hygiene, BufferedTextOfTheProgramIsWrittenOnce) {
  const fs::path path = fs::temp_directory_path() / ("twinpool-stdio-" + std::to_string(getpid()));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (std::freopen(path.c_str(), "w", stdout) == nullptr) _exit(2);
    std::printf("once\n");  // stays in the buffer: a file is not line-buffered
    {
      ProcessPool pool(unlimited({.workers = 2}));
      if (value_of(pool.submit<identity>(1)) != 1) _exit(3);
      if (outcome_of(pool.submit<leave_by_exit>(0)).has_value()) _exit(4);
      if (outcome_of(pool.submit<exit_own_worker>(0)).has_value()) _exit(5);
    }
    std::fclose(stdout);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), "once\n");
  fs::remove(path);
}

TEST(Hygiene, C10_APoolThatTheSystemRefusesThrowsAndLeavesNothing) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "UBSan looks at memory through a pipe of its own and reports errors when there is no "
                  "descriptor left";
#endif
  const auto before = held_now();
  rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const auto top = static_cast<rlim_t>(before.descriptors.size());
  int refusals = 0;
  for (rlim_t room = 0; room < 24; ++room) {
    const rlimit tight{.rlim_cur = top + room, .rlim_max = old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    try {
      ProcessPool pool({.workers = 2});
      EXPECT_EQ(value_of(pool.submit<identity>(3)), 3);
    } catch (const std::system_error& error) {
      ++refusals;
      EXPECT_GT(std::string(error.what()).size(), 10U);
    }
    setrlimit(RLIMIT_NOFILE, &old);
    ASSERT_TRUE(eventually([&] { return held_now() == before; }))
        << "with room for " << room << " descriptors: " << conformance::difference(before, held_now());
  }
  EXPECT_GT(refusals, 0);
}

TEST(Hygiene, APoolInAProgramWithThreadsAndNoLauncherIsRefusedInWords) {
  std::optional<std::string> words;
  std::thread([&] {
    try {
      ProcessPool pool({.workers = 1});
    } catch (const std::exception& error) {
      words = error.what();
    }
  }).join();
  ASSERT_TRUE(words.has_value());
  EXPECT_THAT(*words, HasSubstr("Launcher"));
}

// The place of a pool that tasks know, as a program with one global pool has it. A std::optional would say
// that there is none: workers are forked before its constructor has ended.
alignas(ProcessPool) std::byte global_pool[sizeof(ProcessPool)];

std::string submit_to_the_global_pool() {
  auto* const pool = std::launder(reinterpret_cast<ProcessPool*>(global_pool));
  try {
    static_cast<void>(pool->submit<identity>(1));
    return "accepted";
  } catch (const SubmitRefused& refused) {
    return std::string(name_of(refused.error())) + "|" + refused.what();
  }
}

TEST(Nesting, C16_ATaskThatSubmitsToItsOwnPoolIsRefusedInWords) {
  auto* const pool = new (global_pool) ProcessPool({.workers = 1});
  EXPECT_FALSE(pool->guarantees().nested_submission);
  auto outcome = outcome_of(pool->submit<submit_to_the_global_pool>());
  ASSERT_TRUE(outcome.has_value()) << outcome.failure().message;
  EXPECT_EQ(outcome.value(), "nested|" + std::string(sentence_of(SubmitError::kNested)));
  EXPECT_EQ(value_of(pool->submit<identity>(2)), 2);
  pool->~ProcessPool();
}

TEST(Guarantees, OfTheProcessTwinAreWhatThisFolderProves) {
  ProcessPool pool({.workers = 1});
  EXPECT_EQ(pool.guarantees(), (Guarantees{.settles_once = true,
                                           .refused_never_ran = true,
                                           .survives_worker_death = true,
                                           .running_task_can_be_ended = true,
                                           .retries_lost_tasks = true,
                                           .no_orphans = true,
                                           .bounded_memory = true,
                                           .limits_worker_memory = true,
                                           .moves_arguments = false,
                                           .isolates_memory = true,
                                           .nested_submission = false}));
}

}  // namespace
}  // namespace twinpool::isolation
