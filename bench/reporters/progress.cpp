// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "bench/reporters/table.h"
#include "bench/reporters/terminal.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kBetweenDraws{0.25};

class Silence final : public Progress {
  void control(const BenchResults&) override {}
  void cell_begins(const BenchResults&) override {}
  void pair_done(const BenchResults&, std::size_t) override {}
  void cell_done(const BenchResults&) override {}
  void finished() override {}
};

std::string position(const BenchResults& results) {
  return fmt::format("[{}/{}] {}", results.cells.size(), results.plan.cells.size(),
                     label_of(results.cells.back().cell, results.plan));
}

/// "threads 11 200/s  processes 10 900/s  ratio 0.97 [0.95, 0.99]"
std::string running_estimate(const CellResult& cell) {
  std::string text;
  for (const BackendResult& side : cell.sides) {
    if (const auto throughput = median_of(side, throughput_of)) {
      text += fmt::format("  {} {}", name_of(side.backend), print_rate(*throughput));
    }
  }
  const auto ratio = ratio_of(cell, throughput_of);
  if (ratio && ratio->has_interval()) {
    text += fmt::format("  ratio {:.2f} [{:.2f}, {:.2f}]", ratio->ratio, ratio->low, ratio->high);
  }
  return text;
}

class Lines final : public Progress {
  void control(const BenchResults&) override {}
  void cell_begins(const BenchResults&) override {}
  void pair_done(const BenchResults&, std::size_t) override {}
  void cell_done(const BenchResults& results) override {
    const TextStyle style = detect_style(stderr, ColorChoice::kNever, false);
    fmt::print(stderr, "{}\n", spell(style, position(results) + running_estimate(results.cells.back())));
  }
  void finished() override {}
};

class Redrawn final : public Progress {
  void control(const BenchResults& results) override {
    const auto done = results.control_before.pairs.size() + results.control_after.pairs.size();
    draw(fmt::format("control  pair {}", done), false);
  }
  void cell_begins(const BenchResults& results) override { draw(position(results) + "  calibrating", true); }
  void pair_done(const BenchResults& results, std::size_t pair) override {
    ++pairs_done_;
    const double all = static_cast<double>(results.plan.cells.size()) * results.plan.trials;
    const double left = Seconds(Clock::now() - begin_).count() / pairs_done_ * (all - pairs_done_);
    draw(fmt::format("{}  pair {}/{}{}  {:.0f} s left", position(results), pair, results.plan.trials,
                     running_estimate(results.cells.back()), left),
         false);
  }
  void cell_done(const BenchResults&) override {}
  void finished() override {
    if (drawn_) fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
  }

  void draw(std::string line, bool at_once) {
    const auto now = Clock::now();
    if (!at_once && drawn_ && now - last_ < kBetweenDraws) return;
    last_ = now;
    drawn_ = true;
    line = spell(style_, std::move(line));
    // A line that wraps could not be erased. One column stays free for the cursor.
    const auto width = static_cast<std::size_t>(std::max(20, width_of(stderr) - 1));
    while (columns_of(line) > width) {
      do line.pop_back();
      while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0x80) != 0);
    }
    fmt::print(stderr, "\r\033[K{}", line);
    std::fflush(stderr);
  }

  const TextStyle style_ = detect_style(stderr, ColorChoice::kNever, false);
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_;
  bool drawn_ = false;
  int pairs_done_ = 0;
};

}  // namespace

std::unique_ptr<Progress> make_progress(ProgressKind kind) {
  switch (kind) {
    case ProgressKind::kLines:
      return std::make_unique<Lines>();
    case ProgressKind::kRedrawn:
      return std::make_unique<Redrawn>();
    case ProgressKind::kNone:
      break;
  }
  return std::make_unique<Silence>();
}

}  // namespace twinpool::bench
