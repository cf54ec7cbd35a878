// SPDX-License-Identifier: Apache-2.0
#include "shared/strategy.h"

#include <array>
#include <utility>

namespace twinpool {
namespace {

constexpr std::array<std::pair<Strategy, std::string_view>, 8> kNames{{
    {Strategy::kSharedQueue, "shared-queue"},
    {Strategy::kRoundRobin, "round-robin"},
    {Strategy::kWeightedRoundRobin, "weighted-round-robin"},
    {Strategy::kInterleavedWeightedRoundRobin, "interleaved-weighted-round-robin"},
    {Strategy::kLeastUsed, "least-used"},
    {Strategy::kLeastBusy, "least-busy"},
    {Strategy::kFairShare, "fair-share"},
    {Strategy::kCustom, "custom"},
}};

}  // namespace

std::string_view name_of(Strategy strategy) {
  for (const auto& [value, name] : kNames) {
    if (value == strategy) return name;
  }
  return "unknown";
}

std::optional<Strategy> strategy_named(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

}  // namespace twinpool
