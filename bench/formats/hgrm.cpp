// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "bench/formats/format.h"

// Source: HdrHistogram's outputPercentileDistribution() with 5 ticks for each halving of the distance to 100
// %. Values are in microseconds. They are exact samples and not counts of buckets, so the last line names no
// buckets.
namespace twinpool::bench {
namespace {

constexpr double kTicksPerHalfDistance = 5;

std::string print_distribution(const std::vector<double>& sorted) {
  const auto total = static_cast<double>(sorted.size());
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  for (double quantile = 0;;) {
    const double value = percentile(sorted, quantile);
    const auto count = std::upper_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
    if (count == static_cast<std::ptrdiff_t>(sorted.size())) break;
    fmt::format_to(std::back_inserter(text), "{:12.3f} {:2.12f} {:10} {:14.2f}\n", value, quantile, count,
                   1 / (1 - quantile));
    const double halvings = std::floor(std::log2(1 / (1 - quantile))) + 1;
    quantile += 1 / (kTicksPerHalfDistance * std::exp2(halvings));
  }
  fmt::format_to(std::back_inserter(text), "{:12.3f} {:2.12f} {:10}\n", sorted.back(), 1.0, sorted.size());
  const double middle = mean(sorted);
  double squares = 0;
  for (const double value : sorted) squares += (value - middle) * (value - middle);
  fmt::format_to(std::back_inserter(text), "#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", middle,
                 std::sqrt(squares / total));
  fmt::format_to(std::back_inserter(text), "#[Max     = {:12.3f}, Total count    = {:12}]\n", sorted.back(),
                 sorted.size());
  return text + fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", 0, 0);
}

}  // namespace

std::string write_hgrm(const Report& report) {
  std::vector<double> us;
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      for (const Sample& sample : side.samples) {
        for (const std::int64_t ns : sample.latency_ns) us.push_back(static_cast<double>(ns) * 1e-3);
      }
    }
  }
  if (us.empty()) return "";
  std::sort(us.begin(), us.end());
  return print_distribution(us);
}

}  // namespace twinpool::bench
