// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/meters/memory.h"
#include "bench/plan.h"
#include "bench/round.h"
#include "bench/statistics.h"

/// What `twinpool bench` found: the samples, and what follows from them.
namespace twinpool::bench {

/// One backend in one cell.
struct BackendResult {
  Backend backend = Backend::kThreads;
  std::vector<Sample> samples = {};
  std::optional<MemoryUse> rest = {};  ///< of all processes of a trial, while they stood still
  std::optional<MemoryUse> peak = {};
};

struct CellResult {
  Cell cell;
  std::uint64_t tasks = 0;          ///< of each round, the same for both backends
  double capacity_tasks_per_s = 0;  ///< of the slower backend in a closed loop; 0: not needed
  double rate_tasks_per_s = 0;      ///< that an open loop offers; 0: a closed loop
  std::vector<BackendResult> sides = {};
  std::vector<Backend> order = {};  ///< which backend ran when
  double foreign_cpu = 0;           ///< share of the CPUs that others used meanwhile, 0 to 1
  std::vector<std::string> problems =
      {};  ///< wrong or missing results, one sentence each; empty in a sound run
  std::vector<std::string> crashes = {};  ///< trials that gave no sample, one sentence each
  bool complete = false;
  Judging judging = {};

  [[nodiscard]] const BackendResult* side(Backend backend) const;
};

/// A backend against itself: what the machine's noise alone does to a ratio.
struct Control {
  std::vector<PairedValue> pairs;
};

struct BenchResults {
  Plan plan;
  std::vector<CellResult> cells;
  Control control_before;
  Control control_after;
  double foreign_cpu = 0;  ///< share of the usable CPUs that others took during the whole run
  std::optional<double>
      pressure;    ///< per cent of time in which a task waited for a CPU; nothing: the kernel does not say
  int reruns = 0;  ///< pairs that were measured again because others took the CPUs
  int usable_cpus = 1;
  double wall_s = 0;
  int signal = 0;  ///< that ended the run early; 0: none
  [[nodiscard]] bool partial() const { return signal != 0; }
};

/// What one number of a sample is, for medians and ratios over all samples.
using Quantity = double (*)(const Sample&);
[[nodiscard]] double throughput_of(const Sample& sample);
[[nodiscard]] double per_cpu_second_of(const Sample& sample);
[[nodiscard]] double start_up_of(const Sample& sample);
/// Of the trial's latencies, in seconds; 0 for a trial without.
[[nodiscard]] double p50_of(const Sample& sample);
[[nodiscard]] double p99_of(const Sample& sample);
/// How late an open loop's generator itself was, 99th percentile in seconds; 0 in a closed loop.
[[nodiscard]] double late_p99_of(const Sample& sample);

[[nodiscard]] std::vector<double> values(const BackendResult& side, Quantity quantity);
/// Gives: nothing for a side without samples.
[[nodiscard]] std::optional<double> median_of(const BackendResult& side, Quantity quantity);
/// Half the distance of the quartiles by the median: "+- 3 %".
[[nodiscard]] std::optional<double> spread_of(const BackendResult& side, Quantity quantity);
/// The latencies of one trial, in seconds. Gives: nothing for a trial without.
[[nodiscard]] std::optional<Percentiles> latency_of(const Sample& sample);
/// All latency samples of a side together, in seconds. In an open loop latency counts from the intended
/// start.
[[nodiscard]] std::optional<Percentiles> latency_of(const BackendResult& side);
/// All latencies of a side with how often each occurred; those of an open loop by buckets.
[[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> latency_counts(const BackendResult& side);
/// From submission on, in an open loop; nothing in a closed one.
[[nodiscard]] std::optional<Percentiles> service_of(const BackendResult& side);
/// Of the closed loop beside a stalled open loop.
[[nodiscard]] std::optional<Percentiles> closed_latency_of(const BackendResult& side);
/// The most that the generator itself was late in any trial, in seconds.
[[nodiscard]] double late_max_of(const BackendResult& side);
/// Achieved by offered rate, as the median over the trials; nothing in a closed loop.
[[nodiscard]] std::optional<double> achieved_share(const BackendResult& side);
/// Whether an open loop's backend delivered what was offered; true in a closed loop.
[[nodiscard]] bool keeps_up(const BackendResult& side);
/// Own CPU / (wall x min(workers, CPUs)): 1 when the cell had all the CPU it could use.
[[nodiscard]] std::optional<double> effective_parallelism(const CellResult& cell, const BackendResult& side,
                                                          int usable_cpus);

/// Processes by threads of one quantity, pair by pair; nothing unless both ran.
[[nodiscard]] std::vector<PairedValue> pairs_of(const CellResult& cell, Quantity quantity);
[[nodiscard]] std::optional<RatioEstimate> ratio_of(const CellResult& cell, Quantity quantity);
/// "0.63x [0.56, 0.80]", "0.63x (n=5)" without an interval, "-" without a ratio.
[[nodiscard]] std::string print_ratio(const std::optional<RatioEstimate>& ratio);
/// The median throughput of one backend with its unit; "-" where it has none.
[[nodiscard]] std::string print_throughput(const CellResult& cell, Backend backend);
[[nodiscard]] std::optional<RatioEstimate> control_ratio(const BenchResults& results);

/// What can be said of one cell: by throughput, or, in an open loop, where both deliver what is offered, by
/// p99.
enum class CellFinding {
  kSame,          ///< the interval lies within the margin: no difference that matters
  kNoDifference,  ///< the interval includes 1 and reaches beyond the margin: not resolved
  kThreads,       ///< threads are faster, beyond doubt
  kProcesses,     ///< processes are faster, beyond doubt
  kTooFewPairs,   ///< fewer pairs than an interval needs
  kTooNoisy,      ///< others used the CPUs that this cell needed
  kNotCompared,   ///< only one backend ran
};
[[nodiscard]] CellFinding find(const CellResult& cell, int usable_cpus);
[[nodiscard]] std::string_view name_of(CellFinding finding);
/// The log-ratios that the cell is judged by: those of the throughputs; of an open loop that both backends keep up
/// with, of the inverse p99.
[[nodiscard]] std::vector<double> judged_log_ratios(const CellResult& cell);
/// The pairs' verdict; nothing where none may be given.
[[nodiscard]] std::optional<Judgement> judgement_of(const CellResult& cell, int usable_cpus);
/// The smallest share by which the throughputs could differ and be found so in four of five such runs.
[[nodiscard]] std::optional<double> smallest_effect_of(const CellResult& cell);
/// Half the width of the interval of the ratio, as a share; nothing without an interval.
[[nodiscard]] std::optional<double> half_width_of(const CellResult& cell);
/// "as expected", "surprise", or how many trials would settle it; empty where nothing can be said.
[[nodiscard]] std::string compare_with_expectation(const CellResult& cell, CellFinding finding);

/// Adds to `cell.problems` what its samples say is wrong, each once: results, balances, and checksums that
/// differ between the backends.
void collect_problems(CellResult& cell);

}  // namespace twinpool::bench
