// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>

#include "bench/formats/format.h"

// Source: HdrHistogram's outputPercentileDistribution() with 5 ticks for each halving of the distance to 100
// %. Values are in microseconds. Those of closed loops are exact samples and not counts of buckets, so the
// last line names no buckets.
namespace twinpool::bench {
namespace {

constexpr double kTicksPerHalfDistance = 5;

/// Latencies in nanoseconds, sorted upwards, with how often each occurred.
using Counts = std::vector<std::pair<std::int64_t, std::uint64_t>>;

double us_of(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }

std::string print_distribution(const Counts& counts) {
  std::uint64_t total = 0;
  double sum = 0;
  for (const auto& [ns, count] : counts) {
    total += count;
    sum += us_of(ns) * static_cast<double>(count);
  }
  const auto all = static_cast<double>(total);
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  double quantile = 0;
  std::uint64_t seen = 0;
  for (const auto& [ns, count] : counts) {
    seen += count;
    // Nearest rank, with the allowance of percentile() for shares that binary cannot hold.
    while (seen < total && quantile * all <= static_cast<double>(seen) + 1e-9 * all) {
      fmt::format_to(std::back_inserter(text), "{:12.3f} {:2.12f} {:10} {:14.2f}\n", us_of(ns), quantile,
                     seen, 1 / (1 - quantile));
      const double halvings = std::floor(std::log2(1 / (1 - quantile))) + 1;
      quantile += 1 / (kTicksPerHalfDistance * std::exp2(halvings));
    }
  }
  fmt::format_to(std::back_inserter(text), "{:12.3f} {:2.12f} {:10}\n", us_of(counts.back().first), 1.0,
                 total);
  const double middle = sum / all;
  double squares = 0;
  for (const auto& [ns, count] : counts)
    squares += (us_of(ns) - middle) * (us_of(ns) - middle) * static_cast<double>(count);
  fmt::format_to(std::back_inserter(text), "#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", middle,
                 std::sqrt(squares / all));
  fmt::format_to(std::back_inserter(text), "#[Max     = {:12.3f}, Total count    = {:12}]\n",
                 us_of(counts.back().first), total);
  return text + fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n", 0, 0);
}

}  // namespace

std::string write_hgrm(const Report& report) {
  std::map<std::int64_t, std::uint64_t> all;
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      for (const auto& [ns, count] : latency_counts(side)) all[ns] += count;
    }
  }
  return all.empty() ? "" : print_distribution({all.begin(), all.end()});
}

}  // namespace twinpool::bench
