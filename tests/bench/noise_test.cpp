// SPDX-License-Identifier: Apache-2.0
#include "bench/noise.h"

#include <gtest/gtest.h>

namespace twinpool::bench {
namespace {

TEST(ParseCpuTimes, SumsTheColumns) {
  const auto times = parse_cpu_times("cpu  100 20 30 400 50 6 7 8 90 1\ncpu0 1 2 3 4 5 6 7 8 9 1\n", 100);
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->busy_s, 1.63);  // guest columns are not counted twice
  EXPECT_DOUBLE_EQ(times->steal_s, 0.08);
  EXPECT_DOUBLE_EQ(times->idle_s, 4.5);
}

TEST(ParseCpuTimes, TakesOldKernelsAndRefusesOtherText) {
  EXPECT_DOUBLE_EQ(parse_cpu_times("cpu 100 0 100 400\n", 100)->busy_s, 2);
  EXPECT_FALSE(parse_cpu_times("", 100));
  EXPECT_FALSE(parse_cpu_times("intr 1 2 3 4", 100));
  EXPECT_FALSE(parse_cpu_times("cpu 1 2", 100));
}

TEST(ReadCpuTimes, NeverRunsBackwards) {
  const auto before = read_cpu_times();
  const auto after = read_cpu_times();
  ASSERT_TRUE(before && after);
  EXPECT_GT(before->busy_s, 0);
  EXPECT_GE(after->busy_s, before->busy_s);
  EXPECT_FALSE(read_cpu_times("/nonexistent"));
}

TEST(ForeignCpus, IsBusyAndStolenTimeWithoutOurs) {
  EXPECT_DOUBLE_EQ(foreign_cpus({10, 1, 5}, {13, 1.5, 6}, 2.5, 2), 0.5);
  EXPECT_EQ(foreign_cpus({10, 0, 5}, {11, 0, 6}, 1.01, 1), 0);  // ticks round both ways
  EXPECT_EQ(foreign_cpus({10, 0, 5}, {11, 0, 6}, 0, 0), 0);
}

TEST(ParsePressure, ReadsTheLineSome) {
  const auto pressure = parse_pressure(
      "some avg10=0.73 avg60=1.75 avg300=0.69 total=5526504\nfull avg10=9.00 avg60=0.00 total=0\n");
  ASSERT_TRUE(pressure);
  EXPECT_DOUBLE_EQ(pressure->some_avg10, 0.73);
  EXPECT_DOUBLE_EQ(pressure->some_avg60, 1.75);
  EXPECT_DOUBLE_EQ(pressure->some_total_s, 5.526504);
  EXPECT_FALSE(parse_pressure(""));
  EXPECT_FALSE(parse_pressure("full avg10=9.00 avg60=0.00 avg300=0.00 total=0\n"));
}

TEST(ReadCpuPressure, IsNothingWithoutTheFile) { EXPECT_FALSE(read_cpu_pressure("/nonexistent")); }

TEST(EffectiveParallelism, ComparesWithWhatWorkersAndCpusAllow) {
  EXPECT_DOUBLE_EQ(effective_parallelism(1.8, 1, 2, 8), 0.9);
  EXPECT_DOUBLE_EQ(effective_parallelism(1.8, 1, 8, 2), 0.9);
  EXPECT_EQ(effective_parallelism(1, 0, 2, 2), 0);
  EXPECT_EQ(effective_parallelism(1, 1, 0, 2), 0);
}

TEST(ShouldRerun, LooksOnlyAtForeignCpuAndTheCount) {
  const RerunRule rule{.most_foreign_share = 0.1, .least_foreign_s = 0.03, .most_reruns = 2};
  EXPECT_FALSE(should_rerun(rule, 0.2, 1, 2, 0));
  EXPECT_TRUE(should_rerun(rule, 0.21, 1, 2, 0));
  EXPECT_TRUE(should_rerun(rule, 0.21, 1, 2, 1));
  EXPECT_FALSE(should_rerun(rule, 0.21, 1, 2, 2));
  EXPECT_FALSE(should_rerun(rule, 0.21, 1, 4, 0));
}

TEST(ShouldRerun, TakesNoRoundingOfTheKernelsClockForANeighbour) {
  // A tenth of two CPUs over 50 ms is 10 ms: one tick.
  EXPECT_FALSE(should_rerun({}, 0.02, 0.05, 2, 0));
  EXPECT_TRUE(should_rerun({}, 0.04, 0.05, 2, 0));
}

}  // namespace
}  // namespace twinpool::bench
