// SPDX-License-Identifier: Apache-2.0
#include "bench/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "bench/noise.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

/// With more than this share of the CPUs taken by others, a cell that got too little CPU says more about the
/// others.
constexpr double kMostForeign = 0.05;

bool has_open_loop(const BackendResult& side) {
  return std::any_of(side.samples.begin(), side.samples.end(),
                     [](const Sample& sample) { return sample.open.has_value(); });
}

std::optional<Percentiles> spectrum_percentiles(const LatencySpectrum& spectrum) {
  return spectrum.count() == 0 ? std::nullopt : std::optional(percentiles(spectrum));
}

/// Takes: which spectrum of a sample; null: it has none.
template <typename Of>
std::optional<Percentiles> merged_percentiles(const BackendResult& side, Of of) {
  LatencySpectrum all;
  for (const Sample& sample : side.samples) {
    const LatencySpectrum* const one = sample.open ? of(*sample.open) : nullptr;
    if (one != nullptr) all.merge(*one);
  }
  return spectrum_percentiles(all);
}

/// What a cell is judged by, so that more is better: the inverse of a time.
double judged_of_open(const Sample& sample) {
  const double p99_s = p99_of(sample);
  return p99_s > 0 ? 1 / p99_s : 0;
}

/// A backend that cannot keep up shows in its throughput; otherwise both deliver what is offered.
Quantity judged_quantity(const CellResult& cell) {
  const bool all_keep_up = std::all_of(cell.sides.begin(), cell.sides.end(), keeps_up);
  return cell.cell.open && all_keep_up ? judged_of_open : throughput_of;
}

/// Whether others took CPUs that the cell needed.
bool is_disturbed(const CellResult& cell, int usable_cpus) {
  return std::any_of(cell.sides.begin(), cell.sides.end(), [&](const BackendResult& side) {
    const bool wants_all = !cell.cell.open || !keeps_up(side);  // an open loop leaves CPUs idle on purpose
    const auto share = effective_parallelism(cell, side, usable_cpus);
    return wants_all && share && *share < kLeastParallelism && cell.foreign_cpu > kMostForeign;
  });
}

}  // namespace

const BackendResult* CellResult::side(Backend backend) const {
  for (const BackendResult& candidate : sides) {
    if (candidate.backend == backend) return &candidate;
  }
  return nullptr;
}

double throughput_of(const Sample& sample) { return sample.throughput_tasks_per_s; }
double per_cpu_second_of(const Sample& sample) {
  return sample.cpu_s() > 0 ? static_cast<double>(sample.tasks) / sample.cpu_s() : 0;
}
double start_up_of(const Sample& sample) { return sample.start_up_s; }

double p50_of(const Sample& sample) {
  const auto latency = latency_of(sample);
  return latency ? latency->p50 : 0;
}
double p99_of(const Sample& sample) {
  const auto latency = latency_of(sample);
  return latency ? latency->p99 : 0;
}
double late_p99_of(const Sample& sample) { return sample.open ? sample.open->late_p99_s : 0; }

std::vector<double> values(const BackendResult& side, Quantity quantity) {
  std::vector<double> all;
  for (const Sample& sample : side.samples) all.push_back(quantity(sample));
  return all;
}

std::optional<double> median_of(const BackendResult& side, Quantity quantity) {
  if (side.samples.empty()) return std::nullopt;
  return median(values(side, quantity));
}

std::optional<double> spread_of(const BackendResult& side, Quantity quantity) {
  auto all = values(side, quantity);
  if (all.size() < 4) return std::nullopt;
  std::sort(all.begin(), all.end());
  const double middle = median(all);
  return middle > 0 ? std::optional((percentile(all, 0.75) - percentile(all, 0.25)) / 2 / middle)
                    : std::nullopt;
}

std::optional<Percentiles> latency_of(const Sample& sample) {
  if (sample.open) return spectrum_percentiles(sample.open->latency);
  std::vector<double> seconds;
  for (const std::int64_t ns : sample.latency_ns) seconds.push_back(static_cast<double>(ns) / 1e9);
  if (seconds.empty()) return std::nullopt;
  return percentiles(std::move(seconds));
}

std::optional<Percentiles> latency_of(const BackendResult& side) {
  if (has_open_loop(side)) {
    return merged_percentiles(side, [](const OpenSample& open) { return &open.latency; });
  }
  std::vector<double> seconds;
  for (const Sample& sample : side.samples) {
    for (const std::int64_t ns : sample.latency_ns) seconds.push_back(static_cast<double>(ns) * 1e-9);
  }
  if (seconds.empty()) return std::nullopt;
  return percentiles(std::move(seconds));
}

std::vector<std::pair<std::int64_t, std::uint64_t>> latency_counts(const BackendResult& side) {
  std::map<std::int64_t, std::uint64_t> counts;
  for (const Sample& sample : side.samples) {
    for (const std::int64_t ns : sample.latency_ns) ++counts[ns];
    if (!sample.open) continue;
    for (const auto& [ns, count] : sample.open->latency.buckets()) counts[ns] += count;
  }
  return {counts.begin(), counts.end()};
}

std::optional<Percentiles> service_of(const BackendResult& side) {
  return merged_percentiles(side, [](const OpenSample& open) { return &open.service; });
}

std::optional<Percentiles> closed_latency_of(const BackendResult& side) {
  return merged_percentiles(side, [](const OpenSample& open) -> const LatencySpectrum* {
    return open.closed ? &open.closed->latency : nullptr;
  });
}

double late_max_of(const BackendResult& side) {
  double most = 0;
  for (const Sample& sample : side.samples) {
    if (sample.open) most = std::max(most, sample.open->late_max_s);
  }
  return most;
}

std::optional<double> achieved_share(const BackendResult& side) {
  if (!has_open_loop(side)) return std::nullopt;
  return median(values(side, [](const Sample& sample) {
    return sample.open ? sample.throughput_tasks_per_s / sample.open->offered_tasks_per_s : 0;
  }));
}

bool keeps_up(const BackendResult& side) {
  const auto share = achieved_share(side);
  return !share || *share >= kKeepsUp;
}

std::optional<double> effective_parallelism(const CellResult& cell, const BackendResult& side,
                                            int usable_cpus) {
  if (side.samples.empty()) return std::nullopt;
  std::vector<double> shares;
  for (const Sample& sample : side.samples) {
    shares.push_back(effective_parallelism(sample.cpu_s(), sample.wall_s, cell.cell.workers, usable_cpus));
  }
  return median(shares);
}

std::vector<PairedValue> pairs_of(const CellResult& cell, Quantity quantity) {
  std::vector<PairedValue> pairs;
  const BackendResult* const threads = cell.side(Backend::kThreads);
  const BackendResult* const processes = cell.side(Backend::kProcesses);
  if (threads == nullptr || processes == nullptr) return pairs;
  for (std::size_t i = 0; i < std::min(threads->samples.size(), processes->samples.size()); ++i) {
    const PairedValue pair{quantity(threads->samples[i]), quantity(processes->samples[i])};
    if (pair.threads > 0 && pair.processes > 0) pairs.push_back(pair);
  }
  return pairs;
}

std::optional<RatioEstimate> ratio_of(const CellResult& cell, Quantity quantity) {
  return estimate_ratio(pairs_of(cell, quantity), cell.judging);
}

std::string print_ratio(const std::optional<RatioEstimate>& ratio) {
  if (!ratio) return "-";
  return ratio->has_interval()
             ? fmt::format("{:.2f}x [{:.2f}, {:.2f}]", ratio->ratio, ratio->low, ratio->high)
             : fmt::format("{:.2f}x (n={})", ratio->ratio, ratio->n);
}

std::string print_throughput(const CellResult& cell, Backend backend) {
  const BackendResult* const side = cell.side(backend);
  const auto rate = side != nullptr ? median_of(*side, throughput_of) : std::nullopt;
  return rate ? print_rate(*rate) : "-";
}

std::optional<RatioEstimate> control_ratio(const BenchResults& results) {
  auto pairs = results.control_before.pairs;
  pairs.insert(pairs.end(), results.control_after.pairs.begin(), results.control_after.pairs.end());
  return estimate_ratio(pairs, results.plan.judging);
}

std::vector<double> judged_log_ratios(const CellResult& cell) {
  return log_ratios(pairs_of(cell, judged_quantity(cell)));
}

CellFinding find(const CellResult& cell, int usable_cpus) {
  if (cell.sides.size() < 2) return CellFinding::kNotCompared;
  const auto logs = judged_log_ratios(cell);
  if (!interval_of(logs, cell.judging)) return CellFinding::kTooFewPairs;
  const auto judgement = judgement_of(cell, usable_cpus);
  if (!judgement) return CellFinding::kTooNoisy;
  if (judgement->verdict == Verdict::kSame) return CellFinding::kSame;
  if (judgement->verdict == Verdict::kNotResolved) return CellFinding::kNoDifference;
  return median(logs) < 0 ? CellFinding::kThreads : CellFinding::kProcesses;
}

std::optional<Judgement> judgement_of(const CellResult& cell, int usable_cpus) {
  const auto logs = judged_log_ratios(cell);
  if (logs.empty() || is_disturbed(cell, usable_cpus)) return std::nullopt;
  return judge(logs, cell.judging);
}

std::optional<double> smallest_effect_of(const CellResult& cell) {
  return smallest_effect(judged_log_ratios(cell));
}

std::optional<double> half_width_of(const CellResult& cell) {
  const auto interval = interval_of(judged_log_ratios(cell), cell.judging);
  if (!interval) return std::nullopt;
  return std::expm1((interval->high - interval->low) / 2);
}

std::string_view name_of(CellFinding finding) {
  switch (finding) {
    case CellFinding::kSame:
      return "same";
    case CellFinding::kNoDifference:
      return "no clear difference";
    case CellFinding::kThreads:
      return "threads faster";
    case CellFinding::kProcesses:
      return "processes faster";
    case CellFinding::kTooFewPairs:
      return "too few trials";
    case CellFinding::kTooNoisy:
      return "machine too busy";
    case CellFinding::kNotCompared:
      return "not compared";
  }
  return "unknown";
}

std::string compare_with_expectation(const CellResult& cell, CellFinding finding) {
  if (cell.cell.twice) return "";  // nothing is expected of a backend against itself
  // Whatever a workload favours, a crash that ends the program costs more than one that ends a worker.
  const Expected expected = cell.cell.crashes() ? Expected::kProcesses : cell.cell.workload->expected;
  const auto answer = [](bool met) { return met ? "as expected" : "surprise"; };
  const auto ratios = judged_log_ratios(cell);
  Judging declared = cell.judging;  // what the workload's author said counts as no difference
  declared.margin = cell.cell.workload->margin;
  if (finding == CellFinding::kThreads || finding == CellFinding::kProcesses) {
    if (expected == Expected::kNoDifference) return answer(judge(ratios, declared).verdict == Verdict::kSame);
    return answer((expected == Expected::kThreads) == (finding == CellFinding::kThreads));
  }
  if (finding == CellFinding::kSame) return answer(expected == Expected::kNoDifference);
  if (finding != CellFinding::kNoDifference) return "";
  if (expected == Expected::kNoDifference) return answer(true);
  return judge(ratios, declared).verdict == Verdict::kSame ? answer(false) : "not resolved";
}

void collect_problems(CellResult& cell) {
  const auto add = [&](std::string sentence) {
    if (std::find(cell.problems.begin(), cell.problems.end(), sentence) == cell.problems.end())
      cell.problems.push_back(std::move(sentence));
  };
  std::map<std::uint64_t, std::uint64_t> checksums;  // by tasks: an open loop that was cut short has fewer
  for (const BackendResult& side : cell.sides) {
    for (std::size_t i = 0; i < side.samples.size(); ++i) {
      const Sample& sample = side.samples[i];
      if (!sample.first_mistake.empty()) {
        add(fmt::format("{} with {}: {} wrong, {} failed and {} lost results in trial {} ({})",
                        cell.cell.workload->name, name_of(side.backend), sample.wrong, sample.failed,
                        sample.lost, i + 1, sample.first_mistake));
      } else if (!sample.balanced) {
        add(fmt::format("{} with {}: the pool's counts do not add up in trial {}", cell.cell.workload->name,
                        name_of(side.backend), i + 1));
      } else if (checksums.try_emplace(sample.tasks, sample.checksum).first->second != sample.checksum) {
        add(fmt::format("{}: the checksum of {} in trial {} differs from that of {} in trial 1",
                        cell.cell.workload->name, name_of(side.backend), i + 1,
                        name_of(cell.sides.front().backend)));
      }
    }
  }
}

}  // namespace twinpool::bench
