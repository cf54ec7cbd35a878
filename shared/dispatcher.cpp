// SPDX-License-Identifier: Apache-2.0
#include "shared/dispatcher.h"

#include <algorithm>

#include "shared/strategies/fair_share.h"
#include "shared/strategies/least_busy.h"
#include "shared/strategies/least_used.h"

namespace twinpool {

std::size_t worker_for_key(std::uint64_t key, std::size_t workers) {
  std::uint64_t mixed = key + 0x9e37'79b9'7f4a'7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58'476d'1ce4'e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d0'49bb'1331'11eb;
  mixed ^= mixed >> 31;
  return static_cast<std::size_t>(mixed % workers);
}

Dispatcher::Dispatcher(const DispatchOptions& options, int workers)
    : options_(options),
      chosen_(static_cast<std::size_t>(workers), 0),
      head_start_(static_cast<std::size_t>(workers), std::chrono::nanoseconds{0}) {}

int Dispatcher::choose(std::span<WorkerLoad> loads, std::optional<std::uint64_t> key) {
  loads = loads.first(std::min(loads.size(), chosen_.size()));
  if (loads.empty()) return -1;
  admit(loads);
  if (key) {
    const auto index = worker_for_key(*key, loads.size());
    ++chosen_[index];
    return static_cast<int>(index);
  }
  for (std::size_t i = 0; i < loads.size(); ++i) {
    loads[i].chosen = chosen_[i];
    loads[i].spent += head_start_[i];
    loads[i].weight = i < options_.weights.size() ? options_.weights[i] : 1;
  }
  const int index = by_strategy(loads);
  if (index >= 0) ++chosen_[static_cast<std::size_t>(index)];
  return index;
}

void Dispatcher::admit(std::span<const WorkerLoad> loads) {
  if (known_ != 0 && loads.size() > known_) {
    std::uint64_t least_chosen = chosen_[0];
    auto least_spent = loads[0].spent + head_start_[0];
    for (std::size_t i = 1; i < known_; ++i) {
      least_chosen = std::min(least_chosen, chosen_[i]);
      least_spent = std::min(least_spent, loads[i].spent + head_start_[i]);
    }
    for (std::size_t i = known_; i < loads.size(); ++i) {
      chosen_[i] = std::max(chosen_[i], least_chosen);
      head_start_[i] = std::max(head_start_[i], least_spent - loads[i].spent);
    }
  }
  known_ = loads.size();
}

int Dispatcher::by_strategy(std::span<const WorkerLoad> loads) {
  switch (options_.strategy) {
    case Strategy::kSharedQueue:
      return -1;
    case Strategy::kRoundRobin:
      return static_cast<int>(strategies::round_robin(turn_, loads));
    case Strategy::kWeightedRoundRobin:
      return static_cast<int>(strategies::weighted_round_robin(weighted_turn_, loads));
    case Strategy::kInterleavedWeightedRoundRobin:
      return static_cast<int>(strategies::interleaved_weighted_round_robin(interleaved_turn_, loads));
    case Strategy::kLeastUsed:
      return static_cast<int>(strategies::least_used(loads));
    case Strategy::kLeastBusy:
      return static_cast<int>(strategies::least_busy(loads));
    case Strategy::kFairShare:
      return static_cast<int>(strategies::fair_share(loads));
    case Strategy::kCustom:
      return by_user(loads);
  }
  return -1;
}

int Dispatcher::by_user(std::span<const WorkerLoad> loads) {
  try {
    const int index = options_.choose(loads);
    if (index >= 0 && static_cast<std::size_t>(index) < loads.size()) return index;
  } catch (...) {
    // Counted like an answer that names nobody: the task must not suffer from how its queue is chosen.
  }
  misdirected_.store(misdirected_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return -1;
}

}  // namespace twinpool
