// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace twinpool::bench {

/// How far one sample of independent measurements lies above another.
struct Shift {
  double estimate = 0;  ///< the median of all differences next - base (Hodges and Lehmann)
  double low = 0;       ///< equal to `high` and to the estimate where there is no interval
  double high = 0;
  double coverage = 0;  ///< 0: too few samples for an interval
  std::size_t n_base = 0;
  std::size_t n_next = 0;

  [[nodiscard]] bool has_interval() const { return coverage > 0; }
};

/// The interval holds exactly the shifts that the two-sided Mann-Whitney test does not reject. For two
/// *runs*, whose trials are not paired; within a run the pairs say more (statistics.h). On logarithms it is a
/// ratio.
///
/// Takes:  finite samples.
/// Gives:  nothing when a sample is empty; the interval is exact up to 20 samples a side, by the normal
///         approximation above. 4 samples a side are the fewest for 95 %.
/// Source: Hodges & Lehmann 1963, "Estimates of Location Based on Rank Tests"; Lehmann 1975,
/// "Nonparametrics", 2.6;
///         the number of rank orders: Mann & Whitney 1947 (a Gaussian binomial coefficient).
[[nodiscard]] std::optional<Shift> estimate_shift(std::span<const double> base, std::span<const double> next,
                                                  double confidence = 0.95);

}  // namespace twinpool::bench
