// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/conformance/event_log.h"
#include "tests/conformance/notebook.h"

/// C13 and what is seen of a pool from outside: events, numbers by worker and by function, the scoreboard.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int doubled(int n) { return 2 * n; }
int only_even(int n) {
  if (n % 2 != 0) throw std::domain_error("odd");
  return n;
}

const FunctionStats* function_named(const PoolStats& stats, const std::string& name) {
  for (const auto& function : stats.functions) {
    if (function.name.find(name) != std::string::npos) return &function;
  }
  return nullptr;
}
std::uint64_t outcomes(const PoolStats& stats) {
  return stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
         stats.rejected_later;
}

TEST_P(Conformance, Events_TellALifeInItsOrder) {
  EventLog log;
  {
    const auto pool = make({.workers = 2, .on_event = log.callback()});
    ASSERT_TRUE(log.wait_for(EventKind::kWorkerReady, 2));
    EXPECT_EQ(value_of(pool->submit<doubled>(4)), 8);
    EXPECT_EQ(log.count(EventKind::kPoolDrained), 0U);
    ASSERT_TRUE(pool->drain(kPatience));
    ASSERT_TRUE(log.wait_for(EventKind::kPoolDrained));
  }
  std::map<int, std::vector<EventKind>> by_worker;
  for (const auto& event : log.all()) {
    EXPECT_FALSE(event.message.empty()) << name_of(event.kind);
    EXPECT_GT(event.when.time_since_epoch().count(), 0);
    by_worker[event.worker].push_back(event.kind);
    if (event.worker >= 0) {
      EXPECT_GT(event.id, 0) << name_of(event.kind);
    }
  }
  const std::vector<EventKind> life{EventKind::kWorkerStarted, EventKind::kWorkerReady};
  EXPECT_EQ(by_worker[0], life);
  EXPECT_EQ(by_worker[1], life);
  EXPECT_EQ(by_worker[-1], std::vector<EventKind>{EventKind::kPoolDrained});
  EXPECT_EQ(by_worker.size(), 3U);
}

TEST_P(Conformance, Events_ACallbackThatThrowsIsCountedAndHarmsNothing) {
  const auto pool =
      make({.workers = 2, .on_event = [](const Event&) { throw std::runtime_error("not now"); }});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(value_of(pool->submit<doubled>(i)), 2 * i);
  EXPECT_TRUE(eventually([&] { return pool->stats().event_failures >= 4; }));  // two started, two ready
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
}

TEST_P(Conformance, Events_ACallbackMayLookAtItsPool) {
  std::atomic<const Pool*> watched{nullptr};
  std::atomic<int> looked{0};
  EventCallback look = [&](const Event&) {
    if (const Pool* const pool = watched.load()) {
      static_cast<void>(pool->stats());
      ++looked;
    }
  };
  const auto pool = make({.workers = 2, .on_event = std::move(look)});
  watched = pool.get();
  EXPECT_TRUE(pool->reload(kPatience));
  EXPECT_TRUE(eventually([&] { return looked.load() > 0; }));
  ASSERT_TRUE(pool->stop(kPatience));
  watched = nullptr;
}

TEST_P(Conformance, C13_EachFunctionHasItsOwnNumbers) {
  const auto pool = make({.workers = 2, .timing = Timing::kEvery});
  for (int i = 0; i < 60; ++i) static_cast<void>(outcome_of(pool->submit<doubled>(i)));
  for (int i = 0; i < 40; ++i) static_cast<void>(outcome_of(pool->submit<only_even>(i)));
  EXPECT_TRUE(eventually([&] {
    const auto stats = pool->stats();
    const auto* const good = function_named(stats, "doubled");
    const auto* const half = function_named(stats, "only_even");
    return good != nullptr && half != nullptr && good->running.count() == 60 && half->running.count() == 40;
  }));
  const auto stats = pool->stats();
  ASSERT_EQ(stats.functions.size(), 2U) << "only those that have run";
  const auto* const good = function_named(stats, "doubled");
  const auto* const half = function_named(stats, "only_even");
  ASSERT_TRUE(good != nullptr && half != nullptr);
  EXPECT_EQ(good->completed, 60U);
  EXPECT_EQ(good->failed, 0U);
  EXPECT_EQ(half->completed, 20U);
  EXPECT_EQ(half->failed, 20U);
  EXPECT_EQ(good->waiting.count(), 60U);
  EXPECT_LE(good->running.percentile_ns(0.5), good->running.max_ns());
}

TEST_P(Conformance, C13_EachWorkerHasItsOwnPercentilesAndTheyAddUp) {
  const auto pool = make({.workers = 2, .timing = Timing::kEvery});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  auto held_too = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(2));
  gate.open();
  static_cast<void>(outcome_of(held));
  static_cast<void>(outcome_of(held_too));
  for (int i = 0; i < 98; ++i) static_cast<void>(value_of(pool->submit<doubled>(i)));
  EXPECT_TRUE(eventually([&] {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    for (const auto& worker : pool->stats().workers) {
      running += worker.running.count();
      waiting += worker.waiting.count();
    }
    return running == 100 && waiting == 100;
  }));
  for (const auto& worker : pool->stats().workers) {
    EXPECT_GE(worker.running.count(), 1U);
    EXPECT_EQ(worker.running.count(), worker.tasks);
  }
  pool->reset_latency();
  const auto stats = pool->stats();
  for (const auto& worker : stats.workers) EXPECT_EQ(worker.running.count() + worker.waiting.count(), 0U);
  for (const auto& function : stats.functions) EXPECT_EQ(function.running.count(), 0U) << function.name;
  const auto* const good = function_named(stats, "doubled");
  ASSERT_NE(good, nullptr);
  EXPECT_EQ(good->completed, 98U) << "counts stay";
}

TEST_P(Conformance, C13_NumbersOfTwoPoolsMerge) {
  const auto one = make({.workers = 1, .timing = Timing::kEvery});
  const auto other = make({.workers = 2, .timing = Timing::kEvery});
  for (int i = 0; i < 30; ++i) static_cast<void>(outcome_of(one->submit<doubled>(i)));
  for (int i = 0; i < 20; ++i) static_cast<void>(outcome_of(other->submit<doubled>(i)));
  for (int i = 0; i < 10; ++i) static_cast<void>(outcome_of(other->submit<only_even>(i)));
  ASSERT_TRUE(one->drain(kPatience));
  ASSERT_TRUE(other->drain(kPatience));
  auto all = one->stats();
  all.merge(other->stats());
  EXPECT_EQ(all.submitted, 60U);
  EXPECT_EQ(all.completed, 55U);
  EXPECT_EQ(all.failed, 5U);
  EXPECT_EQ(all.workers.size(), 3U);
  EXPECT_EQ(all.running.count(), 60U);
  ASSERT_EQ(all.functions.size(), 2U);
  const auto* const good = function_named(all, "doubled");
  ASSERT_NE(good, nullptr);
  EXPECT_EQ(good->completed, 50U);
}

TEST_P(Conformance, C13_BalancesExactlyWithEveryKindOfEnd) {
  const auto pool = make({.workers = 1, .queue_capacity = 64, .grace = milliseconds(10), .max_spares = 1});
  std::uint64_t threw = 0;
  for (int i = 0; i < 10; ++i) threw += !outcome_of(pool->submit<only_even>(i)).has_value();
  Gate gate(*pool);
  auto over_limit = pool->submit<run_until_asked>(with{.run_limit = milliseconds(10)}, gate.words());
  EXPECT_EQ(failure_of(over_limit).kind, FailureKind::kTimedOut);
  auto held = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(2));
  auto cancelled = pool->submit<doubled>(1);
  EXPECT_TRUE(cancelled.cancel());
  auto late = pool->submit<doubled>(with{.wait_limit = milliseconds(5)}, 2);
  EXPECT_EQ(failure_of(late).kind, FailureKind::kTimedOut);
  std::vector<Future<int>> swept;
  for (int i = 0; i < 5; ++i) swept.push_back(pool->submit<doubled>(i));
  EXPECT_EQ(pool->cancel_queued(), 5U);
  auto closed = pool->submit<doubled>(3);
  auto stats = pool->stats();
  EXPECT_EQ(stats.pending, 2U);
  EXPECT_EQ(stats.submitted, outcomes(stats) + stats.pending);
  static_cast<void>(pool->stop(milliseconds(0)));
  EXPECT_EQ(failure_of(held).kind, FailureKind::kPoolClosed);
  EXPECT_EQ(failure_of(closed).kind, FailureKind::kPoolClosed);
  stats = pool->stats();
  EXPECT_EQ(stats.submitted, 20U);
  EXPECT_EQ(stats.completed, 5U);
  EXPECT_EQ(stats.failed, 5U);
  EXPECT_EQ(stats.cancelled, 6U);
  EXPECT_EQ(stats.timed_out, 2U);
  EXPECT_EQ(stats.rejected_later, 2U);
  EXPECT_EQ(stats.lost + stats.pending, 0U);
  EXPECT_EQ(threw, 5U);
}

TEST_P(Conformance, Scoreboard_IsAFileBelowProcThatLivesAsLongAsThePool) {
  std::string path;
  {
    const auto pool = make({.workers = 2, .name = "board"});
    path = pool->scoreboard_path();
    EXPECT_THAT(path, StartsWith("/proc/"));
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0) << path;
    struct stat status = {};
    EXPECT_EQ(fstat(file, &status), 0);
    EXPECT_GT(status.st_size, 0);
    std::string page(static_cast<std::size_t>(status.st_size), '\0');
    EXPECT_EQ(pread(file, page.data(), page.size(), 0), status.st_size);
    EXPECT_THAT(page, HasSubstr("board"));
    close(file);
    EXPECT_EQ(pool->scoreboard_path(), path);
  }
  // The number may have been given to another descriptor since, but not to a scoreboard.
  char target[64] = {};
  if (readlink(path.c_str(), target, sizeof(target) - 1) > 0) {
    EXPECT_THAT(std::string(target), ::testing::Not(HasSubstr("scoreboard")));
  }
}

}  // namespace
}  // namespace twinpool::conformance
