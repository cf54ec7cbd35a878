// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/precision.h"
#include "bench/reporters/curves.h"
#include "bench/reporters/open_loop.h"
#include "bench/reporters/table.h"
#include "bench/suite_test.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

std::string ratio_sentence_part(const RatioEstimate& ratio) {
  return fmt::format("{:.2f}x ({:.0f} % CI {:.2f} to {:.2f})", ratio.ratio, 95.0, ratio.low, ratio.high);
}

/// "a", "a and b", "a, b and c".
std::string enumerate(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

/// "; about 40 more pairs would settle it"
std::string needs_more(const CellResult& cell, int usable_cpus) {
  const auto judgement = judgement_of(cell, usable_cpus);
  return judgement && judgement->more_pairs
             ? fmt::format("; about {} more pairs would settle it", *judgement->more_pairs)
             : "";
}

std::string speed_of_one(const CellResult& cell, const std::string& label, CellFinding finding,
                         int usable_cpus) {
  const auto ratio = ratio_of(cell, throughput_of);
  switch (finding) {
    case CellFinding::kThreads:
    case CellFinding::kProcesses:
      return fmt::format("In {}, processes delivered {} of the throughput of threads.", label,
                         ratio_sentence_part(*ratio));
    case CellFinding::kSame:
      return fmt::format(
          "In {}, the throughputs are the same within {:.3g} %: processes delivered {} of that of threads.",
          label, cell.judging.margin * 100, ratio_sentence_part(*ratio));
    case CellFinding::kNoDifference:
      return fmt::format(
          "In {}, there is no clear difference in throughput: processes delivered {} of that of threads{}.",
          label, ratio_sentence_part(*ratio), needs_more(cell, usable_cpus));
    case CellFinding::kTooNoisy:
      return fmt::format("In {}, others used the CPUs, so nothing can be said about throughput.", label);
    default:
      return fmt::format("In {}, too few trials for a verdict on throughput: it takes at least 6.", label);
  }
}

/// " (40)"
std::string needs_how_many(const CellResult& cell, int usable_cpus) {
  const auto judgement = judgement_of(cell, usable_cpus);
  if (!judgement || !judgement->more_pairs) return " (too many)";
  return fmt::format(" ({})", *judgement->more_pairs);
}

std::string speed_sentences(const BenchResults& results) {
  std::vector<std::string> threads, processes, same, unresolved, unsure;
  for (const CellResult& cell : results.cells) {
    if (cell.cell.open) continue;  // it delivers what it is offered; see open_loop_sentences()
    const CellFinding finding = find(cell, results.usable_cpus);
    const std::string label = label_of(cell.cell, results.plan);
    if (results.cells.size() == 1 && finding != CellFinding::kNotCompared)
      return speed_of_one(cell, label, finding, results.usable_cpus) + "\n";
    const auto ratio = ratio_of(cell, throughput_of);
    switch (finding) {
      case CellFinding::kThreads:
        threads.push_back(fmt::format("{} {}", label, ratio_sentence_part(*ratio)));
        break;
      case CellFinding::kProcesses:
        processes.push_back(fmt::format("{} {}", label, ratio_sentence_part(*ratio)));
        break;
      case CellFinding::kSame:
        same.push_back(label);
        break;
      case CellFinding::kNoDifference:
        unresolved.push_back(label + needs_how_many(cell, results.usable_cpus));
        break;
      case CellFinding::kTooFewPairs:
      case CellFinding::kTooNoisy:
        unsure.push_back(label);
        break;
      case CellFinding::kNotCompared:
        break;
    }
  }
  std::string text;
  if (!threads.empty())
    text += fmt::format("Threads were faster; processes delivered of their throughput: {}.\n",
                        enumerate(threads));
  if (!processes.empty())
    text += fmt::format("Processes were faster; they delivered of the threads' throughput: {}.\n",
                        enumerate(processes));
  if (!same.empty())
    text +=
        fmt::format("The same within {:.3g} %: {}.\n", results.plan.judging.margin * 100, enumerate(same));
  if (!unresolved.empty())
    text += fmt::format("No clear difference, not resolved (more pairs that would probably settle it): {}.\n",
                        enumerate(unresolved));
  if (!unsure.empty())
    text += fmt::format("No verdict (too few trials, or too busy a machine): {}.\n", enumerate(unsure));
  return text;
}

/// The median over the cells of a quantity of both backends; nothing when no cell has it.
struct Both {
  double threads = 0;
  double processes = 0;
};
template <typename Of>
std::optional<Both> median_of_both(const BenchResults& results, Of of) {
  std::vector<double> threads, processes;
  for (const CellResult& cell : results.cells) {
    const BackendResult* const a = cell.side(Backend::kThreads);
    const BackendResult* const b = cell.side(Backend::kProcesses);
    if (a == nullptr || b == nullptr) continue;
    const std::optional<double> one = of(*a), other = of(*b);
    if (!one || !other || *one <= 0) continue;
    threads.push_back(*one);
    processes.push_back(*other);
  }
  if (threads.empty()) return std::nullopt;
  return Both{median(threads), median(processes)};
}

std::string cost_sentence(const BenchResults& results) {
  const auto memory = median_of_both(results, [](const BackendResult& side) {
    return side.peak ? std::optional(static_cast<double>(side.peak->pss_bytes)) : std::nullopt;
  });
  const auto start_up =
      median_of_both(results, [](const BackendResult& side) { return median_of(side, start_up_of); });
  if (!memory || !start_up) return "";
  const std::string begin = results.cells.size() > 1 ? "As the median over the workloads, p" : "P";
  return fmt::format(
      "{}rocesses took {:.1f}x the memory at its peak ({} instead of {}, PSS of the whole tree) and {} "
      "instead of {} until the first result.\n",
      begin, memory->processes / memory->threads, print_size(memory->processes), print_size(memory->threads),
      print_duration(start_up->processes), print_duration(start_up->threads));
}

/// Names that lie have to be explained before they are read.
std::string aa_sentence(const BenchResults& results) {
  const auto cell = std::find_if(results.plan.cells.begin(), results.plan.cells.end(),
                                 [](const Cell& one) { return one.twice.has_value(); });
  if (cell == results.plan.cells.end()) return "";
  return fmt::format(
      "A/A test: {} ran on both sides, whatever they are called here. Without a planted slowdown every "
      "difference is a "
      "false alarm.\n",
      name_of(*cell->twice));
}

}  // namespace

std::string print_verdict(const BenchResults& results) {
  std::string text = aa_sentence(results) + speed_sentences(results) + open_loop_sentences(results) +
                     knee_sentences(results) + describe_suite(results) +
                     describe_precision(results) + cost_sentence(results);
  std::uint64_t checked = 0;
  bool wrong = false;
  for (const CellResult& cell : results.cells) {
    for (const BackendResult& side : cell.sides) {
      for (const Sample& sample : side.samples) checked += sample.delivered;
    }
    for (const std::string& problem : cell.problems) text += fmt::format("WRONG RESULT: {}.\n", problem);
    for (const std::string& crash : cell.crashes) text += fmt::format("CRASH: {}.\n", crash);
    wrong = wrong || !cell.problems.empty();
  }
  if (!wrong && checked > 0)
    text += fmt::format("All {} results were checked and right.\n", print_count(checked));
  if (results.partial()) {
    text += fmt::format("This result is partial: the run was interrupted in cell {} of {}.\n",
                        results.cells.size(), results.plan.cells.size());
  }
  return text;
}

}  // namespace twinpool::bench
