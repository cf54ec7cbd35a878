// SPDX-License-Identifier: Apache-2.0
#include "bench/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/cell_name.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

/// Beside its round each trial starts and stops two pools, warms up and times single tasks. Rough: an
/// estimate is for planning, and the progress of a run corrects it.
constexpr double kTrialFixed_s = 0.03;
constexpr double kTrialPerRound = 1.3;
constexpr double kCellFixed_s = 0.8;  ///< its calibration and its memory trials
constexpr double kRunFixed_s = 8;     ///< both controls, and the drill of a crash

double seconds_for(const Plan& plan, std::size_t pairs) {
  const double round_s = std::chrono::duration<double>(plan.round_length).count();
  const auto cells = static_cast<double>(plan.cells.size());
  const double trials = static_cast<double>(pairs) * static_cast<double>(plan.backends.size());
  const double all =
      kRunFixed_s + cells * (kCellFixed_s + trials * (kTrialFixed_s + kTrialPerRound * round_s));
  return plan.max_time_s ? std::min(*plan.max_time_s, all) : all;
}

std::string describe_pairs(const Plan& plan) {
  const bool both = plan.backends.size() == 2;
  const std::string what =
      both ? "pairs of trials" : fmt::format("trials of {}", name_of(plan.backends.front()));
  if (!plan.precision) return fmt::format("{} {} each", plan.trials, what);
  return fmt::format("{} to {} {} each, until the interval is within {:.3g} %", plan.trials,
                     plan.most_pairs(), what, *plan.precision * 100);
}

std::string describe_time(const Plan& plan) {
  const auto time = estimate_time(plan);
  if (!time)
    return "How long that takes is not known beforehand: --tasks fixes the work of a round, not its "
           "length.\n";
  std::string text = fmt::format("About {}", print_span(time->least_s));
  if (time->most_s > time->least_s * 1.05) text += fmt::format(" to {}", print_span(time->most_s));
  text += " on an idle machine";
  if (plan.max_time_s)
    text += fmt::format("; --max-time ends it after {}, with fewer pairs where they do not fit",
                        print_span(*plan.max_time_s));
  return text + ".\n";
}

}  // namespace

std::optional<TimeEstimate> estimate_time(const Plan& plan) {
  if (plan.tasks) return std::nullopt;
  return TimeEstimate{seconds_for(plan, static_cast<std::size_t>(plan.trials)),
                      seconds_for(plan, plan.most_pairs())};
}

std::string print_span(double seconds) {
  const auto whole = static_cast<long>(std::ceil(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string print_plan(const Plan& plan) {
  std::string text =
      fmt::format("{} {}, {}, seed {}, after a control and before another:\n", plan.cells.size(),
                  plan.cells.size() == 1 ? "cell" : "cells", describe_pairs(plan), plan.seed);
  for (const Cell& cell : plan.cells) text += fmt::format("  {}\n", name_of(cell));
  return text + describe_time(plan) + "Nothing was run.\n";
}

}  // namespace twinpool::bench
