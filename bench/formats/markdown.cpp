// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/cell_name.h"
#include "bench/diff.h"
#include "bench/formats/format.h"
#include "bench/reporters/curves.h"
#include "bench/reporters/environment.h"
#include "bench/reporters/open_loop.h"
#include "bench/reporters/verdict.h"
#include "bench/units.h"

// For $GITHUB_STEP_SUMMARY and comments. GitHub drops a summary above 1 MiB and refuses a comment above 64
// KiB, so the text stays below the latter: each part has its share, and says what it left out.
namespace twinpool::bench {
namespace {

constexpr std::size_t kMostRows_bytes = 20 << 10;
constexpr std::size_t kMostDetails_bytes = 12 << 10;
constexpr std::size_t kMostText_bytes = 4 << 10;

std::string clip(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  text.resize(text.rfind('\n', most) == std::string::npos ? most : text.rfind('\n', most));
  return text + "\n(more in the JSON)\n";
}

std::string in_table(const std::string& text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '|') escaped += '\\';
    escaped += letter == '\n' ? ' ' : letter;
  }
  return escaped;
}

/// Adds rows until the share is used up.
class Rows {
 public:
  Rows(std::string head, std::size_t most) : text_(std::move(head)), most_(most + text_.size()) {}
  void add(const std::string& row) {
    if (text_.size() + row.size() > most_)
      ++left_out_;
    else
      text_ += row;
  }
  [[nodiscard]] std::string str() const {
    return left_out_ == 0 ? text_ : text_ + fmt::format("\n{} more rows are in the JSON.\n", left_out_);
  }

 private:
  std::string text_;
  std::size_t most_;
  std::size_t left_out_ = 0;
};

std::string speed_table(const BenchResults& results) {
  std::vector<const CellResult*> cells;
  for (const CellResult& cell : results.cells) cells.push_back(&cell);
  const auto effect = [](const CellResult* cell) {
    const auto ratio = ratio_of(*cell, throughput_of);
    return ratio ? std::abs(std::log(ratio->ratio)) : -1.0;
  };
  std::stable_sort(cells.begin(), cells.end(),
                   [&](const CellResult* a, const CellResult* b) { return effect(a) > effect(b); });
  Rows rows(
      "| cell | threads | processes | processes ÷ threads | per CPU-s | verdict "
      "|\n|---|--:|--:|---|---|---|\n",
      kMostRows_bytes);
  for (const CellResult* cell : cells) {
    const CellFinding finding = find(*cell, results.usable_cpus);
    const std::string expected = compare_with_expectation(*cell, finding);
    rows.add(fmt::format(
        "| {} | {} | {} | {} | {} | {}{} |\n", in_table(name_of(cell->cell)),
        print_throughput(*cell, Backend::kThreads), print_throughput(*cell, Backend::kProcesses),
        print_ratio(ratio_of(*cell, throughput_of)), print_ratio(ratio_of(*cell, per_cpu_second_of)),
        name_of(finding), expected.empty() ? "" : ", " + expected));
  }
  return rows.str();
}

std::string open_loop_table(const BenchResults& results) {
  Rows rows(
      "| cell | backend | offered | done | p50 | p99 | p99.9 | max | p99 of both "
      "|\n|---|---|--:|--:|--:|--:|--:|--:|---|\n",
      kMostRows_bytes / 2);
  for (const CellResult& cell : results.cells) {
    if (!cell.cell.open) continue;
    for (const BackendResult& side : cell.sides) {
      const auto latency = latency_of(side);
      const auto done = achieved_share(side);
      if (!latency || !done) continue;
      rows.add(fmt::format("| {} | {} | {} | {:.1f} % | {} | {} | {} | {} | {} |\n",
                           in_table(name_of(cell.cell)), name_of(side.backend), print_offered_rate(cell),
                           *done * 100, print_duration(latency->p50), print_duration(latency->p99),
                           latency->p999 ? print_duration(*latency->p999) : "-", print_duration(latency->max),
                           print_ratio(ratio_of(cell, p99_of))));
    }
  }
  return rows.str();
}

std::string memory_table(const BenchResults& results) {
  Rows rows("| cell | backend | PSS | USS | RSS (counts shared pages again) |\n|---|---|--:|--:|--:|\n",
            kMostRows_bytes / 2);
  for (const CellResult& cell : results.cells) {
    for (const BackendResult& side : cell.sides) {
      if (!side.peak) continue;
      const auto size = [](std::uint64_t bytes) { return print_size(static_cast<double>(bytes)); };
      rows.add(fmt::format("| {} | {} | {} | {} | {} |\n", in_table(name_of(cell.cell)),
                           name_of(side.backend), size(side.peak->pss_bytes), size(side.peak->uss_bytes),
                           size(side.peak->rss_bytes)));
    }
  }
  return rows.str();
}

/// Every trial, for those who doubt the medians.
std::string details(const Report& report) {
  Rows rows("| cell | backend | tasks/s of each trial |\n|---|---|---|\n", kMostDetails_bytes);
  for (const CellResult& cell : report.results.cells) {
    for (const BackendResult& side : cell.sides) {
      std::string trials;
      for (const double rate : values(side, throughput_of)) trials += fmt::format(" {:.5g}", rate);
      rows.add(fmt::format("| {} | {} |{} |\n", in_table(name_of(cell.cell)), name_of(side.backend), trials));
    }
  }
  std::string command;
  for (const std::string& word : report.command) command += " " + in_table(word);
  return fmt::format("<details><summary>Every trial</summary>\n\n```\n{}\n```\n\n{}\n</details>\n",
                     clip(command, kMostText_bytes / 4), rows.str());
}

}  // namespace

std::string write_markdown(const Report& report) {
  const BenchResults& results = report.results;
  const bool wrong = std::any_of(results.cells.begin(), results.cells.end(), [](const CellResult& cell) {
    return !cell.problems.empty() || !cell.crashes.empty();
  });
  const char* const title = wrong               ? "wrong results or crashes"
                            : results.partial() ? "interrupted"
                                                : "threads and processes compared";
  std::string text =
      fmt::format("### twinpool bench: {}\n\n{}\n{}\n\n{}\n{}\n", title, environment_line(results.plan),
                  noise_line(results), clip(print_verdict(results), kMostText_bytes), speed_table(results));
  const bool open = std::any_of(results.cells.begin(), results.cells.end(),
                                [](const CellResult& cell) { return cell.cell.open.has_value(); });
  if (open) text += fmt::format("#### Latency in open loops\n\n{}\n", open_loop_table(results));
  if (!results.plan.sweeps.empty())
    text += fmt::format("#### Knees\n\n{}\n", clip(markdown_of_curves(results), kMostRows_bytes / 4));
  text += fmt::format("#### Memory at its peak\n\n{}\n", memory_table(results));
  if (report.comparison != nullptr) text += clip(markdown_of(*report.comparison), kMostRows_bytes / 2) + "\n";
  return text + details(report);
}

}  // namespace twinpool::bench
