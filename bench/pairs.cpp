// SPDX-License-Identifier: Apache-2.0
#include "bench/pairs.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <numeric>

namespace twinpool::bench {
namespace {

// Boost's engine and distribution give the same numbers with every standard library, so a seed printed in a
// report lays out the same run everywhere.
using Engine = boost::random::mt19937_64;

std::size_t pick_below(std::size_t bound, Engine& engine) {
  return boost::random::uniform_int_distribution<std::size_t>(0, bound - 1)(engine);
}

void append_pair(std::vector<Round>& rounds, Round round, Side first) {
  round.side = first;
  rounds.push_back(round);
  round.side = first == Side::kA ? Side::kB : Side::kA;
  rounds.push_back(round);
}

/// Appends the pairs `pair` and `pair + 1`, the second in the opposite order, as far as there are that many.
void append_block(std::vector<Round>& rounds, Round round, std::size_t pairs, Engine& engine) {
  const Side first = pick_below(2, engine) == 0 ? Side::kA : Side::kB;
  append_pair(rounds, round, first);
  if (++round.pair < pairs) append_pair(rounds, round, first == Side::kA ? Side::kB : Side::kA);
}

void append_cell(std::vector<Round>& rounds, Phase phase, std::size_t cell, std::size_t pairs,
                 Engine& engine) {
  for (std::size_t pair = 0; pair < pairs; pair += 2)
    append_block(rounds, {phase, cell, pair, Side::kA}, pairs, engine);
}

void append_interleaved(std::vector<Round>& rounds, const PairPlan& plan, Engine& engine) {
  std::vector<std::size_t> cells(plan.cells);
  std::iota(cells.begin(), cells.end(), std::size_t{0});
  for (std::size_t pair = 0; pair < plan.pairs; pair += 2) {
    for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[pick_below(i, engine)]);
    for (const std::size_t cell : cells)
      append_block(rounds, {Phase::kMeasured, cell, pair, Side::kA}, plan.pairs, engine);
  }
}

}  // namespace

std::vector<Round> schedule_pairs(const PairPlan& plan, std::uint64_t seed) {
  Engine engine(seed);
  std::vector<Round> rounds;
  append_cell(rounds, Phase::kControlAtStart, plan.control_cell, plan.control_pairs, engine);
  if (plan.order == CellOrder::kInterleaved) {
    append_interleaved(rounds, plan, engine);
  } else {
    for (std::size_t cell = 0; cell < plan.cells; ++cell) {
      append_cell(rounds, Phase::kMeasured, cell, plan.pairs, engine);
    }
  }
  append_cell(rounds, Phase::kControlAtEnd, plan.control_cell, plan.control_pairs, engine);
  return rounds;
}

}  // namespace twinpool::bench
