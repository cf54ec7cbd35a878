// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "bench/fault_report.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

using Summaries = std::vector<const DrillSummary*>;

Summaries select(const std::vector<DrillSummary>& summaries, Backend backend) {
  Summaries chosen;
  for (const DrillSummary& summary : summaries) {
    if (summary.backend == backend) chosen.push_back(&summary);
  }
  return chosen;
}

Summaries with_answer(const Summaries& summaries, Answer answer) {
  Summaries chosen;
  for (const DrillSummary* summary : summaries) {
    if (summary->answer == answer) chosen.push_back(summary);
  }
  return chosen;
}

std::string names_of(const Summaries& summaries) {
  std::vector<std::string_view> names;
  for (const DrillSummary* summary : summaries) names.push_back(name_of_fault(summary->fault));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<const DrillRun*> runs_of(const Summaries& summaries) {
  std::vector<const DrillRun*> runs;
  for (const DrillSummary* summary : summaries)
    runs.insert(runs.end(), summary->runs.begin(), summary->runs.end());
  return runs;
}

std::string count(std::uint64_t least, std::uint64_t most, std::string_view what) {
  if (least != most) return fmt::format("{} to {} {}s", least, most, what);
  return fmt::format("{} {}{}", most, what, most == 1 ? "" : "s");
}

/// Only runs in which a worker died: the others cost nothing that takes time.
std::string price_of_containment(const Summaries& contained) {
  std::vector<std::pair<double, int>> times;  // with the fault, to name the slowest
  std::uint64_t least = UINT64_MAX, most = 0;
  std::uint64_t fewest_workers = UINT64_MAX, most_workers = 0;
  for (const DrillRun* run : runs_of(contained)) {
    if (!run->restored_s) continue;
    times.emplace_back(*run->restored_s, run->fault);
    least = std::min(least, run->lost);
    most = std::max(most, run->lost);
    const auto workers = static_cast<std::uint64_t>(run->workers_lost);
    fewest_workers = std::min(fewest_workers, workers);
    most_workers = std::max(most_workers, workers);
  }
  if (times.empty()) return "The price was the faulty task, and no worker.";
  std::sort(times.begin(), times.end());
  return fmt::format(
      "A crash cost {} and {}; full strength was back after {} (median of {} crashes; slowest {}, {}).",
      count(least, most, "task"), count(fewest_workers, most_workers, "worker"),
      print_duration(times[times.size() / 2].first), times.size(), print_duration(times.back().first),
      name_of_fault(times.back().second));
}

std::string price_of_death(const Summaries& died) {
  std::uint64_t least = UINT64_MAX, most = 0, never = 0, tasks = 0;
  for (const DrillRun* run : runs_of(died)) {
    if (run->program_survived) continue;
    least = std::min(least, run->lost);
    most = std::max(most, run->lost);
    never += run->tasks - run->submitted;
    tasks += run->tasks;
  }
  return fmt::format("{} in flight were lost each time, and {:.0f} % of the load was never submitted.",
                     count(least, most, "task"),
                     100.0 * static_cast<double>(never) / static_cast<double>(tasks));
}

std::string sentence_for(Backend backend, const Summaries& twin) {
  std::string name(name_of(backend));
  name.front() = static_cast<char>(std::toupper(name.front()));
  const auto contained = with_answer(twin, Answer::kContained);
  std::string text = fmt::format("{} contained {} of {} faults", name, contained.size(), twin.size());
  text += contained.empty() ? "."
                            : fmt::format(" ({}). {}", names_of(contained), price_of_containment(contained));
  if (const auto died = with_answer(twin, Answer::kProgramDied); !died.empty())
    text += fmt::format(" {} ended the program ({}): {}", died.size(), names_of(died), price_of_death(died));
  if (const auto tainted = with_answer(twin, Answer::kWorkerTainted); !tainted.empty())
    text += fmt::format(" {} {} felt by later tasks of the struck worker only ({}).", tainted.size(),
                        tainted.size() == 1 ? "was" : "were", names_of(tainted));
  if (const auto spread = with_answer(twin, Answer::kSpread); !spread.empty())
    text += fmt::format(" {} cost more than the faulty task ({}).", spread.size(), names_of(spread));
  if (const auto hung = with_answer(twin, Answer::kProgramHung); !hung.empty())
    text += fmt::format(" {} made the program hang ({}).", hung.size(), names_of(hung));
  if (const auto stuck = with_answer(twin, Answer::kWorkerStuck); !stuck.empty())
    text += fmt::format(" {} took a worker for good ({}).", stuck.size(), names_of(stuck));
  return text;
}

/// What the pool's own means did about a stuck worker: "threads: stop() gave up after 200 ms, ...".
std::string sentence_about_stuck(const std::vector<DrillSummary>& summaries) {
  std::vector<std::string> parts;
  std::vector<Backend> told;  // one stuck worker is as good as another
  for (const DrillSummary& summary : summaries) {
    const DrillRun& run = *summary.runs.back();
    if (std::find(told.begin(), told.end(), summary.backend) != told.end()) continue;
    if (summary.answer != Answer::kWorkerStuck || !run.trial.is_object() || !run.trial.contains("stop"))
      continue;
    told.push_back(summary.backend);
    const auto& stop = run.trial["stop"];
    parts.push_back(
        fmt::format("that of {} returned after {} and {}", name_of(summary.backend),
                    print_duration(stop["took_s"].get<double>()),
                    stop["worker_gone"].get<bool>() ? "had killed the worker" : "left the thread running"));
  }
  if (parts.empty()) return "";
  return fmt::format("A stuck worker is gone until stop() is called: {}.", fmt::join(parts, "; "));
}

/// What was left when each run had ended, and where.
std::string sentence_about_residue(const std::vector<DrillSummary>& summaries) {
  std::vector<std::string> parts;
  for (const DrillSummary& summary : summaries) {
    const std::string left = residue_of(summary);
    if (left != "none")
      parts.push_back(
          fmt::format("{} in {} {}", name_of_fault(summary.fault), name_of(summary.backend), left));
  }
  if (parts.empty())
    return "Nothing was left behind: no process, thread, descriptor, shared memory or core file.";
  return fmt::format("Left behind: {}.", fmt::join(parts, "; "));
}

std::string sentences_about_surprises(const std::vector<DrillSummary>& summaries) {
  std::string text;
  for (const DrillSummary& summary : summaries) {
    if (!summary.surprise) continue;
    const Expectation& expected = fault_at(summary.fault).expected_in(summary.backend);
    const std::string range = expected.best == expected.worst
                                  ? std::string(name_of(expected.best))
                                  : fmt::format("{} to {}", name_of(expected.best), name_of(expected.worst));
    text += wrap(
        fmt::format("Surprise: {} in {} was '{}'; expected was '{}', since {}.", name_of_fault(summary.fault),
                    name_of(summary.backend), name_of(summary.answer), range, expected.why),
        kFaultTextWidth);
  }
  if (text.empty() && !summaries.empty()) text = "Every answer was as expected.\n";
  return text;
}

std::string sentences_about_absences(const DrillResults& results) {
  std::string text;
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      const std::string why = find_absence(results, fault, backend);
      if (!why.empty())
        text +=
            wrap(fmt::format("{} in {}: {}.", name_of_fault(fault), name_of(backend), why), kFaultTextWidth);
    }
  }
  return text;
}

}  // namespace

std::string wrap(std::string_view text, std::size_t width) {
  std::string wrapped;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (column != 0 && column + 1 + end > width) {
      wrapped += "\n";
      column = 0;
    }
    if (column != 0) wrapped += " ";
    wrapped += text.substr(0, end);
    column += end + (column != 0 ? 1 : 0);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped.empty() ? wrapped : wrapped + "\n";
}

std::string print_verdict(const DrillResults& results) {
  const auto summaries = summarise(results);
  std::string text;
  for (const Backend backend : results.options.backends) {
    const auto twin = select(summaries, backend);
    if (!twin.empty()) text += wrap(sentence_for(backend, twin), kFaultTextWidth);
  }
  text += wrap(sentence_about_stuck(summaries), kFaultTextWidth);
  if (!summaries.empty()) text += wrap(sentence_about_residue(summaries), kFaultTextWidth);
  text += sentences_about_surprises(summaries) + sentences_about_absences(results);
  std::uint64_t wrong = 0;
  for (const DrillRun& run : results.runs) wrong += run.wrong;
  if (wrong != 0) text += fmt::format("{} of the delivered results were wrong.\n", wrong);
  if (results.interrupted) text += "Interrupted: this is what had been measured until then.\n";
  return text;
}

}  // namespace twinpool::bench
