// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "shared/histogram.h"
#include "shared/stats.h"

/// What each task function has cost (PoolStats::functions).
namespace twinpool::threads {

/// Functions that are counted one by one; all later ones share the last entry.
inline constexpr std::size_t kCountedFunctions = 64;

/// Takes: the function's place in the registry (Call::sequence).
[[nodiscard]] constexpr std::size_t function_entry(std::uint32_t sequence) {
  return std::min<std::size_t>(sequence, kCountedFunctions - 1);
}

/// One worker's counts. Written by that worker alone, read by anybody.
class FunctionCounts {
 public:
  /// `by`: 1, or UINT64_MAX to take one back.
  void count(std::uint32_t sequence, bool completed, std::uint64_t by) noexcept {
    Cell& cell = cells_[function_entry(sequence)];
    auto& counter = completed ? cell.completed : cell.failed;
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  /// Adds what is counted here to the entries.
  void add_to(std::array<FunctionStats, kCountedFunctions>& entries) const;

 private:
  struct Cell {
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> failed{0};
  };
  std::array<Cell, kCountedFunctions> cells_{};
};

/// The times of sampled tasks by function, for a whole pool.
///
/// Memory for a function's times is taken at its first sampled task; where there is none, they are not recorded.
/// Threads: `record` from any; the others one at a time.
class FunctionTimes {
 public:
  FunctionTimes() = default;
  ~FunctionTimes();
  FunctionTimes(const FunctionTimes&) = delete;
  FunctionTimes& operator=(const FunctionTimes&) = delete;

  void record(std::uint32_t sequence, std::uint64_t waited_ns, std::uint64_t ran_ns) noexcept;
  /// Adds the times since the last reset.
  void add_to(std::array<FunctionStats, kCountedFunctions>& entries) const;
  void reset();

 private:
  struct Cells {
    HistogramCells waiting;
    HistogramCells running;
  };
  struct Before {
    Histogram waiting;
    Histogram running;
  };
  std::array<std::atomic<Cells*>, kCountedFunctions> cells_{};
  std::array<std::unique_ptr<Before>, kCountedFunctions> before_;
};

/// The entries that have run, with their names, in the order of their registration.
[[nodiscard]] std::vector<FunctionStats> name_those_that_ran(
    std::array<FunctionStats, kCountedFunctions>&& entries);

}  // namespace twinpool::threads
