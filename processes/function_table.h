// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "processes/segment.h"
#include "shared/function_counts.h"

namespace twinpool::processes {

/// What each function has cost (PoolStats::functions): the owner's view of what the workers count in the segment.
///
/// Threads: all members from any thread.
class FunctionTable {
 public:
  explicit FunctionTable(const Segment& segment) : segment_(segment) {}

  /// Takes memory for a function's times, at its first sampled task. Where there is none they are not recorded.
  void prepare(std::uint32_t sequence) {
    const std::uint64_t bit = std::uint64_t{1} << function_entry(sequence);
    if ((prepared_.load(std::memory_order_relaxed) & bit) == 0) reserve(sequence, bit);
  }
  /// A task that its submitter has run itself.
  void count_in_caller(std::uint32_t sequence, bool completed);

  [[nodiscard]] std::vector<FunctionStats> stats() const;
  /// Starts the times anew.
  void reset();

 private:
  struct Before {
    Histogram waiting;
    Histogram running;
  };
  void reserve(std::uint32_t sequence, std::uint64_t bit);

  const Segment& segment_;
  std::atomic<std::uint64_t> prepared_{0};  // tried; those with memory stand in ready_
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::uint64_t ready_ = 0;
  FunctionCounts by_callers_;
  std::array<std::unique_ptr<Before>, kCountedFunctions> before_;
};

}  // namespace twinpool::processes
