// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shared/options.h"
#include "shared/strategies/interleaved_weighted_round_robin.h"
#include "shared/strategies/round_robin.h"
#include "shared/strategies/weighted_round_robin.h"

namespace twinpool {

/// Chooses the queue of each task by the pool's strategy and the task's key.
///
/// A task with a key goes to worker hash(key) mod workers, whatever the strategy: the same key to the same worker
/// in every run, as long as the number of workers stays. Others are chosen by the strategy's rule
/// (shared/strategies/).
/// Threads: one at a time (the pool's lock for submissions); `misdirected` from any.
class Dispatcher {
 public:
  /// Takes: validated options; the largest number of workers.
  Dispatcher(const DispatchOptions& options, int workers);

  /// Whether a choice is made at all without a key: false for the shared queue.
  [[nodiscard]] bool chooses() const { return options_.strategy != Strategy::kSharedQueue; }
  /// Takes: one load a worker that may be chosen, in worker order (a dynamic pool may have fewer than at most;
  /// `weight` and `chosen` are filled in here, `spent` is raised for a worker that came late). Gives: the index
  /// of the chosen worker; -1: the shared queue.
  [[nodiscard]] int choose(std::span<WorkerLoad> loads, std::optional<std::uint64_t> key);
  /// Tasks that DispatchOptions::choose has thrown at or named no worker for; they went to the shared queue.
  [[nodiscard]] std::uint64_t misdirected() const { return misdirected_.load(std::memory_order_relaxed); }

 private:
  /// Lets workers that were not among the last loads start from the least that any other has.
  void admit(std::span<const WorkerLoad> loads);
  [[nodiscard]] int by_strategy(std::span<const WorkerLoad> loads);
  [[nodiscard]] int by_user(std::span<const WorkerLoad> loads);

  const DispatchOptions options_;
  std::vector<std::uint64_t> chosen_;
  std::vector<std::chrono::nanoseconds> head_start_;  // added to what a late worker has spent
  std::size_t known_ = 0;                             // workers among the last loads
  strategies::RoundRobinTurn turn_;
  strategies::WeightedTurn weighted_turn_;
  strategies::InterleavedTurn interleaved_turn_;
  std::atomic<std::uint64_t> misdirected_{0};
};

/// The worker for a key: a stable hash, equal in every run and on every machine (SplitMix64's finalizer, Steele,
/// Lea and Flood 2014), modulo the number of workers, at least 1.
[[nodiscard]] std::size_t worker_for_key(std::uint64_t key, std::size_t workers);

}  // namespace twinpool
