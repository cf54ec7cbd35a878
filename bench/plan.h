// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/backend.h"
#include "bench/load.h"
#include "bench/statistics.h"
#include "bench/sweep.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {

/// What the user typed after `twinpool bench`, read but not yet judged.
struct BenchOptions {
  std::vector<std::string> workloads = {};   ///< empty: those of the suite
  std::string suite = {};                    ///< empty: default
  std::vector<std::string> parameters = {};  ///< each "NAME=VALUE"
  std::vector<std::string> load = {};        ///< libraries, loaded already
  std::string max_time = {};                 ///< empty: as long as it takes
  std::string backend = {};                  ///< empty: both
  std::vector<std::string> workers = {};     ///< each "N", "N,N" or "N..N"; empty: usable CPUs
  std::string tasks = {};                    ///< tasks of a round; empty: calibrated
  std::string duration = {};                 ///< length of a round; empty: kRoundLength or a bit more
  std::string window = {};
  std::string payload = {};
  std::string priority = {};  ///< of each task
  std::string strategy = {};  ///< empty: one shared queue
  std::string stealing = {};  ///< on or off; empty: on
  std::string trials = {};
  std::string seed = {};
  std::string input = {};
  std::string plant = {};                ///< BACKEND:P%, a slowdown on purpose
  std::string aa = {};                   ///< a backend to be run on both sides
  std::string interval = {};             ///< sign or bootstrap; empty: sign
  std::string precision = {};            ///< P%; empty: kDefaultPrecision, or with trials as many pairs
  std::string margin = {};               ///< P%; empty: kDefaultMargin
  std::vector<std::string> rates = {};   ///< each "R" or "R,R"; empty: a closed loop
  std::string ramp = {};                 ///< "R..R": a rate that rises during each round; empty: none
  std::string arrivals = {};             ///< fixed or poisson; empty: fixed
  std::string stall = {};                ///< empty: none
  std::string stall_every = {};          ///< empty: once, in the middle of a round
  std::string crash_every = {};          ///< empty: never
  std::vector<std::string> sweeps = {};  ///< each "NAME=FIRST..LAST"
};

/// Many short rounds rather than few long ones, and more of them where fresh processes differ more. See
/// STATISTICS.md.
inline constexpr int kDefaultTrials = 30;
inline constexpr double kDefaultPrecision = 0.02;
inline constexpr int kOpenLoopTrials = 10;  ///< whose rounds are ten times as long
inline constexpr int kMostTrials = 10'000;
inline constexpr std::uint64_t kDefaultWindow = 64;
inline constexpr std::uint64_t kMostTasks = 1'000'000'000;
inline constexpr std::uint64_t kDefaultSeed = 42;
inline constexpr std::chrono::milliseconds kRoundLength{20};
/// A round has at least so many tasks for each worker, if it does not take longer than kStretchedRound: with
/// fewer its ends, where workers wait, and the part of a task that does not fit are some per cent of it.
inline constexpr std::uint64_t kLeastTasksEach = 32;
inline constexpr std::chrono::milliseconds kStretchedRound{150};
inline constexpr std::chrono::seconds kLongestRound{600};

/// workload x parameters: what one line of the table is about.
struct Cell {
  const Workload* workload = nullptr;
  int workers = 1;
  std::uint64_t window = kDefaultWindow;
  std::uint64_t payload_bytes = 0;
  std::uint64_t max_shared_bytes = 0;
  std::optional<int> priority = {};            ///< of each task; none: submitted without a word
  std::vector<std::uint64_t> parameters = {};  ///< the workload's, in its order
  Strategy strategy = Strategy::kSharedQueue;
  bool stealing = true;  ///< means nothing while all workers share one queue
  /// Share of extra work of each backend (threads, processes) that the figures do not count: a slowdown on
  /// purpose.
  std::array<double, 2> planted{};
  /// An A/A test: the backend that runs on both sides, whatever they are called.
  std::optional<Backend> twice = {};
  std::optional<OpenLoad> open = {};  ///< none: a closed loop

  /// Whether tasks crash on purpose, and with them programs that do not survive it.
  [[nodiscard]] bool crashes() const { return open && open->crash_every.count() > 0; }
};

/// The window of a cell, unless told.
[[nodiscard]] constexpr std::uint64_t default_window(const std::optional<OpenLoad>& open) {
  return open ? kDefaultOpenWindow : kDefaultWindow;
}

/// What will be measured.
struct Plan {
  std::vector<Cell> cells;
  std::vector<Backend> backends;
  int trials = kDefaultTrials;  ///< of each backend in each cell: the number of pairs
  std::optional<std::uint64_t> tasks;
  std::chrono::nanoseconds round_length = kRoundLength;
  std::chrono::nanoseconds stretched_round = kStretchedRound;  ///< where the tasks are slow: kLeastTasksEach
  std::uint64_t seed = kDefaultSeed;
  std::string input;
  std::vector<std::string> load = {};  ///< libraries that each trial loads
  std::vector<Sweep> sweeps = {};      ///< which the cells are the values of
  /// For the whole run; the number of pairs of each cell then is what fits, `trials` at most.
  std::optional<double> max_time_s = {};
  Judging judging = {};
  /// The half-width of each ratio's interval, as a share, at which a cell has enough pairs; see precision.h.
  /// None: it has as many as there are trials.
  std::optional<double> precision = {};
  bool precision_asked = false;  ///< else it is the default: aimed at, and nothing is said when it is missed

  /// Pairs that one cell gets at most.
  [[nodiscard]] std::size_t most_pairs() const;
};

/// What of the machine decides whether a plan can be followed.
struct MachineRoom {
  int usable_cpus = 1;
  std::uint64_t available_bytes = 0;  ///< memory that may be used without swapping
};
/// Gives: the room of this machine now.
[[nodiscard]] MachineRoom read_machine_room();

/// Judges what was typed. Pure.
///
/// Errors: UsageError with the sentence for the user.
[[nodiscard]] Plan make_plan(const BenchOptions& options, const MachineRoom& room);

}  // namespace twinpool::bench
