// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "tests/conformance/event_log.h"
#include "tests/isolation/workers.h"

/// ProcessOptions: what a worker is called and what it may use; a set-up that kills; a worker that grows.
namespace twinpool::isolation {
namespace {

using conformance::EventLog;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string file_of(int pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
int own_nice() { return getpriority(PRIO_PROCESS, 0); }
std::uint64_t own_limit(int resource) {
  rlimit limit = {};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  return limit.rlim_cur == limit.rlim_max ? limit.rlim_cur : 1;
}
std::string own_directory() {
  char path[4096];
  return getcwd(path, sizeof(path)) != nullptr ? path : "";
}
std::vector<int> own_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}
/// Keeps as many bytes of its own as it is told, for as long as the worker lives.
int grow_by(std::uint64_t bytes) {
  static std::vector<std::string>* const kept = new std::vector<std::string>();
  kept->emplace_back(bytes, 'g');
  return getpid();
}

/// Whether set-ups are to kill their workers: shared, and made before any launcher.
std::atomic<int>* const kFatal =
    new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
        std::atomic<int>(0);
void set_up_or_die(const WorkerInfo&) {
  if (kFatal->load() != 0) kill_own_worker();
}

TEST(WorkerOptions, WorkersSayWhoTheyAreInPsAndTop) {
  ProcessPool pool({.workers = 2, .name = "resize"});
  ASSERT_TRUE(
      eventually([&] { return pool.worker_pids().size() == 2 && pool.stats().workers_alive() == 2; }));
  const auto stats = pool.stats();
  EXPECT_THAT(file_of(stats.workers[0].id, "cmdline"), StartsWith("resize: worker 1 of 2"));
  EXPECT_THAT(file_of(stats.workers[1].id, "cmdline"), StartsWith("resize: worker 2 of 2"));
  EXPECT_THAT(file_of(stats.workers[1].id, "comm"), StartsWith("resize"));
}

TEST(WorkerOptions, TheDefaultNameIsTwinpool) {
  ProcessPool pool({.workers = 1});
  const int pid = value_of(pool.submit<worker_pid>());
  EXPECT_THAT(file_of(pid, "cmdline"), StartsWith("twinpool: worker 1 of 1"));
}

TEST(WorkerOptions, NiceLimitsAndDirectoryAreTheWorkersOwn) {
  PoolOptions options{.workers = 1};
  options.processes.nice = 3;
  options.processes.open_files = 123;
  options.processes.core_bytes = 0;
  options.processes.cpu_seconds = 1000;
  options.processes.working_directory = "/proc";
  const int nice_before = own_nice();
  const auto files_before = own_limit(RLIMIT_NOFILE);
  const auto directory_before = own_directory();
  ProcessPool pool(options);
  EXPECT_EQ(value_of(pool.submit<own_nice>()), std::min(nice_before + 3, 19));
  EXPECT_EQ(value_of(pool.submit<own_limit>(static_cast<int>(RLIMIT_NOFILE))), 123U);
  EXPECT_EQ(value_of(pool.submit<own_limit>(static_cast<int>(RLIMIT_CORE))), 0U);
  EXPECT_EQ(value_of(pool.submit<own_limit>(static_cast<int>(RLIMIT_CPU))), 1000U);
  EXPECT_EQ(value_of(pool.submit<own_directory>()), "/proc");
  EXPECT_EQ(own_nice(), nice_before);
  EXPECT_EQ(own_limit(RLIMIT_NOFILE), files_before);
  EXPECT_EQ(own_directory(), directory_before);
}

TEST(WorkerOptions, AReplacementHasThemToo) {
  PoolOptions options = unlimited({.workers = 1, .name = "again"});
  options.processes.open_files = 99;
  ProcessPool pool(options);
  EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  EXPECT_EQ(value_of(pool.submit<own_limit>(static_cast<int>(RLIMIT_NOFILE))), 99U);
  EXPECT_THAT(file_of(value_of(pool.submit<worker_pid>()), "cmdline"), StartsWith("again: worker 1 of 1"));
}

TEST(WorkerOptions, AnImpossibleDirectoryIsToldWhenThePoolIsMade) {
  PoolOptions options = unlimited({.workers = 1});
  options.processes.restart.start_failures = 2;
  options.processes.working_directory = "/nowhere/at/all";
  const auto before = held_now();
  try {
    const ProcessPool pool(options);
    ADD_FAILURE() << "a pool was made";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/at/all"));
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

TEST(WorkerOptions, WorkersRunWhereTheAffinityPutsThem) {
  const auto usable = own_cpus();
  ASSERT_FALSE(usable.empty());
  PoolOptions options{.workers = 2};
  options.affinity = Affinity::kList;
  options.affinity_cpus = {usable.back()};
  ProcessPool pool(options);
  EXPECT_EQ(value_of(pool.submit<own_cpus>()), std::vector<int>{usable.back()});
  EXPECT_EQ(own_cpus(), usable) << "the program itself stays where it was";
}

TEST(WorkerOptions, C4_ASetUpThatKillsItsWorkerEndsByTheIntensityAndSaysWhy) {
  kFatal->store(1);
  PoolOptions options = unlimited({.workers = 2});
  options.processes.restart.start_failures = 3;
  options.set_up = set_up_or_die;
  const auto before = held_now();
  try {
    const ProcessPool pool(options);
    ADD_FAILURE() << "a pool was made";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("SIGKILL"));
  }
  kFatal->store(0);
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

TEST(WorkerOptions, C4_ASetUpThatKillsLaterMakesThePoolDegradedUntilItDoesNot) {
  EventLog log;
  PoolOptions options = unlimited({.workers = 1});
  options.processes.restart.start_failures = 3;
  options.set_up = set_up_or_die;
  options.on_event = log.callback();
  ProcessPool pool(options);
  EXPECT_EQ(value_of(pool.submit<identity>(1)), 1);
  kFatal->store(1);
  kill(value_of(pool.submit<worker_pid>()), SIGKILL);
  EXPECT_TRUE(log.wait_for(EventKind::kPoolDegraded));
  EXPECT_TRUE(eventually([&] {
    auto submission = pool.try_submit<identity>(2);
    return !submission.accepted() && submission.error() == SubmitError::kDegraded;
  }));
  kFatal->store(0);
  EXPECT_TRUE(log.wait_for(EventKind::kPoolRecovered)) << "recovery is tried";
  EXPECT_TRUE(eventually([&] {
    auto submission = pool.try_submit<identity>(3);
    return submission.accepted() && outcome_of(submission.future()).has_value();
  }));
  EXPECT_FALSE(pool.stats().degraded);
}

TEST(WorkerOptions, C12_AWorkerThatHasGrownTooLargeIsReplacedInPeace) {
  PoolOptions options{.workers = 1};
  options.recycling.max_uss_bytes = std::size_t{96} << 20;
  options.recycling.jitter = 0;
  ProcessPool pool(options);
  const int small = value_of(pool.submit<grow_by>(std::uint64_t{1} << 20));
  const int large = value_of(pool.submit<grow_by>(std::uint64_t{128} << 20));
  EXPECT_EQ(small, large);
  EXPECT_TRUE(eventually([&] { return pool.stats().recycled == 1; }));
  EXPECT_NE(value_of(pool.submit<worker_pid>()), large);
  EXPECT_EQ(pool.stats().worker_deaths, 0U);
}

}  // namespace
}  // namespace twinpool::isolation
