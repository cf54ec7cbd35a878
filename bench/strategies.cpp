// SPDX-License-Identifier: Apache-2.0
#include "bench/strategies.h"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <utility>

#include "bench/cli.h"
#include "bench/nearest_name.h"

namespace twinpool::bench {
namespace {

constexpr std::array<std::pair<Strategy, std::string_view>, 7> kSentences{{
    {Strategy::kSharedQueue, "whoever is free: all workers take from one queue (the default)"},
    {Strategy::kRoundRobin, "each worker in turn"},
    {Strategy::kWeightedRoundRobin, "each worker in turn, as many tasks at once as it weighs (1, 2, 3, ...)"},
    {Strategy::kInterleavedWeightedRoundRobin,
     "the same shares, one task at a time, so that none gets a run of them"},
    {Strategy::kLeastUsed, "the worker that was handed the fewest tasks so far"},
    {Strategy::kLeastBusy, "the worker with the fewest tasks now, waiting or running"},
    {Strategy::kFairShare, "the worker whose running time will be the least"},
}};

}  // namespace

std::vector<Strategy> listed_strategies() {
  std::vector<Strategy> all;
  for (const auto& [strategy, sentence] : kSentences) all.push_back(strategy);
  return all;
}

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const auto& [strategy, sentence] : kSentences) names.emplace_back(name_of(strategy));
  return names;
}

std::string_view sentence_of(Strategy strategy) {
  for (const auto& [known, sentence] : kSentences) {
    if (known == strategy) return sentence;
  }
  return "a function of the program's own";
}

Strategy read_strategy(const std::string& name) {
  const auto strategy = strategy_named(name);
  if (!strategy) {
    throw UsageError(fmt::format("unknown strategy '{}'{}", name, suggest_name(name, strategy_names())));
  }
  if (*strategy == Strategy::kCustom) {
    throw UsageError(
        "--strategy custom is a function that a program gives its pool; see `twinpool list strategies`");
  }
  return *strategy;
}

DispatchOptions dispatch_by(Strategy strategy, bool stealing, int workers) {
  DispatchOptions dispatch{.strategy = strategy, .stealing = stealing};
  if (strategy == Strategy::kWeightedRoundRobin || strategy == Strategy::kInterleavedWeightedRoundRobin) {
    dispatch.weights.resize(static_cast<std::size_t>(workers));
    std::iota(dispatch.weights.begin(), dispatch.weights.end(), 1);
  }
  return dispatch;
}

}  // namespace twinpool::bench
