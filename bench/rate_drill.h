// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/fault_drill.h"

/// Faults as a rate: what it costs when a fault strikes again and again under steady load.
namespace twinpool::bench {

/// Runs, for each fault, twin and repeat, two fresh processes for `options.duration` each: one in which each
/// `options.every`th task goes wrong, and one without faults; the order alternates.
///
/// Takes:   `progress`, called after every run with how many are done and how many there will be; `live`,
/// called
///          again and again during each with what it has come to so far (its counts, `fired` and
///          `elapsed_s`).
/// Gives:   `rates`; fewer when an Interrupt that lives meanwhile got a signal.
/// Errors:  as run_drills.
DrillResults run_rates(
    const DrillOptions& options,
    const std::function<void(const RateRun&, std::size_t done, std::size_t total)>& progress,
    const std::function<void(const RateRun&, std::size_t done, std::size_t total)>& live = {});

/// The runs of one fault in one twin.
struct RateSummary {
  int fault = 0;
  Backend backend = Backend::kThreads;
  std::vector<const RateRun*> calm;    ///< without faults
  std::vector<const RateRun*> struck;  ///< with them

  /// Medians of tasks per second; 0 without runs.
  [[nodiscard]] double calm_tasks_per_s() const;
  [[nodiscard]] double struck_tasks_per_s() const;
};
/// Gives: one for each fault and twin that has runs. They refer to `results`.
[[nodiscard]] std::vector<RateSummary> summarise_rates(const DrillResults& results);

/// Two rows for each fault and twin, at most 100 columns.
[[nodiscard]] std::string print_rate_table(const DrillResults& results);
/// A few plain sentences, each with a line end.
[[nodiscard]] std::string print_rate_verdict(const DrillResults& results);
/// One run, see bench/json_schema.md.
[[nodiscard]] nlohmann::json to_json(const RateRun& run);
[[nodiscard]] std::string write_rates_csv(const DrillResults& results);
[[nodiscard]] std::string write_rates_markdown(const DrillResults& results);

}  // namespace twinpool::bench
