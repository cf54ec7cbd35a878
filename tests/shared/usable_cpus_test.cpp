// SPDX-License-Identifier: Apache-2.0
#include "shared/usable_cpus.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace twinpool {
namespace {

namespace fs = std::filesystem;

/// A fake kernel: plain files in a directory of its own, removed at the end.
class UsableCpus : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "twinpool-cpus-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    top_ = pattern;
    files_ = {top_ / "proc", top_};
  }
  void TearDown() override { fs::remove_all(top_); }

  void write(const fs::path& name, const std::string& text) {
    fs::create_directories((top_ / name).parent_path());
    std::ofstream(top_ / name) << text;
  }

  fs::path top_;
  KernelFiles files_;
};

TEST_F(UsableCpus, NoQuotaWithoutCgroupFiles) { EXPECT_FALSE(read_cpu_quota(files_).has_value()); }

TEST_F(UsableCpus, ReadsTheUnifiedHierarchy) {
  write("proc/self/cgroup", "0::/user.slice/app\n");
  write("proc/self/mountinfo",
        "30 22 0:27 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  write("sys/fs/cgroup/user.slice/app/cpu.max", "150000 100000\n");
  EXPECT_DOUBLE_EQ(read_cpu_quota(files_).value(), 1.5);
}

TEST_F(UsableCpus, SmallestAncestorWins) {
  write("proc/self/cgroup", "0::/a/b/c\n");
  write("proc/self/mountinfo", "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("sys/fs/cgroup/a/cpu.max", "50000 100000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/a/b/c/cpu.max", "300000 100000\n");
  EXPECT_DOUBLE_EQ(read_cpu_quota(files_).value(), 0.5);
}

TEST_F(UsableCpus, MaxMeansNoQuota) {
  write("proc/self/cgroup", "0::/\n");
  write("proc/self/mountinfo", "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_FALSE(read_cpu_quota(files_).has_value());
}

TEST_F(UsableCpus, ReadsVersionOneOfAContainerWhoseMountShowsOnlyItsOwnDirectory) {
  write("proc/self/cgroup", "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n");
  write("proc/self/mountinfo",
        "31 30 0:28 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "32 30 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/cpu.cfs_quota_us", "1\n");
  EXPECT_DOUBLE_EQ(read_cpu_quota(files_).value(), 2.5);
}

TEST_F(UsableCpus, MinusOneMeansNoQuotaInVersionOne) {
  write("proc/self/cgroup", "1:cpu:/\n");
  write("proc/self/mountinfo", "31 30 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(read_cpu_quota(files_).has_value());
}

TEST_F(UsableCpus, UnescapesBlanksInMountPoints) {
  write("proc/self/cgroup", "0::/\n");
  write("proc/self/mountinfo", "30 22 0:27 / /my\\040cgroups rw - cgroup2 cgroup2 rw\n");
  write("my cgroups/cpu.max", "200000 100000\n");
  EXPECT_DOUBLE_EQ(read_cpu_quota(files_).value(), 2.0);
}

TEST_F(UsableCpus, TakesTheMountWhenThePathLiesOutsideIt) {
  write("proc/self/cgroup", "0::/../../host/path\n");
  write("proc/self/mountinfo", "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_DOUBLE_EQ(read_cpu_quota(files_).value(), 1.0);
}

TEST_F(UsableCpus, IgnoresBrokenFiles) {
  write("proc/self/cgroup", "nonsense\n0::/\n");
  write("proc/self/mountinfo", "short line\n30 22 0:27 / /c rw - cgroup2 cgroup2 rw\n");
  write("c/cpu.max", "100000 0\n");
  EXPECT_FALSE(read_cpu_quota(files_).has_value());
}

TEST_F(UsableCpus, FindsTheSmallestMemoryLimit) {
  write("proc/self/cgroup", "4:memory:/job\n0::/\n");
  write("proc/self/mountinfo", "31 30 0:28 / /m rw - cgroup cgroup rw,memory\n");
  write("m/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(smallest_cgroup_limit("memory", "memory.limit_in_bytes", "memory.max", files_).has_value());
  write("m/job/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(smallest_cgroup_limit("memory", "memory.limit_in_bytes", "memory.max", files_), 1048576u);
}

TEST(CombineCpuLimits, RoundsAQuotaUpAndNeverGivesZero) {
  EXPECT_EQ(combine_cpu_limits(8, 8, 1.5).usable, 2);
  EXPECT_EQ(combine_cpu_limits(8, 8, 0.01).usable, 1);
  EXPECT_EQ(combine_cpu_limits(0, 0, std::nullopt).usable, 1);
  EXPECT_EQ(combine_cpu_limits(8, 8, 1e30).usable, 8);
}

TEST(CombineCpuLimits, NamesTheLimitThatWon) {
  EXPECT_EQ(combine_cpu_limits(8, 8, std::nullopt).limit, CpuLimit::kOnline);
  EXPECT_EQ(combine_cpu_limits(8, 3, std::nullopt).limit, CpuLimit::kAffinity);
  EXPECT_EQ(combine_cpu_limits(8, 3, 2.0).limit, CpuLimit::kQuota);
  EXPECT_EQ(combine_cpu_limits(8, 3, 2.5).limit, CpuLimit::kAffinity);  // a tie: 3 either way
}

TEST(ReadCpuLimits, FollowsTheAffinityOfTheCallingThread) {
  // In a thread of its own, so that the narrowed mask ends with it.
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(read_cpu_limits().affinity, 1);
    EXPECT_EQ(usable_cpus(), 1);
  }).join();
}

}  // namespace
}  // namespace twinpool
