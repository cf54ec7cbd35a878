// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "tests/conformance/notebook.h"

/// C6, where workers have queues of their own: who is chosen, who may take it, and that nothing is left
/// lying.
namespace twinpool::conformance {
namespace {

using ::testing::SizeIs;

std::map<int, int> tasks_per_worker(std::vector<Future<int>>& futures) {
  std::map<int, int> tasks;
  for (auto& future : futures) ++tasks[value_of(future)];
  return tasks;
}
std::vector<int> sorted_counts(const std::map<int, int>& tasks) {
  std::vector<int> counts;
  for (const auto& [id, count] : tasks) counts.push_back(count);
  std::sort(counts.begin(), counts.end());
  return counts;
}
DispatchOptions by(Strategy strategy, bool stealing, std::vector<int> weights = {}) {
  return {.strategy = strategy, .stealing = stealing, .weights = std::move(weights), .choose = {}};
}
DispatchOptions by_rule(ChooseWorker rule, bool stealing) {
  return {.strategy = Strategy::kCustom, .stealing = stealing, .weights = {}, .choose = std::move(rule)};
}
bool is_weighted(Strategy strategy) {
  return strategy == Strategy::kWeightedRoundRobin || strategy == Strategy::kInterleavedWeightedRoundRobin;
}

TEST_P(Conformance, C6_EveryStrategyRunsEveryTaskWithAndWithoutStealing) {
  for (const auto strategy : {Strategy::kSharedQueue, Strategy::kRoundRobin, Strategy::kWeightedRoundRobin,
                              Strategy::kInterleavedWeightedRoundRobin, Strategy::kLeastUsed,
                              Strategy::kLeastBusy, Strategy::kFairShare}) {
    for (const bool stealing : {true, false}) {
      SCOPED_TRACE(std::string(name_of(strategy)) + (stealing ? " stealing" : ""));
      const auto weights = is_weighted(strategy) ? std::vector<int>{3, 1, 2} : std::vector<int>{};
      const auto pool = make({.workers = 3, .dispatch = by(strategy, stealing, weights)});
      std::vector<Future<int>> futures;
      for (int i = 0; i < 300; ++i) futures.push_back(pool->submit<worker_id>());
      for (const auto& [id, count] : tasks_per_worker(futures)) EXPECT_GT(id, 0);
      EXPECT_EQ(pool->stats().completed, 300U);
    }
  }
}

TEST_P(Conformance, C6_WithoutStealingRoundRobinGivesEachWorkerItsTurn) {
  const auto pool = make({.workers = 3, .dispatch = by(Strategy::kRoundRobin, false)});
  Gate gate(*pool);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 30; ++i) futures.push_back(pool->submit<worker_id_past_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(3));
  gate.open();
  std::vector<int> ids;
  for (auto& future : futures) ids.push_back(value_of(future));
  EXPECT_THAT(std::set<int>(ids.begin(), ids.end()), SizeIs(3));
  for (std::size_t i = 3; i < ids.size(); ++i) EXPECT_EQ(ids[i], ids[i - 3]) << i;
}

TEST_P(Conformance, C6_WithoutStealingWeightsAreKeptExactly) {
  for (const auto strategy : {Strategy::kWeightedRoundRobin, Strategy::kInterleavedWeightedRoundRobin}) {
    SCOPED_TRACE(name_of(strategy));
    const auto pool = make({.workers = 3, .dispatch = by(strategy, false, {3, 1, 2})});
    std::vector<Future<int>> futures;
    for (int i = 0; i < 60; ++i) futures.push_back(pool->submit<worker_id>());
    EXPECT_EQ(sorted_counts(tasks_per_worker(futures)), (std::vector<int>{10, 20, 30}));
  }
}

TEST_P(Conformance, C6_LeastUsedEvensOutWhatWorkersWereGiven) {
  const auto pool = make({.workers = 3, .dispatch = by(Strategy::kLeastUsed, false)});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 60; ++i) futures.push_back(pool->submit<worker_id>());
  EXPECT_EQ(sorted_counts(tasks_per_worker(futures)), (std::vector<int>{20, 20, 20}));
}

TEST_P(Conformance, C6_LeastBusyAvoidsAWorkerThatIsHeld) {
  const auto pool = make({.workers = 2, .dispatch = by(Strategy::kLeastBusy, false)});
  Gate gate(*pool);
  auto held = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  const auto other_is_idle = [&] {
    const auto stats = pool->stats();
    return std::any_of(stats.workers.begin(), stats.workers.end(),
                       [](const WorkerStats& worker) { return worker.state == WorkerState::kIdle; });
  };
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(eventually(other_is_idle));  // a task settles a moment before its worker is idle
    static_cast<void>(value_of(pool->submit<worker_id>()));
  }
  EXPECT_FALSE(held.ready());
}

TEST_P(Conformance, C6_WithoutStealingATaskWaitsForTheWorkerThatWasChosen) {
  std::atomic<int> chosen{0};
  const auto pool = make(
      {.workers = 2, .dispatch = by_rule([&](std::span<const WorkerLoad>) { return chosen.load(); }, false)});
  Gate gate(*pool);
  auto held = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  auto behind = pool->submit<worker_id>();
  chosen = 1;
  std::vector<Future<int>> elsewhere;
  for (int i = 0; i < 50; ++i) elsewhere.push_back(pool->submit<worker_id>());
  EXPECT_THAT(tasks_per_worker(elsewhere), SizeIs(1));
  EXPECT_FALSE(behind.ready()) << "its worker is held";
  EXPECT_EQ(pool->stats().workers.at(0).queued, 1U);
  gate.open();
  EXPECT_EQ(value_of(behind), value_of(held));
}

TEST_P(Conformance, C6_WithStealingNoWorkerIsIdleWhileAnotherOnesTaskWaits) {
  const auto pool =
      make({.workers = 2, .dispatch = by_rule([](std::span<const WorkerLoad>) { return 0; }, true)});
  Gate gate(*pool);
  auto held = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(pool->submit<worker_id>());
  EXPECT_THAT(tasks_per_worker(futures), SizeIs(1));
  EXPECT_FALSE(held.ready());
}

TEST_P(Conformance, C6_ACustomRuleSeesOneLoadAWorker) {
  std::mutex mutex;
  std::vector<std::vector<WorkerLoad>> seen;
  const auto pool = make({.workers = 2,
                          .dispatch = by_rule(
                              [&](std::span<const WorkerLoad> loads) {
                                const std::lock_guard lock(mutex);
                                seen.emplace_back(loads.begin(), loads.end());
                                return static_cast<int>(seen.size() % 2);
                              },
                              false)});
  Gate gate(*pool);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2; ++i) futures.push_back(pool->submit<worker_id_past_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(2));
  for (int i = 0; i < 4; ++i) futures.push_back(pool->submit<worker_id_past_gate>(gate.words()));
  gate.open();
  for (auto& future : futures) static_cast<void>(value_of(future));
  const std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), 6U);
  for (const auto& loads : seen) ASSERT_EQ(loads.size(), 2U);
  EXPECT_EQ(seen[0][0].chosen + seen[0][1].chosen, 0U);
  EXPECT_EQ(seen[5][0].chosen + seen[5][1].chosen, 5U);
  EXPECT_EQ(seen[2][0].queued + seen[2][1].queued, 0U);
  EXPECT_EQ(seen[5][0].queued + seen[5][1].queued, 3U);
  EXPECT_TRUE(seen[2][0].busy && seen[2][1].busy);
  EXPECT_EQ(seen[5][0].weight, 1);
}

TEST_P(Conformance, C6_ACustomRuleThatThrowsOrGivesNonsenseLosesNothing) {
  int turn = 0;
  const auto pool = make({.workers = 2,
                          .dispatch = by_rule(
                              [&](std::span<const WorkerLoad>) -> int {
                                switch (turn++ % 4) {
                                  case 0:
                                    throw std::runtime_error("no idea");
                                  case 1:
                                    return 2;
                                  case 2:
                                    return -1;
                                  default:
                                    return 1'000'000'000;
                                }
                              },
                              false)});
  Gate gate(*pool);
  auto held = pool->submit<worker_id_past_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::vector<Future<int>> futures;
  for (int i = 0; i < 40; ++i) futures.push_back(pool->submit<worker_id>());
  EXPECT_THAT(tasks_per_worker(futures), SizeIs(1))
      << "they wait in the shared queue, where the free worker is";
}

TEST_P(Conformance, C6_TasksOfOneKeyGoToOneWorker) {
  const auto pool = make({.workers = 3, .dispatch = by(Strategy::kSharedQueue, false)});
  std::map<std::uint64_t, std::set<int>> workers_of_key;
  std::set<int> workers;
  for (int round = 0; round < 5; ++round) {
    for (std::uint64_t key = 0; key < 24; ++key) {
      const int id = value_of(pool->submit<worker_id>(with{.key = key}));
      workers_of_key[key].insert(id);
      workers.insert(id);
    }
  }
  for (const auto& [key, ids] : workers_of_key) EXPECT_THAT(ids, SizeIs(1)) << "key " << key;
  EXPECT_THAT(workers, SizeIs(3)) << "keys are spread";
}

TEST_P(Conformance, C6_WithStealingAKeyIsAPreferenceOnly) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  auto held = pool->submit<worker_id_past_gate>(with{.key = 7}, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  for (int i = 0; i < 20; ++i) static_cast<void>(value_of(pool->submit<worker_id>(with{.key = 7})));
  EXPECT_FALSE(held.ready());
}

TEST_P(Conformance, C6_AWorkersOwnQueueKeepsPrioritiesToo) {
  const auto pool = make({.workers = 2, .dispatch = by(Strategy::kSharedQueue, false)});
  Gate gate(*pool);
  Notebook notes(*pool, 10);
  auto held = pool->submit<worker_id_past_gate>(with{.key = 3}, gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  std::vector<Future<Unit>> futures;
  for (const int priority : {-2, 4, 0, 9}) {
    futures.push_back(pool->submit<note>(with{.priority = priority, .key = 3}, notes.words(),
                                         static_cast<std::uint32_t>(100 + priority)));
  }
  gate.open();
  for (auto& future : futures) static_cast<void>(value_of(future));
  EXPECT_THAT(notes.read(), ::testing::ElementsAre(109, 104, 100, 98));
}

TEST_P(Conformance, C6_ADynamicPoolWithOwnQueuesLeavesNothingLying) {
  for (const bool stealing : {true, false}) {
    const auto pool = make({.workers = {1, 3},
                            .idle_timeout = std::chrono::milliseconds(1),
                            .dispatch = by(Strategy::kRoundRobin, stealing)});
    for (int round = 0; round < 20; ++round) {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 20; ++i) futures.push_back(pool->submit<worker_id>());
      for (auto& future : futures) static_cast<void>(value_of(future));
      ASSERT_TRUE(round % 5 != 0 || eventually([&] { return pool->stats().workers_alive() == 1; }));
    }
  }
}

}  // namespace
}  // namespace twinpool::conformance
