// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <utility>
#include <vector>

#include "bench/statistics.h"

namespace twinpool::bench {

/// Any number of latencies in bounded memory: log-linear buckets, 128 to a power of two, so a value is known
/// to 0.8 %, and the largest exactly. The pool's own Histogram has 32, too few to tell twins apart.
///
/// Source: Tene, HdrHistogram.
class LatencySpectrum {
 public:
  /// Takes: nanoseconds; below 0 counts as 0, above 2^46 (19 hours) as that.
  void record(std::int64_t ns) { add(ns, 1); }
  void add(std::int64_t ns, std::uint64_t count);
  void merge(const LatencySpectrum& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::int64_t max_ns() const { return max_ns_; }
  /// The upper end of the bucket of the value of nearest rank, or the largest value where that is below it.
  /// Takes: 0 <= q <= 1. Requires: count() > 0.
  [[nodiscard]] std::int64_t percentile_ns(double q) const;
  /// Upper ends of the buckets that counted something, upwards, with their counts.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> buckets() const;

 private:
  std::vector<std::uint64_t> counts_;  // empty until the first value
  std::uint64_t count_ = 0;
  std::int64_t max_ns_ = 0;
};

/// In seconds. Requires: not empty.
[[nodiscard]] Percentiles percentiles(const LatencySpectrum& spectrum);

void to_json(nlohmann::json& json, const LatencySpectrum& spectrum);
/// Errors: std::invalid_argument with half a sentence ("has ...") when it is no spectrum; nlohmann's
/// exceptions.
void from_json(const nlohmann::json& json, LatencySpectrum& spectrum);

}  // namespace twinpool::bench
