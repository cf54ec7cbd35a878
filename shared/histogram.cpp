// SPDX-License-Identifier: Apache-2.0
#include "shared/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace twinpool {

void Histogram::add(const HistogramCells& cells) {
  for (std::size_t i = 0; i < kHistogramCells; ++i)
    cells_[i] += cells.cells[i].load(std::memory_order_relaxed);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kHistogramCells; ++i) cells_[i] += other.cells_[i];
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram difference;
  for (std::size_t i = 0; i < kHistogramCells; ++i) {
    difference.cells_[i] = cells_[i] - std::min(cells_[i], earlier.cells_[i]);
  }
  return difference;
}

std::uint64_t Histogram::count() const {
  return std::accumulate(cells_.begin(), cells_.end(), std::uint64_t{0});
}

std::uint64_t Histogram::percentile_ns(double fraction) const {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kHistogramCells; ++i) {
    seen += cells_[i];
    if (seen >= std::max<std::uint64_t>(rank, 1)) return histogram_cell_top(i);
  }
  return histogram_cell_top(kHistogramCells - 1);
}

}  // namespace twinpool
