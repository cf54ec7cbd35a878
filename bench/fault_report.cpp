// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_report.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <utility>

#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

/// One column of a table. Words to the left, numbers to the right.
struct Column {
  std::string_view title;
  bool left;
  std::string (*text)(const DrillSummary&);
};

std::vector<double> sorted(const std::vector<const DrillRun*>& runs, std::optional<double> DrillRun::*time) {
  std::vector<double> times;
  for (const DrillRun* run : runs) {
    if (run->*time) times.push_back(*(run->*time));
  }
  std::sort(times.begin(), times.end());
  return times;
}

std::string answer_of(const DrillSummary& summary) {
  std::string answer(name_of(summary.answer));
  if (summary.answer_count < summary.runs.size())
    answer += fmt::format(" {}/{}", summary.answer_count, summary.runs.size());
  return answer + (summary.surprise ? " !" : "");
}

std::string program_of(const DrillSummary& summary) {
  std::string program = ending_of(*summary.runs.front());
  for (const DrillRun* run : summary.runs) {
    const std::string ending = ending_of(*run);
    if (program.find(ending) == std::string::npos) program += "|" + ending;
  }
  return program;
}

std::string workers_of(const DrillSummary& summary) {
  const bool stuck = std::any_of(summary.runs.begin(), summary.runs.end(),
                                 [](const DrillRun* run) { return run->workers_stuck > 0; });
  return range_of(summary, stuck ? &DrillRun::workers_stuck : &DrillRun::workers_lost) +
         (stuck ? " stuck" : "");
}

std::uint64_t spoilt(const DrillRun* run) { return run->spoilt_same + run->spoilt_others; }

constexpr Column kBlastColumns[] = {
    {"answer", true, answer_of},
    {"program", true, program_of},
    {"failed", false, [](const DrillSummary& s) { return range_of(s, &DrillRun::failed); }},
    {"lost", false, [](const DrillSummary& s) { return range_of(s, &DrillRun::lost); }},
    {"hung", false, [](const DrillSummary& s) { return range_of(s, &DrillRun::hung); }},
    {"spoilt", false, [](const DrillSummary& s) { return range_of(s, spoilt); }},
    {"delayed", false, delayed_of},
    {"workers", false, workers_of}};
constexpr Column kTimeColumns[] = {
    {"noticed", false, [](const DrillSummary& s) { return median_of(s, &DrillRun::noticed_s); }},
    {"back in", false, [](const DrillSummary& s) { return median_of(s, &DrillRun::restored_s); }},
    {"gap", false, [](const DrillSummary& s) { return median_of(s, &DrillRun::gap_after_s); }},
    {"dip", false, dip_of},
    {"left", true, residue_of}};

/// Colour repeats what the word says.
fmt::terminal_color colour_of(Answer answer) {
  switch (answer) {
    case Answer::kContained:
      return fmt::terminal_color::green;
    case Answer::kWorkerTainted:
    case Answer::kWorkerStuck:
    case Answer::kSpread:
      return fmt::terminal_color::yellow;
    case Answer::kProgramDied:
    case Answer::kProgramHung:
      break;
  }
  return fmt::terminal_color::red;
}

/// Some columns of one twin, each as wide as its widest cell.
struct Group {
  Backend backend;
  std::span<const Column> columns;
  std::vector<const DrillSummary*> summaries;  ///< one a row; null: no run
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> widths;

  [[nodiscard]] std::size_t width() const {
    std::size_t sum = 2 * (columns.size() - 1);
    for (const std::size_t each : widths) sum += each;
    return sum;
  }
};

/// A row for a fault that has no run in a twin: one word in its first column.
std::vector<std::string> empty_row(const DrillResults& results, int fault, Backend backend,
                                   std::size_t columns, bool words) {
  std::vector<std::string> row(columns);
  if (!words) return row;
  row[0] = "not run";
  if (!fault_at(fault).expected_in(backend).applies)
    row[0] = "does not apply";
  else if (!find_absence(results, fault, backend).empty())
    row[0] = "skipped";
  return row;
}

Group group(const DrillResults& results, const std::vector<DrillSummary>& summaries, Backend backend,
            std::span<const Column> columns) {
  Group twin{backend, columns, {}, {}, {}};
  for (const int fault : results.options.faults) {
    const auto found = std::find_if(summaries.begin(), summaries.end(), [&](const DrillSummary& summary) {
      return summary.fault == fault && summary.backend == backend;
    });
    const bool run = found != summaries.end();
    twin.summaries.push_back(run ? &*found : nullptr);
    std::vector<std::string> row;
    for (const Column& column : columns) row.push_back(run ? column.text(*found) : "");
    if (!run) row = empty_row(results, fault, backend, columns.size(), columns[0].left);
    twin.rows.push_back(std::move(row));
  }
  for (std::size_t column = 0; column < columns.size(); ++column) {
    std::size_t width = columns[column].title.size();
    for (const auto& row : twin.rows) width = std::max(width, columns_of(row[column]));
    twin.widths.push_back(width);
  }
  return twin;
}

std::string align(std::string_view text, std::size_t width, bool left) {
  const std::string pad(width - columns_of(text), ' ');
  return left ? std::string(text) + pad : pad + std::string(text);
}

std::string print_row(const Group& twin, std::size_t row, const TextStyle& style) {
  std::string line;
  const DrillSummary* const summary = twin.summaries[row];
  for (std::size_t column = 0; column < twin.columns.size(); ++column) {
    std::string cell = align(twin.rows[row][column], twin.widths[column], twin.columns[column].left);
    if (twin.columns[column].text == answer_of && summary != nullptr)
      cell = paint(style, colour_of(summary->answer), cell);
    line += (column == 0 ? "" : "  ") + cell;
  }
  return line;
}

std::string print_heads(const Group& twin) {
  std::string line;
  for (std::size_t column = 0; column < twin.columns.size(); ++column)
    line += (column == 0 ? "" : "  ") +
            align(twin.columns[column].title, twin.widths[column], twin.columns[column].left);
  return line;
}

std::string trim_right(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

/// Some twins side by side.
std::string print_block(const DrillResults& results, std::span<const Group> twins, std::size_t name_width,
                        const TextStyle& style) {
  std::string titles(name_width, ' ');
  std::string heads = fmt::format("{:<{}}", "fault", name_width);
  for (const Group& twin : twins) {
    const std::string title = fmt::format("{:<{}}", name_of(twin.backend), twin.width());
    titles += "   " + embolden(style, title);
    heads += "   " + print_heads(twin);
  }
  std::string text = trim_right(titles) + trim_right(heads);
  for (std::size_t row = 0; row < results.options.faults.size(); ++row) {
    std::string line = fmt::format("{:<{}}", name_of_fault(results.options.faults[row]), name_width);
    for (const Group& twin : twins) line += "   " + print_row(twin, row, style);
    text += trim_right(line);
  }
  return text;
}

/// The twins side by side where they fit, else below each other.
std::string print_columns(const DrillResults& results, std::span<const Column> columns,
                          std::size_t name_width, const TextStyle& style, std::size_t width) {
  const auto summaries = summarise(results);
  std::vector<Group> groups;
  std::size_t side_by_side = name_width;
  for (const Backend backend : results.options.backends) {
    groups.push_back(group(results, summaries, backend, columns));
    side_by_side += 3 + groups.back().width();
  }
  if (side_by_side <= width) return print_block(results, groups, name_width, style);
  std::string text;
  for (const Group& twin : groups) {
    if (!text.empty()) text += "\n";
    text += print_block(results, {&twin, 1}, name_width, style);
  }
  return text;
}

}  // namespace

std::string_view name_of_fault(int fault) { return fault_at(fault).name; }

std::string ending_of(const DrillRun& run) {
  if (run.program_survived) return "ran on";
  if (run.stood_still) return "hung";
  switch (run.end.how) {
    case TrialEnd::How::kExited:
      return fmt::format("exit {}", run.end.exit_status);
    case TrialEnd::How::kKilled: {
      const char* const name = sigabbrev_np(run.end.signal);
      return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", run.end.signal);
    }
    case TrialEnd::How::kDeadline:
      return "hung";
    case TrialEnd::How::kInterrupted:
      return "ended";
  }
  return "?";
}

std::string median_of(const DrillSummary& summary, std::optional<double> DrillRun::*time) {
  const auto times = sorted(summary.runs, time);
  return times.empty() ? "-" : print_duration(median(times));
}

std::string delayed_of(const DrillSummary& summary) {
  std::vector<double> counts;
  for (const DrillRun* run : summary.runs) {
    if (run->delayed) counts.push_back(static_cast<double>(*run->delayed));
  }
  return counts.empty() ? "-" : fmt::format("{:.0f}", median(counts));
}

std::string dip_of(const DrillSummary& summary) {
  const auto dips = sorted(summary.runs, &DrillRun::dip_tasks);
  // Rounded first, or a small negative one would be printed as "-0".
  return dips.empty() ? "all" : fmt::format("{}", std::lround(median(dips)));
}

std::string residue_of(const DrillSummary& summary) {
  const Residue most = (*std::max_element(summary.runs.begin(), summary.runs.end(), [](auto* a, auto* b) {
                         return a->residue.sum() < b->residue.sum();
                       }))->residue;
  const std::pair<int, std::string_view> kinds[] = {{most.processes, "process"},
                                                    {most.threads, "thread"},
                                                    {most.descriptors, "fd"},
                                                    {most.shared_memory, "map"},
                                                    {most.core_files, "core"}};
  std::string text;
  for (const auto& [number, what] : kinds) {
    if (number > 0)
      text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", number, what,
                          number == 1         ? ""
                          : what == "process" ? "es"
                                              : "s");
  }
  return text.empty() ? "none" : text;
}

std::string find_absence(const DrillResults& results, int fault, Backend backend) {
  const Expectation& expected = fault_at(fault).expected_in(backend);
  if (!expected.applies) return fmt::format("does not apply: {}", expected.why);
  for (const DrillRun& run : results.runs) {
    if (run.fault == fault && run.backend == backend && !run.skipped.empty())
      return fmt::format("skipped: {}", run.skipped);
  }
  return "";
}

std::vector<DrillSummary> summarise(const DrillResults& results) {
  std::vector<DrillSummary> summaries;
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      DrillSummary summary{fault, backend, {}, Answer::kContained, 0, false};
      for (const DrillRun& run : results.runs) {
        if (run.fault != fault || run.backend != backend || !run.skipped.empty()) continue;
        summary.runs.push_back(&run);
        summary.answer = std::max(summary.answer, judge(run));
        summary.surprise = summary.surprise || is_surprise(run);
      }
      if (summary.runs.empty()) continue;
      summary.answer_count = static_cast<std::size_t>(
          std::count_if(summary.runs.begin(), summary.runs.end(),
                        [&](const DrillRun* run) { return judge(*run) == summary.answer; }));
      summaries.push_back(std::move(summary));
    }
  }
  return summaries;
}

std::string print_table(const DrillResults& results, const TextStyle& style, std::size_t width) {
  std::size_t name_width = std::string_view("fault").size();
  for (const int fault : results.options.faults)
    name_width = std::max(name_width, name_of_fault(fault).size());
  std::string text = print_columns(results, kBlastColumns, name_width, style, width);
  text += "\n" +
          wrap(
              "Tasks of one run, lowest-highest where runs differ. lost: died with their worker or program. "
              "spoilt: delivered, but found what the fault had left behind. delayed: took more than 10 times "
              "the median before the fault. workers: that died. !: not as expected.",
              kFaultTextWidth) +
          "\n";
  text += print_columns(results, kTimeColumns, name_width, style, width);
  std::vector<const DrillRun*> all;
  for (const DrillRun& run : results.runs) all.push_back(&run);
  const auto before = sorted(all, &DrillRun::gap_before_s);
  return text + "\n" +
         wrap(
             fmt::format(
                 "Medians of {} run{}, from the moment the task goes wrong (a leak and a stack overflow "
                 "first "
                 "take their own time). noticed: until its future had failed, or the program had ended. back "
                 "in: until every worker was there again. gap: longest time without a finished task{}. dip: "
                 "tasks fewer than at the steady rate. left: after the end.",
                 results.options.repeats, results.options.repeats == 1 ? "" : "s",
                 before.empty() ? "" : fmt::format("; {} before it", print_duration(median(before)))),
             kFaultTextWidth);
}

}  // namespace twinpool::bench
