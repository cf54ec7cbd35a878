// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

/// Durations in bounded memory: log-linear buckets as in HdrHistogram, 32 to a power of two, so a value is
/// known to 3 %.
namespace twinpool {

inline constexpr unsigned kHistogramSubBits = 5;
inline constexpr unsigned kHistogramMaxBits = 46;  // about 19 hours in nanoseconds
inline constexpr std::size_t kHistogramCells =
    ((kHistogramMaxBits - kHistogramSubBits + 1) << kHistogramSubBits);

/// The cell that counts `value`; values above the range count in the last one.
[[nodiscard]] constexpr std::size_t histogram_cell(std::uint64_t value) {
  const unsigned bits = static_cast<unsigned>(std::bit_width(value));
  if (bits <= kHistogramSubBits + 1) return static_cast<std::size_t>(value);
  if (bits > kHistogramMaxBits) return kHistogramCells - 1;
  const unsigned shift = bits - kHistogramSubBits - 1;
  return (std::size_t{shift} << kHistogramSubBits) + static_cast<std::size_t>(value >> shift);
}

/// The largest value that `cell` counts.
[[nodiscard]] constexpr std::uint64_t histogram_cell_top(std::size_t cell) {
  if (cell < (std::size_t{2} << kHistogramSubBits)) return cell;
  const auto shift = static_cast<unsigned>(cell >> kHistogramSubBits) - 1;
  const std::uint64_t mantissa = cell - (std::size_t{shift} << kHistogramSubBits);
  return ((mantissa + 1) << shift) - 1;
}

/// Counts of one writer, readable by anybody, also from another process.
///
/// Threads: `record` from one thread; reading from any, relaxed: a reader may miss the newest values.
struct HistogramCells {
  std::array<std::atomic<std::uint32_t>, kHistogramCells> cells{};

  void record(std::uint64_t value) noexcept {
    auto& cell = cells[histogram_cell(value)];
    cell.store(cell.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

/// A distribution of durations in nanoseconds: a copy to read, merge and subtract.
class Histogram {
 public:
  /// Adds what a writer has counted so far.
  void add(const HistogramCells& cells);
  void record(std::uint64_t value_ns) { ++cells_[histogram_cell(value_ns)]; }
  void merge(const Histogram& other);
  /// What was counted since `earlier`, an older copy of the same counts.
  [[nodiscard]] Histogram since(const Histogram& earlier) const;

  [[nodiscard]] std::uint64_t count() const;
  /// The upper end of the cell that holds the value of nearest rank; 0 when nothing was counted.
  ///
  /// Takes: a fraction from 0 to 1 (0.99 for p99).
  [[nodiscard]] std::uint64_t percentile_ns(double fraction) const;
  [[nodiscard]] std::uint64_t max_ns() const { return percentile_ns(1.0); }

 private:
  std::array<std::uint64_t, kHistogramCells> cells_{};
};

}  // namespace twinpool
