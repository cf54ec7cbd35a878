// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shared/options.h"

namespace twinpool {

/// Chooses the queue of each task by the pool's strategy and the task's key.
///
/// Threads: one at a time (the pool's lock for submissions).
class Dispatcher {
 public:
  /// Takes: validated options; the largest number of workers.
  Dispatcher(const DispatchOptions& options, int workers);

  /// Whether a choice is made at all without a key: false for the shared queue.
  [[nodiscard]] bool chooses() const { return options_.strategy != Strategy::kSharedQueue; }
  /// Takes: one load a worker that may be chosen, in worker order (a dynamic pool may have fewer than at most;
  /// `weight` and `chosen` are filled in here). Gives: the index of the chosen worker; -1: the shared queue.
  [[nodiscard]] int choose(std::span<WorkerLoad> loads, std::optional<std::uint64_t> key);

 private:
  const DispatchOptions options_;
  std::vector<std::uint64_t> chosen_;
  std::uint64_t turn_ = 0;
};

}  // namespace twinpool
