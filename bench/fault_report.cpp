// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_report.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <functional>

#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

constexpr std::array kColumns{"answer", "program", "delivered", "failed", "lost",
                              "hung",   "workers", "back in",   "gap"};
constexpr std::size_t kColumnCount = kColumns.size();
using Cells = std::array<std::string, kColumnCount>;

std::string ending_of(const DrillRun& run) {
  if (run.program_survived) return "ran on";
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

std::vector<double> sorted(const std::vector<const DrillRun*>& runs, std::optional<double> DrillRun::*time) {
  std::vector<double> times;
  for (const DrillRun* run : runs) {
    if (run->*time) times.push_back(*(run->*time));
  }
  std::sort(times.begin(), times.end());
  return times;
}

Cells cells_of(const DrillSummary& summary) {
  std::string answer(name_of(summary.answer));
  if (summary.answer_count < summary.runs.size())
    answer += fmt::format(" {}/{}", summary.answer_count, summary.runs.size());
  std::string program = ending_of(*summary.runs.front());
  for (const DrillRun* run : summary.runs) {
    const std::string ending = ending_of(*run);
    if (program.find(ending) == std::string::npos) program += "|" + ending;
  }
  const bool stuck = summary.answer == Answer::kWorkerStuck;
  std::string workers = range_of(summary, stuck ? &DrillRun::workers_stuck : &DrillRun::workers_lost);
  if (stuck) workers += " stuck";
  return {std::move(answer),
          std::move(program),
          range_of(summary, &DrillRun::delivered),
          range_of(summary, &DrillRun::failed),
          range_of(summary, &DrillRun::lost),
          range_of(summary, &DrillRun::hung),
          std::move(workers),
          median_of(summary, &DrillRun::restored_s),
          median_of(summary, &DrillRun::gap_after_s)};
}

/// Colour repeats what the word says.
fmt::terminal_color colour_of(Answer answer) {
  switch (answer) {
    case Answer::kContained:
      return fmt::terminal_color::green;
    case Answer::kWorkerStuck:
    case Answer::kSpread:
      return fmt::terminal_color::yellow;
    case Answer::kProgramDied:
    case Answer::kProgramHung:
      break;
  }
  return fmt::terminal_color::red;
}

/// The columns of one twin, each as wide as its widest cell.
struct Group {
  Backend backend;
  std::vector<const DrillSummary*> summaries;  ///< one a row; null: no run yet
  std::vector<Cells> rows;
  std::array<std::size_t, kColumnCount> widths{};

  [[nodiscard]] std::size_t width() const {
    std::size_t sum = 2 * (kColumnCount - 1);
    for (const std::size_t each : widths) sum += each;
    return sum;
  }
};

std::vector<Group> group(const DrillResults& results, const std::vector<DrillSummary>& summaries) {
  std::vector<Group> groups;
  for (const Backend backend : results.options.backends) {
    Group next{backend, {}, {}, {}};
    for (const int fault : results.options.faults) {
      const auto found = std::find_if(summaries.begin(), summaries.end(), [&](const DrillSummary& summary) {
        return summary.fault == fault && summary.backend == backend;
      });
      next.summaries.push_back(found == summaries.end() ? nullptr : &*found);
      next.rows.push_back(found == summaries.end() ? Cells{"not run"} : cells_of(*found));
    }
    for (std::size_t column = 0; column < kColumnCount; ++column) {
      next.widths[column] = std::string_view(kColumns[column]).size();
      for (const Cells& row : next.rows)
        next.widths[column] = std::max(next.widths[column], row[column].size());
    }
    groups.push_back(std::move(next));
  }
  return groups;
}

/// Words to the left, numbers to the right.
std::string align(std::string_view text, std::size_t width, std::size_t column) {
  return column < 2 ? fmt::format("{:<{}}", text, width) : fmt::format("{:>{}}", text, width);
}

std::string print_row(const Group& twin, std::size_t row, const TextStyle& style) {
  std::string line;
  for (std::size_t column = 0; column < kColumnCount; ++column) {
    std::string cell = align(twin.rows[row][column], twin.widths[column], column);
    const DrillSummary* const summary = twin.summaries[row];
    if (column == 0 && summary != nullptr) cell = paint(style, colour_of(summary->answer), cell);
    line += (column == 0 ? "" : "  ") + cell;
  }
  return line;
}

std::string print_heads(const Group& twin) {
  std::string line;
  for (std::size_t column = 0; column < kColumnCount; ++column)
    line += (column == 0 ? "" : "  ") + align(kColumns[column], twin.widths[column], column);
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

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nullptr;
}

nlohmann::json to_json(const DrillRun& run) {
  return {{"fault", name_of_fault(run.fault)},
          {"backend", name_of(run.backend)},
          {"repeat", run.repeat},
          {"answer", name_of(judge(run))},
          {"strike_at", run.strike_at},
          {"submitted", run.submitted},
          {"delivered", run.delivered},
          {"failed", run.failed},
          {"lost", run.lost},
          {"hung", run.hung},
          {"never_submitted", run.tasks - run.submitted},
          {"wrong", run.wrong},
          {"refused", run.refused},
          {"fired", run.fired},
          {"program",
           {{"survived", run.program_survived},
            {"ending", describe(run.end)},
            {"exit_status", run.end.exit_status},
            {"signal", run.end.signal},
            {"wall_s", run.end.wall_s},
            {"left_over_processes", run.end.left_over},
            {"output", run.end.output}}},
          {"workers_lost", run.workers_lost},
          {"workers_stuck", run.workers_stuck},
          {"full_strength", run.full_strength},
          {"noticed_s", or_null(run.noticed_s)},
          {"restored_s", or_null(run.restored_s)},
          {"gap_before_s", or_null(run.gap_before_s)},
          {"gap_after_s", or_null(run.gap_after_s)},
          {"imbalance", run.imbalance},
          {"trial", run.trial}};
}

}  // namespace

std::string_view name_of_fault(int fault) { return all_faults()[static_cast<std::size_t>(fault)]->name; }

std::string median_of(const DrillSummary& summary, std::optional<double> DrillRun::*time) {
  const auto times = sorted(summary.runs, time);
  return times.empty() ? "-" : print_duration(median(times));
}

std::vector<DrillSummary> summarise(const DrillResults& results) {
  std::vector<DrillSummary> summaries;
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      DrillSummary summary{fault, backend, {}, Answer::kContained, 0};
      for (const DrillRun& run : results.runs) {
        if (run.fault != fault || run.backend != backend) continue;
        summary.runs.push_back(&run);
        summary.answer = std::max(summary.answer, judge(run));
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
  const auto summaries = summarise(results);
  const auto groups = group(results, summaries);
  std::size_t name_width = std::string_view("fault").size();
  for (const int fault : results.options.faults)
    name_width = std::max(name_width, name_of_fault(fault).size());
  std::size_t side_by_side = name_width;
  for (const Group& twin : groups) side_by_side += 3 + twin.width();

  std::string text;
  if (side_by_side <= width) {
    text = print_block(results, groups, name_width, style);
  } else {
    for (const Group& twin : groups)
      text += (text.empty() ? "" : "\n") + print_block(results, {&twin, 1}, name_width, style);
  }
  std::vector<const DrillRun*> all;
  for (const DrillRun& run : results.runs) all.push_back(&run);
  const auto before = sorted(all, &DrillRun::gap_before_s);
  text += fmt::format(
      "\nCounts are those of one run, lowest-highest where runs differ. Lost tasks died with their worker or "
      "their\n"
      "program. back in: from the moment the task goes wrong until every worker is there again; a leak and a "
      "stack\n"
      "overflow first take their own time. gap: longest time without a finished task from that moment on{}.\n"
      "Times are medians of {} run{}.\n",
      before.empty() ? "" : fmt::format("; {} before it", print_duration(median(before))),
      results.options.repeats, results.options.repeats == 1 ? "" : "s");
  return text;
}

nlohmann::json to_json(const DrillResults& results) {
  nlohmann::json faults = nlohmann::json::array();
  for (const int fault : results.options.faults) faults.push_back(name_of_fault(fault));
  nlohmann::json backends = nlohmann::json::array();
  for (const Backend backend : results.options.backends) backends.push_back(name_of(backend));
  nlohmann::json runs = nlohmann::json::array();
  for (const DrillRun& run : results.runs) runs.push_back(to_json(run));
  return {{"options",
           {{"faults", faults},
            {"backends", backends},
            {"workers", results.options.workers},
            {"tasks", results.options.tasks},
            {"repeats", results.options.repeats},
            {"seed", results.options.seed},
            {"window", kWindowPerWorker * static_cast<std::uint64_t>(results.options.workers)},
            {"task_span", results.span}}},
          {"partial", results.interrupted},
          {"runs", runs}};
}

}  // namespace twinpool::bench
