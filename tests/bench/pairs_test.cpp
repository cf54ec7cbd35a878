// SPDX-License-Identifier: Apache-2.0
#include "bench/pairs.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace twinpool::bench {
namespace {

std::string letters(const std::vector<Round>& rounds) {
  std::string text;
  for (const Round& round : rounds) text += round.side == Side::kA ? 'A' : 'B';
  return text;
}

TEST(SchedulePairs, MakesBlocksOfBothKinds) {
  const std::string sides = letters(schedule_pairs({.cells = 1, .pairs = 200}, 1));
  ASSERT_EQ(sides.size(), 400u);
  std::map<std::string, int> blocks;
  for (std::size_t i = 0; i < sides.size(); i += 4) ++blocks[sides.substr(i, 4)];
  EXPECT_EQ(blocks.size(), 2u);
  EXPECT_GT(blocks["ABBA"], 25);
  EXPECT_GT(blocks["BAAB"], 25);
}

TEST(SchedulePairs, RepeatsWithItsSeed) {
  const PairPlan plan{.cells = 3, .pairs = 10, .control_pairs = 2, .order = CellOrder::kInterleaved};
  EXPECT_EQ(schedule_pairs(plan, 42), schedule_pairs(plan, 42));
  EXPECT_NE(schedule_pairs(plan, 42), schedule_pairs(plan, 43));
}

TEST(SchedulePairs, GivesEachCellEachPairOnceOnBothSides) {
  for (const CellOrder order : {CellOrder::kOneAfterTheOther, CellOrder::kInterleaved}) {
    const auto rounds = schedule_pairs({.cells = 4, .pairs = 7, .order = order}, 5);
    EXPECT_EQ(rounds.size(), 4u * 7 * 2);
    std::set<std::tuple<std::size_t, std::size_t, Side>> seen;
    for (std::size_t i = 0; i < rounds.size(); i += 2) {
      EXPECT_EQ(rounds[i].cell, rounds[i + 1].cell);
      EXPECT_EQ(rounds[i].pair, rounds[i + 1].pair);
      seen.insert({rounds[i].cell, rounds[i].pair, rounds[i].side});
      seen.insert({rounds[i + 1].cell, rounds[i + 1].pair, rounds[i + 1].side});
      EXPECT_LT(rounds[i].cell, 4u);
      EXPECT_LT(rounds[i].pair, 7u);
    }
    EXPECT_EQ(seen.size(), rounds.size());
  }
}

TEST(SchedulePairs, PutsControlsAtBothEnds) {
  const auto rounds = schedule_pairs({.cells = 2, .pairs = 2, .control_cell = 1, .control_pairs = 1}, 9);
  ASSERT_EQ(rounds.size(), 2u + 8 + 2);
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const Phase expected = i < 2 ? Phase::kControlAtStart : i < 10 ? Phase::kMeasured : Phase::kControlAtEnd;
    EXPECT_EQ(rounds[i].phase, expected);
    if (expected != Phase::kMeasured) {
      EXPECT_EQ(rounds[i].cell, 1u);
    }
  }
}

TEST(SchedulePairs, InterleavesCellsBlockByBlock) {
  const auto rounds = schedule_pairs({.cells = 3, .pairs = 4, .order = CellOrder::kInterleaved}, 3);
  std::set<std::size_t> first_half;
  for (std::size_t i = 0; i < rounds.size() / 2; ++i) {
    EXPECT_LT(rounds[i].pair, 2u);
    first_half.insert(rounds[i].cell);
  }
  EXPECT_EQ(first_half.size(), 3u);
}

TEST(SchedulePairs, OfNothingIsEmpty) {
  EXPECT_TRUE(schedule_pairs({.cells = 0}, 1).empty());
  EXPECT_TRUE(schedule_pairs({.cells = 2, .pairs = 0}, 1).empty());
}

}  // namespace
}  // namespace twinpool::bench
