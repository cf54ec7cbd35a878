// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "bench/fault_report.h"
#include "bench/rate_drill.h"
#include "bench/reporters/text_table.h"
#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

double median_rate(const std::vector<const RateRun*>& runs) {
  if (runs.empty()) return 0;
  std::vector<double> rates;
  for (const RateRun* run : runs) rates.push_back(run->throughput_tasks_per_s());
  return median(rates);
}

/// Whole numbers: the counts of all runs of one kind together.
template <typename Value>
Value sum_of(const std::vector<const RateRun*>& runs, Value RateRun::*value) {
  Value sum{};
  for (const RateRun* run : runs) sum += run->*value;
  return sum;
}
std::uint64_t sum_of(const std::vector<const RateRun*>& runs, std::uint64_t TaskCounts::*value) {
  std::uint64_t sum = 0;
  for (const RateRun* run : runs) sum += run->*value;
  return sum;
}

std::size_t deaths_of_program(const std::vector<const RateRun*>& runs) {
  return static_cast<std::size_t>(
      std::count_if(runs.begin(), runs.end(), [](const RateRun* run) { return !run->program_survived; }));
}

bool skipped(const std::vector<const RateRun*>& runs) {
  return std::any_of(runs.begin(), runs.end(), [](const RateRun* run) { return !run->skipped.empty(); });
}

std::string ending_of(const std::vector<const RateRun*>& runs) {
  for (const RateRun* run : runs) {
    if (run->program_survived) continue;
    return run->stood_still ? "hung" : fmt::format("died at {}", print_duration(run->end.wall_s));
  }
  return "ran on";
}

std::string count(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", print_count(number), what, number == 1 ? "" : "s");
}

std::string change_of(double ratio) { return fmt::format("{:+.1f} %", (ratio - 1) * 100); }

double throughput(const RateRun& run) { return run.throughput_tasks_per_s(); }
/// What a foreign load does not change: tasks by the CPU time that they took, and all around them.
double throughput_per_cpu(const RateRun& run) {
  return run.cpu_s > 0 ? static_cast<double>(run.delivered) / run.cpu_s : 0;
}

/// A figure with faults by that without, over the repeats; nothing where neither or one is known.
std::optional<RatioEstimate> effect_of(const RateSummary& summary, double (*figure)(const RateRun&)) {
  std::vector<PairedValue> pairs;
  for (std::size_t i = 0; i < std::min(summary.calm.size(), summary.struck.size()); ++i) {
    const double calm = figure(*summary.calm[i]);
    const double struck = figure(*summary.struck[i]);
    if (calm > 0 && struck > 0) pairs.push_back({calm, struck});
  }
  return estimate_ratio(pairs);
}

std::vector<std::string> speed_row(const RateSummary& summary, const std::vector<const RateRun*>& runs) {
  const bool calm = &runs == &summary.calm;
  const auto effect = effect_of(summary, throughput);
  const auto per_cpu = effect_of(summary, throughput_per_cpu);
  return {std::string(calm ? name_of_fault(summary.fault) : ""),
          std::string(calm ? name_of(summary.backend) : ""),
          calm ? "none" : print_count(sum_of(runs, &RateRun::fired)),
          fmt::format("{}/s", print_count(static_cast<std::uint64_t>(median_rate(runs)))),
          calm || !effect ? "" : change_of(effect->ratio),
          calm || !per_cpu ? "" : change_of(per_cpu->ratio),
          ending_of(runs)};
}

std::vector<std::string> cost_row(const RateSummary& summary) {
  const auto& runs = summary.struck;
  return {
      std::string(name_of_fault(summary.fault)),       std::string(name_of(summary.backend)),
      print_count(sum_of(runs, &RateRun::fired)),      print_count(sum_of(runs, &TaskCounts::lost)),
      print_count(sum_of(runs, &TaskCounts::failed)),  print_count(sum_of(runs, &TaskCounts::hung)),
      print_count(sum_of(runs, &TaskCounts::refused)), print_count(sum_of(runs, &RateRun::restarts)),
      print_duration(sum_of(runs, &RateRun::weak_s)),  print_duration(sum_of(runs, &RateRun::degraded_s))};
}

/// What the faults changed of the throughput, with its interval where there are runs enough.
std::string change_in_words(const RateSummary& summary) {
  const auto effect = effect_of(summary, throughput);
  if (!effect) return "";
  std::string text = fmt::format("; the throughput changed by {}", change_of(effect->ratio));
  if (effect->has_interval())
    return text + fmt::format(" (95 % CI {} to {})", change_of(effect->low), change_of(effect->high));
  return text + fmt::format(" ({}, too few for an interval: --repeat {})", count(effect->n, "pair"),
                            kFewestForInterval);
}

/// What the twin paid for the faults, as one sentence.
std::string sentence_for(const RateSummary& summary, std::uint64_t every) {
  const auto& runs = summary.struck;
  std::string text =
      fmt::format("{}, {} every {} tasks: ", name_of(summary.backend), name_of_fault(summary.fault), every);
  text.front() = static_cast<char>(std::toupper(text.front()));
  if (skipped(runs)) return text + fmt::format("skipped, {}.", runs.front()->skipped);
  if (const std::size_t died = deaths_of_program(runs); died > 0)
    return text + fmt::format("the program {} in {} of {}, after {}.",
                              runs.front()->stood_still ? "hung" : "ended", died, count(runs.size(), "run"),
                              count(sum_of(runs, &TaskCounts::delivered), "delivered task"));
  const std::uint64_t cost =
      sum_of(runs, &TaskCounts::lost) + sum_of(runs, &TaskCounts::failed) + sum_of(runs, &TaskCounts::hung);
  return text +
         fmt::format("{} cost {} and {}, refused: {}{}.", count(sum_of(runs, &RateRun::fired), "fault"),
                     count(cost, "task"), count(sum_of(runs, &RateRun::worker_deaths), "worker"),
                     count(sum_of(runs, &TaskCounts::refused), "submission"), change_in_words(summary));
}

bool all_balance(const DrillResults& results) {
  return std::all_of(results.rates.begin(), results.rates.end(),
                     [](const RateRun& run) { return run.imbalance.empty(); });
}

}  // namespace

double RateSummary::calm_tasks_per_s() const { return median_rate(calm); }
double RateSummary::struck_tasks_per_s() const { return median_rate(struck); }

std::string print_rate_table(const DrillResults& results) {
  using Align = TextTable::Align;
  TextTable speeds(
      {Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
  speeds.add({"fault", "backend", "faults", "delivered", "change", "per CPU-s", "program"});
  std::vector<Align> columns(10, Align::kRight);
  columns[0] = columns[1] = Align::kLeft;
  TextTable costs(columns);
  costs.add(
      {"fault", "backend", "faults", "lost", "failed", "hung", "refused", "restarts", "weak", "degraded"});
  for (const RateSummary& summary : summarise_rates(results)) {
    speeds.add(speed_row(summary, summary.calm));
    speeds.add(speed_row(summary, summary.struck));
    costs.add(cost_row(summary));
  }
  return speeds.str() + "\n" + costs.str() + "\n" +
         wrap(
             "Medians of the throughputs, over the whole duration also where the program did not live so "
             "long; sums "
             "of all else. per CPU-s: the change by the program's own CPU time, which foreign load leaves "
             "alone. weak: time without all workers; degraded: time in which the pool said that "
             "workers die "
             "too fast; both looked at each millisecond. Refused submissions are tried again.",
             kFaultTextWidth);
}

std::string print_rate_verdict(const DrillResults& results) {
  std::string text;
  for (const RateSummary& summary : summarise_rates(results))
    text += wrap(sentence_for(summary, results.options.every), kFaultTextWidth);
  if (!results.rates.empty() && all_balance(results))
    text += wrap(
        "The books balance: every submitted task was delivered, failed, lost or hung, and the pools "
        "counted the same.",
        kFaultTextWidth);
  if (results.interrupted) text += "Interrupted: this is what had been measured until then.\n";
  return text;
}

nlohmann::json to_json(const RateRun& run) {
  return {{"fault", name_of_fault(run.fault)},
          {"backend", name_of(run.backend)},
          {"repeat", run.repeat},
          {"every", run.every},
          {"duration_s", run.duration_s},
          {"elapsed_s", run.elapsed_s},
          {"workers", run.workers},
          {"skipped", run.skipped},
          {"throughput_tasks_per_s", run.throughput_tasks_per_s()},
          {"fired", run.fired},
          {"submitted", run.submitted},
          {"delivered", run.delivered},
          {"failed", run.failed},
          {"lost", run.lost},
          {"hung", run.hung},
          {"wrong", run.wrong},
          {"refused", run.refused},
          {"worker_deaths", run.worker_deaths},
          {"restarts", run.restarts},
          {"weak_s", run.weak_s},
          {"degraded_s", run.degraded_s},
          {"cpu_s", run.cpu_s},
          {"program", program_json(run.end, run.program_survived)},
          {"imbalance", run.imbalance}};
}

std::string write_rates_csv(const DrillResults& results) {
  std::string text =
      "fault,backend,repeat,every,duration_s,workers,throughput_tasks_per_s,fired,submitted,delivered,failed,"
      "lost,hung,"
      "wrong,refused,worker_deaths,restarts,weak_s,degraded_s,cpu_s,survived\n";
  for (const RateRun& run : results.rates) {
    if (!run.skipped.empty()) continue;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                        name_of_fault(run.fault), name_of(run.backend), run.repeat, run.every, run.duration_s,
                        run.workers, run.throughput_tasks_per_s(), run.fired, run.submitted, run.delivered,
                        run.failed, run.lost, run.hung, run.wrong, run.refused, run.worker_deaths,
                        run.restarts, run.weak_s, run.degraded_s, run.cpu_s, run.program_survived);
  }
  return text;
}

std::string write_rates_markdown(const DrillResults& results) {
  std::string text = fmt::format(
      "### twinpool faults\n\n{} workers, a fault each {} tasks for {} s, seed {}\n\n"
      "| fault | backend | faults | delivered/s | lost | failed | hung | refused | restarts | weak | "
      "degraded | program |\n"
      "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
      results.options.workers, results.options.every,
      std::chrono::duration<double>(results.options.duration).count(), results.options.seed);
  for (const RateSummary& summary : summarise_rates(results)) {
    for (const auto* runs : {&summary.calm, &summary.struck}) {
      text += fmt::format("| {} | {} | {} | {:.0f} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                          name_of_fault(summary.fault), name_of(summary.backend),
                          sum_of(*runs, &RateRun::fired), median_rate(*runs),
                          sum_of(*runs, &TaskCounts::lost), sum_of(*runs, &TaskCounts::failed),
                          sum_of(*runs, &TaskCounts::hung), sum_of(*runs, &TaskCounts::refused),
                          sum_of(*runs, &RateRun::restarts), print_duration(sum_of(*runs, &RateRun::weak_s)),
                          print_duration(sum_of(*runs, &RateRun::degraded_s)), ending_of(*runs));
    }
  }
  return text + "\n" + print_rate_verdict(results);
}

}  // namespace twinpool::bench
