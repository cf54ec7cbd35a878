// SPDX-License-Identifier: Apache-2.0
#include "shared/dispatcher.h"

namespace twinpool {

Dispatcher::Dispatcher(const DispatchOptions& options, int workers)
    : options_(options), chosen_(static_cast<std::size_t>(workers), 0) {}

int Dispatcher::choose(std::span<WorkerLoad> loads, std::optional<std::uint64_t> key) {
  if (loads.empty()) return -1;
  for (std::size_t i = 0; i < loads.size(); ++i) loads[i].chosen = chosen_[i];
  const auto index = static_cast<std::size_t>(key.value_or(turn_++) % loads.size());
  ++chosen_[index];
  return static_cast<int>(index);
}

}  // namespace twinpool
