// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/peer.h"

namespace twinpool::bench::peers {

/// One thing that contestants are measured in.
struct Discipline {
  std::string name = {};
  /// What `run` gives, in this order; nanoseconds of each task, or call, or round.
  std::vector<std::string> figures = {};
  bool payload = false;     ///< belongs to the table of payloads
  std::size_t fewest = 1;   ///< tasks in a measurement; calibration begins there
  std::size_t most = SIZE_MAX;
  std::function<bool(const Peer& peer, std::size_t size)> can = {};  ///< whether it can take part
  std::size_t size = 0;     ///< window, bytes or n
  /// Gives: the seconds that `tasks` took, and the figures.
  std::function<std::pair<double, std::vector<double>>(const Peer& peer, std::size_t tasks)> run = {};

  [[nodiscard]] bool open_to(const Peer& peer) const { return can(peer, size); }
};

/// All of `scripts/peers`. Takes: `fib`, the n of the fork-join discipline.
[[nodiscard]] std::vector<Discipline> disciplines(int fib);

struct ContestOptions {
  int rounds = 15;
  double case_s = 0.05;  ///< about how long each measurement takes
  std::uint64_t seed = 1;
};

/// By figure, then by contestant: one number a round. The same place in two lists comes from the same round.
using Figures = std::map<std::string, std::map<std::string, std::vector<double>>>;

/// Measures every contestant once a round in every discipline that is open to it, in an order shuffled anew for
/// each round, so that whatever slows the machine down for a while meets all of them alike.
///
/// Takes:  `progress`, called with the rounds done (-1: calibrating).
/// Errors: std::runtime_error when a result was wrong, with the contestant's and the discipline's name.
[[nodiscard]] Figures hold_contest(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                                   const ContestOptions& options, const std::function<void(int)>& progress);

}  // namespace twinpool::bench::peers
