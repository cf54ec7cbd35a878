// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/open_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "bench/reporters/table.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

/// With more open loops than this the table says it better than sentences do.
constexpr std::ptrdiff_t kMostSentences = 3;

std::string printed_interval(const RatioEstimate& ratio) {
  return fmt::format("{:.2f}x (95 % CI {:.2f} to {:.2f})", ratio.ratio, ratio.low, ratio.high);
}

/// "p50 12 us, p99 180 us and p99.9 1.2 ms"
std::string printed_tail(const Percentiles& latency) {
  std::string text = fmt::format("p50 {}, p99 {}", print_duration(latency.p50), print_duration(latency.p99));
  return text + (latency.p999 ? fmt::format(", p99.9 {}", print_duration(*latency.p999))
                              : fmt::format(", most {}", print_duration(latency.max)));
}

std::string latency_sentence(const CellResult& cell, const std::string& label, int usable_cpus) {
  std::string text = fmt::format("Open loop, {} at {}:", label, print_offered(cell));
  for (const BackendResult& side : cell.sides) {
    if (const auto latency = latency_of(side))
      text += fmt::format(" {} {};", name_of(side.backend), printed_tail(*latency));
  }
  text.back() = '.';
  const auto p50 = ratio_of(cell, p50_of), p99 = ratio_of(cell, p99_of);
  if (!p50 || !p99) return text + "\n";
  if (!p99->has_interval()) return text + " Too few trials for a verdict on latency: it takes at least 6.\n";
  const bool unclear = find(cell, usable_cpus) == CellFinding::kNoDifference;
  return text + fmt::format(" Processes took {} of the threads' p50 and {} of their p99{}.\n",
                            printed_interval(*p50), printed_interval(*p99),
                            unclear ? ": no clear difference" : "");
}

std::string saturation_sentence(const CellResult& cell, const BackendResult& side, const std::string& label) {
  const auto share = achieved_share(side);
  if (!share || keeps_up(side)) return "";
  return fmt::format(
      "SATURATED: {} with {} could not keep up: {:.1f} % of the {} offered were done in their time. Its "
      "latencies grow "
      "for as long as such a load lasts.\n",
      label, name_of(side.backend), *share * 100, print_rate(cell.rate_tasks_per_s));
}

std::string too_few(std::size_t n) {
  return fmt::format("has {} samples, too few for p99.9 ({})", print_count(n), print_count(kFewestForP999));
}

/// "shows it" when p99.9 is at least half of the stall.
std::string stall_sentence(const CellResult& cell, const BackendResult& side, const std::string& label) {
  const auto open = latency_of(side), closed = closed_latency_of(side);
  if (!open || !closed) return "";
  const double stall_s = std::chrono::duration<double>(cell.cell.open->stall).count();
  const auto shows = [&](double p999) { return p999 >= stall_s / 2; };
  std::string text = fmt::format("Stall of {}, {} with {}: the open loop ", print_duration(stall_s), label,
                                 name_of(side.backend));
  text += open->p999 ? fmt::format("{} it, p99.9 {}", shows(*open->p999) ? "shows" : "does not show",
                                   print_duration(*open->p999))
                     : too_few(open->n);
  text += "; the closed loop beside it ";
  if (!closed->p999) return text + too_few(closed->n) + ".\n";
  text += fmt::format("{}, p99.9 {}", shows(*closed->p999) ? "shows it too" : "does not",
                      print_duration(*closed->p999));
  if (shows(*closed->p999)) return text + ".\n";
  return text +
         fmt::format(": it waited for its {} and submitted nothing meanwhile (coordinated omission).\n",
                     cell.cell.workers == 1 ? "one task" : fmt::format("{} tasks", cell.cell.workers));
}

/// What crashes cost beside the latencies.
std::string crash_sentence(const CellResult& cell, const BackendResult& side, const std::string& label) {
  int crashes = 0, restarts = 0;
  std::uint64_t repeated = 0;
  for (const Sample& sample : side.samples) {
    if (!sample.open) continue;
    crashes += sample.open->crashes;
    restarts += sample.open->restarts;
    repeated += sample.open->repeated;
  }
  if (crashes == 0) return "";
  const std::string begin =
      fmt::format("A crash every {}, {} with {}: {} in all, ", print_duration(cell.cell.open->crash_every),
                  label, name_of(side.backend), crashes);
  return begin +
         (restarts == 0
              ? std::string("and the program lived on.\n")
              : fmt::format("and the program was started again {} times; {} tasks that were in flight "
                            "had to be submitted again.\n",
                            restarts, print_count(repeated)));
}

/// A generator that was late itself makes latencies of its own.
std::string lateness_sentence(const BackendResult& side, const std::string& label) {
  const auto latency = latency_of(side);
  const auto late = median_of(side, late_p99_of);
  if (!latency || !late || *late < latency->p99 / 2) return "";
  return fmt::format(
      "The generator of {} with {} was itself late: p99 {}, most {}; latencies of that size are its own.\n",
      label, name_of(side.backend), print_duration(*late), print_duration(late_max_of(side)));
}

}  // namespace

std::string print_offered_rate(const CellResult& cell) {
  const std::string begin = print_number(cell.rate_tasks_per_s);
  if (!cell.cell.open->is_ramp()) return begin + "/s";
  return fmt::format("{} to {}/s", begin, print_number(cell.rate_tasks_per_s * cell.cell.open->rise()));
}

std::string print_offered(const CellResult& cell) {
  const OpenLoad& load = *cell.cell.open;
  const std::string rate = print_rate(cell.rate_tasks_per_s);
  return load.percent > 0 ? fmt::format("{:.3g} % of the capacity ({})", load.percent, rate) : rate;
}

std::string open_loop_sentences(const BenchResults& results) {
  const auto open = std::count_if(results.cells.begin(), results.cells.end(),
                                  [](const CellResult& cell) { return cell.cell.open.has_value(); });
  std::string text;
  for (const CellResult& cell : results.cells) {
    const bool any = std::any_of(cell.sides.begin(), cell.sides.end(),
                                 [](const BackendResult& side) { return !side.samples.empty(); });
    if (!cell.cell.open || !any) continue;
    if (cell.cell.open->is_ramp()) continue;  // its knee says more than figures over all of its rates
    const std::string label = label_of(cell.cell, results.plan);
    if (open <= kMostSentences) text += latency_sentence(cell, label, results.usable_cpus);
    for (const BackendResult& side : cell.sides) {
      text += saturation_sentence(cell, side, label) + stall_sentence(cell, side, label) +
              crash_sentence(cell, side, label);
      if (open <= kMostSentences) text += lateness_sentence(side, label);
    }
  }
  return text;
}

}  // namespace twinpool::bench
