// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

/// What every driver of contestants does in the same way.
namespace twinpool::bench {

/// Sends the numbers from `first` with at most `ring.size()` unsettled, takes the oldest result first.
/// Gives: the sum of what came back.
template <typename Submit, typename Ring>
std::uint64_t keep_in_flight(const Submit& submit, std::uint64_t first, std::size_t tasks, Ring& ring) {
  const std::size_t filling = std::min(tasks, ring.size());
  std::uint64_t sum = 0;
  std::size_t oldest = 0;
  const auto step = [&ring, &oldest] { oldest = oldest + 1 == ring.size() ? 0 : oldest + 1; };
  for (std::size_t i = 0; i < filling; ++i) ring[i] = submit(first + i);
  for (std::size_t i = filling; i < tasks; ++i, step()) {
    sum += ring[oldest].get();
    ring[oldest] = submit(first + i);
  }
  // Exactly the filled part is left; when the ring was never full, the oldest is its first.
  for (std::size_t i = 0; i < filling; ++i, step()) sum += ring[oldest].get();
  return sum;
}

/// The sum of `count` numbers from `first`.
inline std::uint64_t sum_of(std::uint64_t first, std::uint64_t count) {
  return count == 0 ? 0 : count * first + count * (count - 1) / 2;
}

/// The nearest-rank percentile of at least one sample. Reorders them.
inline double percentile_of(std::span<std::uint32_t> samples, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(samples.size())));
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

}  // namespace twinpool::bench
