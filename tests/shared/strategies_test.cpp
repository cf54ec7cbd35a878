// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <span>
#include <stdexcept>
#include <vector>

#include "shared/dispatcher.h"
#include "shared/strategies/fair_share.h"
#include "shared/strategies/least_busy.h"
#include "shared/strategies/least_used.h"

namespace twinpool {
namespace {

using Chosen = std::vector<int>;
using std::chrono::milliseconds;

/// What a dispatcher chooses `times` times among `workers` idle workers.
Chosen choose_among(Dispatcher& dispatcher, std::size_t workers, int times) {
  Chosen chosen;
  for (int i = 0; i < times; ++i) {
    std::vector<WorkerLoad> loads(workers);
    chosen.push_back(dispatcher.choose(loads, std::nullopt));
  }
  return chosen;
}

DispatchOptions weighted(Strategy strategy, std::vector<int> weights) {
  DispatchOptions options;
  options.strategy = strategy;
  options.weights = std::move(weights);
  return options;
}

DispatchOptions custom(ChooseWorker choose) {
  DispatchOptions options;
  options.strategy = Strategy::kCustom;
  options.choose = std::move(choose);
  return options;
}

TEST(RoundRobin, TakesWorkersInTurn) {
  Dispatcher dispatcher({.strategy = Strategy::kRoundRobin}, 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 7), (Chosen{0, 1, 2, 0, 1, 2, 0}));
}

TEST(RoundRobin, FollowsAPoolThatShrinksAndGrows) {
  Dispatcher dispatcher({.strategy = Strategy::kRoundRobin}, 4);
  EXPECT_EQ(choose_among(dispatcher, 4, 3), (Chosen{0, 1, 2}));
  EXPECT_EQ(choose_among(dispatcher, 2, 3), (Chosen{0, 1, 0}));
  EXPECT_EQ(choose_among(dispatcher, 4, 4), (Chosen{1, 2, 3, 0}));
}

TEST(WeightedRoundRobin, GivesEachItsWeightInARow) {
  Dispatcher dispatcher(weighted(Strategy::kWeightedRoundRobin, {3, 1, 2}), 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 13), (Chosen{0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2, 0}));
}

TEST(WeightedRoundRobin, BeginsAgainWhenItsWorkerIsGone) {
  Dispatcher dispatcher(weighted(Strategy::kWeightedRoundRobin, {1, 1, 2}), 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 3), (Chosen{0, 1, 2}));
  EXPECT_EQ(choose_among(dispatcher, 2, 3), (Chosen{0, 1, 0}));
}

TEST(InterleavedWeightedRoundRobin, GivesEachItsWeightRoundByRound) {
  Dispatcher dispatcher(weighted(Strategy::kInterleavedWeightedRoundRobin, {3, 1, 2}), 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 13), (Chosen{0, 1, 2, 0, 2, 0, 0, 1, 2, 0, 2, 0, 0}));
}

TEST(InterleavedWeightedRoundRobin, ServesTheHeaviestWhereverItIs) {
  Dispatcher dispatcher(weighted(Strategy::kInterleavedWeightedRoundRobin, {1, 2, 4}), 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 8), (Chosen{0, 1, 2, 1, 2, 2, 2, 0}));
  EXPECT_EQ(choose_among(dispatcher, 2, 4), (Chosen{1, 1, 0, 1}));
}

TEST(LeastUsed, CountsTasksOverTheLifetimeWhateverTheyDo) {
  EXPECT_EQ(strategies::least_used(std::vector<WorkerLoad>{{.chosen = 5}, {.queued = 9, .chosen = 4}, {.chosen = 4}}),
            1U);
  Dispatcher dispatcher({.strategy = Strategy::kLeastUsed}, 3);
  EXPECT_EQ(choose_among(dispatcher, 3, 5), (Chosen{0, 1, 2, 0, 1}));
}

TEST(LeastUsed, DoesNotBuryALateWorkerUnderTheTasksThatItMissed) {
  Dispatcher dispatcher({.strategy = Strategy::kLeastUsed}, 3);
  EXPECT_EQ(choose_among(dispatcher, 2, 6), (Chosen{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(choose_among(dispatcher, 3, 6), (Chosen{0, 1, 2, 0, 1, 2}));
}

TEST(LeastBusy, LooksAtNowAndNotAtTheLifetime) {
  EXPECT_EQ(strategies::least_busy(std::vector<WorkerLoad>{
                {.queued = 1, .busy = true, .chosen = 1}, {.queued = 1, .chosen = 900}, {.queued = 3}}),
            1U);
}

TEST(LeastBusy, TakesTheLeastUsedOfEquals) {
  EXPECT_EQ(strategies::least_busy(std::vector<WorkerLoad>{{.busy = true, .chosen = 3}, {.queued = 1, .chosen = 2}}),
            1U);
  EXPECT_EQ(strategies::least_busy(std::vector<WorkerLoad>{{.busy = true}, {.queued = 1}}), 0U);
}

TEST(FairShare, CountsTasksAlikeUntilTimesAreKnown) {
  EXPECT_EQ(strategies::fair_share(std::vector<WorkerLoad>{
                {.queued = 2, .chosen = 2}, {.queued = 1, .chosen = 1}, {.queued = 2, .chosen = 2}}),
            1U);
}

TEST(FairShare, AddsTheMeanTimeOfWhatIsStillToBeDone) {
  // 40 ms for 4 finished tasks: 10 ms each. Worker 0: 30 + 10, worker 1: 10 + 20.
  EXPECT_EQ(strategies::fair_share(std::vector<WorkerLoad>{
                {.busy = true, .chosen = 2, .spent = milliseconds(30)},
                {.queued = 1, .busy = true, .chosen = 5, .spent = milliseconds(10)}}),
            1U);
  // Worker 0: 30 + 0, worker 1: 10 + 30.
  EXPECT_EQ(strategies::fair_share(std::vector<WorkerLoad>{
                {.chosen = 1, .spent = milliseconds(30)},
                {.queued = 2, .busy = true, .chosen = 6, .spent = milliseconds(10)}}),
            0U);
}

TEST(FairShare, LetsALateWorkerStartFromTheLeastThatAnyHasSpent) {
  Dispatcher dispatcher({.strategy = Strategy::kFairShare}, 3);
  std::vector<WorkerLoad> two{{.spent = milliseconds(100)}, {.spent = milliseconds(80)}};
  EXPECT_EQ(dispatcher.choose(two, std::nullopt), 1);
  std::vector<WorkerLoad> three{{.spent = milliseconds(100)}, {.spent = milliseconds(80)}, {}};
  EXPECT_EQ(dispatcher.choose(three, std::nullopt), 2);
  EXPECT_EQ(three[2].spent, milliseconds(80));
  std::vector<WorkerLoad> later{{.spent = milliseconds(100)}, {.spent = milliseconds(90)}, {.spent = milliseconds(20)}};
  EXPECT_EQ(dispatcher.choose(later, std::nullopt), 1);
}

TEST(SharedQueue, ChoosesNobodyWithoutAKey) {
  Dispatcher dispatcher({}, 2);
  EXPECT_FALSE(dispatcher.chooses());
  EXPECT_EQ(choose_among(dispatcher, 2, 2), (Chosen{-1, -1}));
}

TEST(Key, SticksToOneWorkerInEveryStrategyAndRun) {
  for (const Strategy strategy : {Strategy::kSharedQueue, Strategy::kRoundRobin, Strategy::kLeastBusy}) {
    Dispatcher dispatcher({.strategy = strategy}, 8);
    for (int i = 0; i < 3; ++i) {
      std::vector<WorkerLoad> loads(8);
      loads[worker_for_key(42, 8)].queued = 100;
      EXPECT_EQ(dispatcher.choose(loads, 42), static_cast<int>(worker_for_key(42, 8)));
    }
  }
  // Fixed for ever: SplitMix64's first number from seed 0.
  EXPECT_EQ(worker_for_key(0, SIZE_MAX), 0xe220'a839'7b1d'cdafU);
}

TEST(Key, KeysInARowUseAllWorkers) {
  std::set<std::size_t> workers;
  for (std::uint64_t key = 0; key < 64; ++key) workers.insert(worker_for_key(key, 4));
  EXPECT_EQ(workers.size(), 4U);
}

TEST(Custom, SeesLoadsWithWeightAndCount) {
  std::vector<WorkerLoad> seen;
  Dispatcher dispatcher(custom([&](std::span<const WorkerLoad> loads) {
                          seen.assign(loads.begin(), loads.end());
                          return 1;
                        }),
                        2);
  EXPECT_EQ(choose_among(dispatcher, 2, 2), (Chosen{1, 1}));
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].chosen, 1U);
  EXPECT_EQ(seen[1].weight, 1);
  EXPECT_EQ(dispatcher.misdirected(), 0U);
}

TEST(Custom, NonsenseAndExceptionsLeadToTheSharedQueueAndAreCounted) {
  int call = 0;
  Dispatcher dispatcher(custom([&](std::span<const WorkerLoad> loads) -> int {
                          switch (call++) {
                            case 0:
                              return static_cast<int>(loads.size());
                            case 1:
                              return -7;
                            case 2:
                              throw std::runtime_error("no idea");
                            case 3:
                              throw 7;
                            default:
                              return 0;
                          }
                        }),
                        2);
  EXPECT_EQ(choose_among(dispatcher, 2, 5), (Chosen{-1, -1, -1, -1, 0}));
  EXPECT_EQ(dispatcher.misdirected(), 4U);
}

TEST(Strategy, NamesAreReadBack) {
  for (int i = 0; i <= static_cast<int>(Strategy::kCustom); ++i) {
    const auto strategy = static_cast<Strategy>(i);
    EXPECT_EQ(strategy_named(name_of(strategy)), strategy);
  }
  EXPECT_FALSE(strategy_named("unknown").has_value());
}

}  // namespace
}  // namespace twinpool
