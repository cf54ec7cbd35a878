// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

/// How a task's worker is chosen.
namespace twinpool {

/// The rule of each is in its own file in shared/strategies/.
enum class Strategy : std::uint8_t {
  kSharedQueue,  ///< the default: no choice; all workers pull from one queue, so none is idle while a task
                 ///< waits
  kRoundRobin,
  kWeightedRoundRobin,
  kInterleavedWeightedRoundRobin,
  kLeastUsed,
  kLeastBusy,
  kFairShare,
  kCustom,  ///< DispatchOptions::choose
};
[[nodiscard]] std::string_view name_of(Strategy strategy);
/// Gives: nothing when no strategy has that name.
[[nodiscard]] std::optional<Strategy> strategy_named(std::string_view name);

/// What is known of one worker when a task is handed out.
struct WorkerLoad {
  std::uint64_t queued = 0;           ///< tasks in its own queue now
  bool busy = false;                  ///< runs a task now
  std::uint64_t chosen = 0;           ///< tasks handed to it so far, over its lifetime
  std::chrono::nanoseconds spent{0};  ///< running tasks so far; estimated from sampled ones
  int weight = 1;
};

/// A user's own rule. Takes one load a worker, at least one. Gives: the index of a worker. Called with one
/// submission at a time. Gives something outside the span, or throws: the task goes to the shared queue.
using ChooseWorker = std::function<int(std::span<const WorkerLoad>)>;

}  // namespace twinpool
