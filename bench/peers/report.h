// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bench/peers/contest.h"
#include "bench/peers/peer.h"

namespace twinpool::bench::peers {

/// Medians over the rounds as tables of text, one line a contestant, with half the distance of the quartiles.
[[nodiscard]] std::string describe(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                                   const Figures& figures);
/// The same as GitHub Markdown, without the spread.
[[nodiscard]] std::string markdown(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                                   const Figures& figures);
/// Every number of every round.
[[nodiscard]] std::string json(const std::vector<Peer>& peers, const Figures& figures,
                               const ContestOptions& options, int workers);
/// Lines of tab-separated text for a plotting program: contestant, then the median of each figure of the pools;
/// "NaN" where it took no part.
[[nodiscard]] std::string plot_data(const std::vector<Peer>& peers,
                                    const std::vector<Discipline>& disciplines, const Figures& figures);

/// What the twins are to reach beside their peers, and what they reached: one line each, "met" or "missed".
[[nodiscard]] std::string describe_goals(const std::vector<Peer>& peers, const Figures& figures);

}  // namespace twinpool::bench::peers
