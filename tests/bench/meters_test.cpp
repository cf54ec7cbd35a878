// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>
#include <functional>

#include "bench/meters/cpu.h"
#include "bench/meters/memory.h"
#include "bench/meters/process_tree.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

/// A child that runs `body`, reports once it is done and then waits until it is ended; it dies with its
/// parent at the latest.
class Child {
 public:
  explicit Child(const std::function<void()>& body) {
    int ready[2];
    if (pipe(ready) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      body();
      const char done = 1;
      if (write(ready[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ready[1]);
    char done = 0;
    ready_ = read(ready[0], &done, 1) == 1;
    close(ready[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  rusage end() {
    rusage usage{};
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      while (wait4(pid_, nullptr, 0, &usage) < 0 && errno == EINTR) {
      }
    }
    pid_ = -1;
    return usage;
  }
  pid_t pid() const { return pid_; }
  bool ready() const { return ready_; }

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

void spin(double cpu_s) {
  timespec now{};
  do {
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 < cpu_s);
}

TEST(ParseProcessStat, SurvivesAnyCommandName) {
  const auto stat =
      parse_process_stat("42 (a) R 1 ) (b)) S 7 42 42 0 -1 4194304 10 20 3 4 50 60 70 80 20 0 1 0 99 0 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 42);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 7);
  EXPECT_EQ(stat->minor_faults, 10u);
  EXPECT_EQ(stat->reaped_minor_faults, 20u);
  EXPECT_EQ(stat->major_faults, 3u);
  EXPECT_EQ(stat->user_ticks, 50u);
  EXPECT_EQ(stat->system_ticks, 60u);
  EXPECT_EQ(stat->reaped_user_ticks, 70u);
  EXPECT_EQ(stat->reaped_system_ticks, 80u);
}

TEST(ParseProcessStat, RefusesOtherText) {
  EXPECT_FALSE(parse_process_stat(""));
  EXPECT_FALSE(parse_process_stat("42 )x( S 1"));
  EXPECT_FALSE(parse_process_stat("42 (x) S 1 2 3"));
}

TEST(ProcessTree, ListsChildrenAndGrandchildrenRootFirst) {
  pid_t* grandchild = static_cast<pid_t*>(
      mmap(nullptr, sizeof(pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(grandchild, MAP_FAILED);
  Child child([&] {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(0);  // it has died before it could send the signal
      for (;;) pause();
    }
    *grandchild = pid;
  });
  ASSERT_TRUE(child.ready());
  EXPECT_EQ(list_process_tree(child.pid()), (std::vector<pid_t>{child.pid(), *grandchild}));
  const std::vector<pid_t> mine = list_process_tree(getpid());
  EXPECT_EQ(mine.front(), getpid());
  EXPECT_NE(std::find(mine.begin(), mine.end(), *grandchild), mine.end());
  munmap(grandchild, sizeof(pid_t));
}

TEST(ProcessTree, OfNobodyIsEmpty) {
  Child child([] {});
  const pid_t pid = child.pid();
  child.end();
  EXPECT_TRUE(list_process_tree(pid).empty());
  EXPECT_EQ(read_tree_memory(pid).processes, 0);
  EXPECT_EQ(read_tree_cpu(pid).total_s(), 0);
  EXPECT_FALSE(read_memory(pid));
  EXPECT_FALSE(read_rss_bytes(pid));
}

TEST(ParseSmapsRollup, AddsUpPrivatePages) {
  const auto use = parse_smaps_rollup(
      "5581-7ffc ---p 00000000 00:00 0    [rollup]\nRss:  884 kB\nPss:  385 kB\nPss_Shmem:  7 kB\n"
      "Private_Clean:  68 kB\nPrivate_Dirty:  12 kB\nSwap: 0 kB\n");
  ASSERT_TRUE(use);
  EXPECT_EQ(use->rss_bytes, 884u * 1024);
  EXPECT_EQ(use->pss_bytes, 385u * 1024);
  EXPECT_EQ(use->uss_bytes, 80u * 1024);
  EXPECT_EQ(use->pss_shmem_bytes, 7u * 1024);
  EXPECT_EQ(use->processes, 1);
  EXPECT_FALSE(parse_smaps_rollup(""));
}

TEST(Memory, CountsSharedPagesOnceInPssAndNotAtAllInUss) {
  void* shared = mmap(nullptr, 16 * kMiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  std::memset(shared, 1, 16 * kMiB);
  const auto touch = [&] {
    volatile char sum = 0;
    for (std::size_t at = 0; at < 16 * kMiB; at += 4096)
      sum = static_cast<char>(sum + static_cast<char*>(shared)[at]);
  };
  Child first(touch);
  Child second(touch);
  ASSERT_TRUE(first.ready() && second.ready());
  const auto use = read_memory(first.pid());
  if (!use) GTEST_SKIP() << "smaps_rollup cannot be read here";
  EXPECT_GE(use->rss_bytes, 16 * kMiB);
  EXPECT_LE(use->uss_bytes, use->rss_bytes - 16 * kMiB);
  const MemoryUse tree = read_tree_memory(getpid());
  EXPECT_EQ(tree.processes, 3);
  EXPECT_GE(tree.rss_bytes, 48 * kMiB);
  EXPECT_GE(tree.pss_shmem_bytes, 16 * kMiB - kMiB);
  EXPECT_LE(tree.pss_shmem_bytes, 16 * kMiB + kMiB);
  EXPECT_GE(read_tree_rss_bytes(getpid()), 48 * kMiB);
  munmap(shared, 16 * kMiB);
}

TEST(Memory, CountsPrivatePagesInUss) {
  Child child([] {
    void* own = mmap(nullptr, 8 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(own, 1, 8 * kMiB);
  });
  ASSERT_TRUE(child.ready());
  const auto use = read_memory(child.pid());
  if (!use) GTEST_SKIP() << "smaps_rollup cannot be read here";
  EXPECT_GE(use->uss_bytes, 8 * kMiB);
  EXPECT_GE(use->pss_bytes, use->uss_bytes);
  EXPECT_GE(use->rss_bytes, use->pss_bytes);
}

TEST(Cpu, SeesALivingTreeWithItsReapedChildren) {
  Child child([] {
    const pid_t reaped = fork();
    if (reaped == 0) {
      spin(0.1);
      _exit(0);
    }
    while (waitpid(reaped, nullptr, 0) < 0 && errno == EINTR) {
    }
    spin(0.1);
  });
  ASSERT_TRUE(child.ready());
  const CpuUse use = read_tree_cpu(child.pid());
  EXPECT_GE(use.total_s(), 0.2 - 0.05);  // each figure is rounded to ticks
  EXPECT_GT(use.minor_faults, 0u);
  EXPECT_GT(use.voluntary_switches, 0u);  // it waited for its child
  const CpuUse reaped = from_rusage(child.end());
  EXPECT_GE(reaped.total_s(), 0.2);
}

TEST(Cpu, AddsAndSubtracts) {
  CpuUse sum{1, 2, 3, 4, 5, 6};
  sum += {1, 1, 1, 1, 1, 1};
  EXPECT_EQ(sum.total_s(), 5);
  const CpuUse difference = sum - CpuUse{1, 1, 1, 10, 1, 1};
  EXPECT_EQ(difference.user_s, 1);
  EXPECT_EQ(difference.voluntary_switches, 3u);
  EXPECT_EQ(difference.involuntary_switches, 0u);
  EXPECT_EQ(difference.major_faults, 6u);
}

}  // namespace
}  // namespace twinpool::bench
