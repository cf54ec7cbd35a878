// SPDX-License-Identifier: Apache-2.0
#include "bench/shift.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/statistics.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kMostForExact = 20;  // C(40, 20) and all on the way to it are whole numbers below 2^53

/// How many of the C(m + n, m) rank orders give U = 0, 1, ..., m n: the coefficients of
/// prod_{i=1..m} (1 - q^(n+i)) / (1 - q^i).
std::vector<double> count_rank_orders(std::size_t m, std::size_t n) {
  std::vector<double> counts(m * n + 1, 0);
  counts[0] = 1;
  for (std::size_t i = 1; i <= m; ++i) {
    for (std::size_t u = counts.size(); u-- > n + i;) counts[u] -= counts[u - n - i];
    for (std::size_t u = i; u < counts.size(); ++u) counts[u] += counts[u - i];
  }
  return counts;
}

/// The largest k with P(U < k) <= tail, and that probability; k = 0: there is none.
struct Rank {
  std::size_t k = 0;
  double below = 0;
};

Rank exact_rank(std::size_t m, std::size_t n, double tail) {
  const auto counts = count_rank_orders(m, n);
  double all = 0;
  for (const double count : counts) all += count;
  Rank rank;
  double sum = 0;
  while (rank.k < counts.size() && (sum + counts[rank.k]) / all <= tail) {
    sum += counts[rank.k++];
    rank.below = sum / all;
  }
  return rank;
}

Rank normal_rank(std::size_t m, std::size_t n, double tail) {
  // The quantile by bisection of erfc: one use does not merit a library.
  double low = 0, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double z = (low + high) / 2;
    (std::erfc(z / std::sqrt(2.0)) / 2 > tail ? low : high) = z;
  }
  const auto product = static_cast<double>(m) * static_cast<double>(n);
  const double k = product / 2 - high * std::sqrt(product * static_cast<double>(m + n + 1) / 12);
  return k < 1 ? Rank{} : Rank{static_cast<std::size_t>(k), tail};
}

}  // namespace

std::optional<Shift> estimate_shift(std::span<const double> base, std::span<const double> next,
                                    double confidence) {
  if (base.empty() || next.empty()) return std::nullopt;
  std::vector<double> differences;
  differences.reserve(base.size() * next.size());
  for (const double before : base) {
    for (const double after : next) differences.push_back(after - before);
  }
  std::sort(differences.begin(), differences.end());
  Shift shift{.estimate = median(differences), .n_base = base.size(), .n_next = next.size()};
  shift.low = shift.high = shift.estimate;
  const double tail = (1 - confidence) / 2;
  const bool exact = std::max(base.size(), next.size()) <= kMostForExact;
  const Rank rank =
      exact ? exact_rank(base.size(), next.size(), tail) : normal_rank(base.size(), next.size(), tail);
  if (rank.k == 0) return shift;
  shift.low = differences[rank.k - 1];
  shift.high = differences[differences.size() - rank.k];
  shift.coverage = 1 - 2 * rank.below;
  return shift;
}

}  // namespace twinpool::bench
