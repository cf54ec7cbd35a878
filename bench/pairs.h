// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace twinpool::bench {

/// The two sides that a pair compares; which backend each is, the caller decides.
enum class Side { kA, kB };

/// What a round is for. In the two control phases both sides are to be run with the *same* backend: their
/// ratio shows the noise floor of this run (an A/A test).
enum class Phase { kControlAtStart, kMeasured, kControlAtEnd };

/// One round: a fresh-process measurement of one side.
struct Round {
  Phase phase = Phase::kMeasured;
  std::size_t cell = 0;  ///< index into the caller's cells
  std::size_t pair = 0;  ///< rounds of the same phase, cell and pair belong together
  Side side = Side::kA;

  bool operator==(const Round&) const = default;
};

/// Whether all blocks of a cell come one after the other (a cell's result is complete early), or each block
/// visits all cells in a new random order (slow drift of the machine spreads evenly over the cells; an
/// interrupted run has some of each).
enum class CellOrder { kOneAfterTheOther, kInterleaved };

struct PairPlan {
  std::size_t cells = 1;
  std::size_t pairs = 10;  ///< for each cell
  std::size_t control_cell = 0;
  std::size_t control_pairs = 0;  ///< at the start, and again at the end
  CellOrder order = CellOrder::kOneAfterTheOther;
};

/// Lays out all rounds of a run. Pure: a plan and a seed give one schedule.
///
/// Two pairs are a block, ABBA or BAAB by a coin, so that a steady drift of the machine cancels within the
/// block and no periodic disturbance can stay in step with one side. An odd last pair is AB or BA by the same
/// coin.
///
/// Gives:  the rounds in the order to run them; the two rounds of a pair are always neighbours.
/// Source: counterbalanced interleaving as in nanobench and Google Benchmark's random interleaving; Laaber et
/// al. 2019,
///         "Software Microbenchmarking in the Cloud".
std::vector<Round> schedule_pairs(const PairPlan& plan, std::uint64_t seed);

}  // namespace twinpool::bench
