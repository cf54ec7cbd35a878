// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/units.h"

namespace twinpool::bench {
namespace {

/// One figure of each trial's own latencies, so that trials can be told apart from each other.
template <double Percentiles::*Figure>
std::vector<double> latency_values(const BackendResult& side) {
  std::vector<double> all;
  for (const Sample& sample : side.samples) {
    if (const auto latency = latency_of(sample)) all.push_back((*latency).*Figure);
  }
  return all;
}

std::vector<double> p999_values(const BackendResult& side) {
  std::vector<double> all;
  for (const Sample& sample : side.samples) {
    const auto latency = latency_of(sample);
    if (latency && latency->p999) all.push_back(*latency->p999);
  }
  return all;
}

template <double (*Of)(const Sample&)>
std::vector<double> sample_values(const BackendResult& side) {
  return values(side, Of);
}

template <std::optional<MemoryUse> BackendResult::*Moment, std::uint64_t MemoryUse::*Kind>
std::optional<double> memory_value(const BackendResult& side) {
  const auto& use = side.*Moment;
  return use ? std::optional(static_cast<double>((*use).*Kind)) : std::nullopt;
}

template <std::uint64_t Sample::*Count>
std::optional<double> count_value(const BackendResult& side) {
  double sum = 0;
  for (const Sample& sample : side.samples) sum += static_cast<double>(sample.*Count);
  return sum;
}

double crashes_of(const CellResult& cell) { return static_cast<double>(cell.crashes.size()); }
double problems_of(const CellResult& cell) { return static_cast<double>(cell.problems.size()); }

using Kind = Measure::Kind;
constexpr std::array kMeasures{
    Measure{"ratio", Kind::kRatio, "", "throughput of processes over that of threads, pair by pair"},
    Measure{"throughput", Kind::kRate, "tasks/s", "tasks per second", sample_values<throughput_of>},
    Measure{"per-cpu", Kind::kRate, "tasks/s", "tasks per second of own CPU time",
            sample_values<per_cpu_second_of>},
    Measure{"start-up", Kind::kTime, "s", "until the first result", sample_values<start_up_of>},
    Measure{"p50", Kind::kTime, "s", "median latency of a trial", latency_values<&Percentiles::p50>},
    Measure{"p90", Kind::kTime, "s", "90th percentile of a trial's latencies",
            latency_values<&Percentiles::p90>},
    Measure{"p99", Kind::kTime, "s", "99th percentile of a trial's latencies",
            latency_values<&Percentiles::p99>},
    Measure{"p999", Kind::kTime, "s", "99.9th percentile of a trial's latencies; of trials of 10 000 tasks",
            p999_values},
    Measure{"pss", Kind::kMemory, "bytes", "PSS of the whole tree at its peak", nullptr,
            memory_value<&BackendResult::peak, &MemoryUse::pss_bytes>},
    Measure{"pss-rest", Kind::kMemory, "bytes", "PSS of the whole tree at rest", nullptr,
            memory_value<&BackendResult::rest, &MemoryUse::pss_bytes>},
    Measure{"uss", Kind::kMemory, "bytes", "USS of the whole tree at its peak", nullptr,
            memory_value<&BackendResult::peak, &MemoryUse::uss_bytes>},
    Measure{"lost", Kind::kCount, "tasks", "lost tasks", nullptr, count_value<&Sample::lost>},
    Measure{"failed", Kind::kCount, "tasks", "failed tasks", nullptr, count_value<&Sample::failed>},
    Measure{"wrong", Kind::kCount, "tasks", "wrong results", nullptr, count_value<&Sample::wrong>},
    Measure{"crashes", Kind::kEvents, "trials", "trials that crashed", nullptr, nullptr, crashes_of},
    Measure{"problems", Kind::kEvents, "", "wrong or missing results, and checksums that differ", nullptr,
            nullptr, problems_of},
};

}  // namespace

std::string Measure::print(double figure) const {
  switch (kind) {
    case Kind::kRatio:
      return fmt::format("{:.3f}x", figure);
    case Kind::kRate:
      return print_rate(figure);
    case Kind::kTime:
      return print_duration(figure);
    case Kind::kMemory:
      return print_size(figure);
    case Kind::kCount:
    case Kind::kEvents:
      break;
  }
  return fmt::format("{:.0f}", figure);
}

std::span<const Measure> measures() { return kMeasures; }

const Measure* find_measure(std::string_view name) {
  const auto* const found =
      std::find_if(kMeasures.begin(), kMeasures.end(), [&](const Measure& one) { return one.name == name; });
  return found == kMeasures.end() ? nullptr : found;
}

}  // namespace twinpool::bench
