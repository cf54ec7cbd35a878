// SPDX-License-Identifier: Apache-2.0
#include "shared/stats.h"

#include <gtest/gtest.h>

namespace twinpool {
namespace {

/// Every count with its own number.
PoolStats numbered() {
  PoolStats stats;
  std::uint64_t number = 1;
  for (std::uint64_t PoolStats::*count :
       {&PoolStats::submitted, &PoolStats::completed, &PoolStats::failed, &PoolStats::cancelled,
        &PoolStats::timed_out, &PoolStats::lost, &PoolStats::rejected_later, &PoolStats::pending,
        &PoolStats::refused, &PoolStats::worker_deaths, &PoolStats::shared_bytes_in_use,
        &PoolStats::shared_bytes_limit, &PoolStats::retried, &PoolStats::recycled, &PoolStats::events_dropped,
        &PoolStats::event_failures, &PoolStats::misdirected, &PoolStats::bytes_copied, &PoolStats::hot_spares}) {
    stats.*count = number++;
  }
  return stats;
}

TEST(PoolStats, MergeSumsEveryCount) {
  PoolStats sum = numbered();
  sum.merge(numbered());
  EXPECT_EQ(sum.submitted, 2U);
  EXPECT_EQ(sum.completed, 4U);
  EXPECT_EQ(sum.failed, 6U);
  EXPECT_EQ(sum.cancelled, 8U);
  EXPECT_EQ(sum.timed_out, 10U);
  EXPECT_EQ(sum.lost, 12U);
  EXPECT_EQ(sum.rejected_later, 14U);
  EXPECT_EQ(sum.pending, 16U);
  EXPECT_EQ(sum.refused, 18U);
  EXPECT_EQ(sum.worker_deaths, 20U);
  EXPECT_EQ(sum.shared_bytes_in_use, 22U);
  EXPECT_EQ(sum.shared_bytes_limit, 24U);
  EXPECT_EQ(sum.retried, 26U);
  EXPECT_EQ(sum.recycled, 28U);
  EXPECT_EQ(sum.events_dropped, 30U);
  EXPECT_EQ(sum.event_failures, 32U);
  EXPECT_EQ(sum.misdirected, 34U);
  EXPECT_EQ(sum.bytes_copied, 36U);
  EXPECT_EQ(sum.hot_spares, 38U);
}

TEST(PoolStats, MergeListsWorkersAndJoinsFunctionsByName) {
  PoolStats left;
  left.workers.push_back({.index = 0});
  left.functions.push_back({.name = "parse", .completed = 2, .failed = 1});
  PoolStats right;
  right.degraded = true;
  right.workers.push_back({.index = 0});
  right.functions.push_back({.name = "parse", .completed = 3, .failed = 4});
  right.functions.push_back({.name = "render", .completed = 7});
  right.functions[0].running.record(10);
  right.waiting.record(20);
  left.merge(right);
  EXPECT_TRUE(left.degraded);
  EXPECT_FALSE(left.paused);
  EXPECT_EQ(left.workers.size(), 2U);
  ASSERT_EQ(left.functions.size(), 2U);
  EXPECT_EQ(left.functions[0].completed, 5U);
  EXPECT_EQ(left.functions[0].failed, 5U);
  EXPECT_EQ(left.functions[0].running.count(), 1U);
  EXPECT_EQ(left.functions[1].name, "render");
  EXPECT_EQ(left.waiting.max_ns(), 20U);
}

TEST(PoolStats, MergeWithItselfDoubles) {
  PoolStats stats;
  stats.submitted = 3;
  stats.workers.push_back({});
  stats.functions.push_back({.name = "parse", .completed = 2});
  stats.waiting.record(5);
  stats.merge(stats);
  EXPECT_EQ(stats.submitted, 6U);
  EXPECT_EQ(stats.workers.size(), 2U);
  ASSERT_EQ(stats.functions.size(), 1U);
  EXPECT_EQ(stats.functions[0].completed, 4U);
  EXPECT_EQ(stats.waiting.count(), 2U);
}

TEST(PoolStats, AliveAreThoseThatCanRunTasks) {
  PoolStats stats;
  for (int state = 0; state <= static_cast<int>(WorkerState::kSpare); ++state)
    stats.workers.push_back({.state = static_cast<WorkerState>(state)});
  EXPECT_EQ(stats.workers_alive(), 2);
}

}  // namespace
}  // namespace twinpool
