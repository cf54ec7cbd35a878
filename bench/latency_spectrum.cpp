// SPDX-License-Identifier: Apache-2.0
#include "bench/latency_spectrum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace twinpool::bench {
namespace {

constexpr unsigned kSubBits = 7;
constexpr unsigned kMostBits = 46;
constexpr std::size_t kBuckets = (kMostBits - kSubBits + 1) << kSubBits;
constexpr std::int64_t kMostNs = (std::int64_t{1} << kMostBits) - 1;

std::size_t bucket_of(std::int64_t ns) {
  const auto value = static_cast<std::uint64_t>(ns);
  const auto bits = static_cast<unsigned>(std::bit_width(value));
  if (bits <= kSubBits + 1) return value;
  const unsigned shift = bits - kSubBits - 1;
  return (std::size_t{shift} << kSubBits) + (value >> shift);
}

std::int64_t top_of(std::size_t bucket) {
  if (bucket < (std::size_t{2} << kSubBits)) return static_cast<std::int64_t>(bucket);
  const std::size_t shift = (bucket >> kSubBits) - 1;
  return static_cast<std::int64_t>(((bucket - (shift << kSubBits) + 1) << shift) - 1);
}

}  // namespace

void LatencySpectrum::add(std::int64_t ns, std::uint64_t count) {
  if (count == 0) return;
  if (counts_.empty()) counts_.resize(kBuckets);
  const std::int64_t value = std::clamp<std::int64_t>(ns, 0, kMostNs);
  counts_[bucket_of(value)] += count;
  max_ns_ = std::max(max_ns_, value);
  count_ += count;
}

void LatencySpectrum::merge(const LatencySpectrum& other) {
  if (other.count_ == 0) return;
  if (counts_.empty()) counts_.resize(kBuckets);
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  max_ns_ = std::max(max_ns_, other.max_ns_);
  count_ += other.count_;
}

std::int64_t LatencySpectrum::percentile_ns(double q) const {
  const double exact = q * static_cast<double>(count_);
  // 0.07 * 100 is 7.000000000000001 in binary; without the allowance the rank would be one too high.
  const double rank = std::max(1.0, std::ceil(exact - 1e-9 * std::max(exact, 1.0)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (static_cast<double>(seen) >= rank) return std::min(top_of(i), max_ns_);
  }
  return max_ns_;
}

std::vector<std::pair<std::int64_t, std::uint64_t>> LatencySpectrum::buckets() const {
  std::vector<std::pair<std::int64_t, std::uint64_t>> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) filled.emplace_back(std::min(top_of(i), max_ns_), counts_[i]);
  }
  return filled;
}

Percentiles percentiles(const LatencySpectrum& spectrum) {
  const auto seconds = [&](double q) { return static_cast<double>(spectrum.percentile_ns(q)) * 1e-9; };
  Percentiles figures{.p50 = seconds(0.5),
                      .p90 = seconds(0.9),
                      .p99 = seconds(0.99),
                      .max = seconds(1),
                      .n = spectrum.count()};
  if (figures.n >= kFewestForP999) figures.p999 = seconds(0.999);
  return figures;
}

void to_json(nlohmann::json& json, const LatencySpectrum& spectrum) {
  auto ns = nlohmann::json::array(), counts = nlohmann::json::array();
  for (const auto& [top_ns, count] : spectrum.buckets()) {
    ns.push_back(top_ns);
    counts.push_back(count);
  }
  json = {{"ns", ns}, {"counts", counts}};
}

void from_json(const nlohmann::json& json, LatencySpectrum& spectrum) {
  const auto ns = json.at("ns").get<std::vector<std::int64_t>>();
  const auto counts = json.at("counts").get<std::vector<std::uint64_t>>();
  if (ns.size() != counts.size()) throw std::invalid_argument("has not as many \"counts\" as \"ns\"");
  if (!std::is_sorted(ns.begin(), ns.end()) || (!ns.empty() && (ns.front() < 0 || ns.back() > kMostNs)))
    throw std::invalid_argument("has \"ns\" that are no latencies, sorted upwards");
  spectrum = {};
  for (std::size_t i = 0; i < ns.size(); ++i) spectrum.add(ns[i], counts[i]);
}

}  // namespace twinpool::bench
