// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "bench/plan_report.h"
#include "bench/reporters/table.h"
#include "bench/reporters/terminal.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

using Seconds = std::chrono::duration<double>;
constexpr Seconds kBetweenDraws{0.25};
constexpr Seconds kBetweenLines{30};  // where nothing can be redrawn

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

/// How long the rest takes, from the pace of the pairs so far; before there is one, from the plan.
class RestOfRun {
 public:
  void pair_done() { ++pairs_done_; }

  /// "  about 38 s left"; "" where nothing can be said.
  [[nodiscard]] std::string describe(const BenchResults& results) const {
    const Plan& plan = results.plan;
    const double elapsed_s = Seconds(Clock::now() - begin_).count();
    std::optional<double> left_s;
    if (pairs_done_ > 0) {
      left_s = elapsed_s / pairs_done_ * pairs_left(results);
    } else if (const auto estimate = estimate_time(plan)) {
      left_s = estimate->least_s - elapsed_s;
    }
    if (!left_s) return "";
    if (plan.max_time_s) left_s = std::min(*left_s, *plan.max_time_s - elapsed_s);
    return fmt::format("  {} {} left", plan.precision ? "at least" : "about", print_span(*left_s));
  }

 private:
  static double pairs_left(const BenchResults& results) {
    const auto each = static_cast<double>(results.plan.trials);
    const auto after_this = static_cast<double>(results.plan.cells.size() - results.cells.size());
    const CellResult& now = results.cells.back();
    const double of_this =
        now.complete ? 0 : std::max(0.0, each - static_cast<double>(now.sides.front().samples.size()));
    return after_this * each + of_this;
  }

  const Clock::time_point begin_ = Clock::now();
  int pairs_done_ = 0;
};

/// "  pair 5/10", with --precision the most that there may be.
std::string pair_of(const BenchResults& results, std::size_t pair) {
  return fmt::format("  pair {}/{}", pair, results.plan.most_pairs());
}

/// A line for each finished cell, and one now and then within a long one.
class Lines final : public Progress {
  void control(const BenchResults&) override {}
  void cell_begins(const BenchResults&) override {}
  void pair_done(const BenchResults& results, std::size_t pair) override {
    rest_.pair_done();
    if (Clock::now() - last_ > kBetweenLines) say(results, pair_of(results, pair));
  }
  void cell_done(const BenchResults& results) override {
    say(results, fmt::format("  foreign {:.0f} %", results.cells.back().foreign_cpu * 100));
  }
  void finished() override {}

  void say(const BenchResults& results, const std::string& what) {
    last_ = Clock::now();
    const TextStyle style = detect_style(stderr, ColorChoice::kNever, false);
    const bool last = results.cells.back().complete && results.cells.size() == results.plan.cells.size();
    fmt::print(stderr, "{}\n",
               spell(style, position(results) + what + running_estimate(results.cells.back()) +
                                (last ? "" : rest_.describe(results))));
  }

  RestOfRun rest_;
  Clock::time_point last_ = Clock::now();
};

class Redrawn final : public Progress {
  void control(const BenchResults& results) override {
    const auto done = results.control_before.pairs.size() + results.control_after.pairs.size();
    draw(fmt::format("control  pair {}{}", done, results.cells.empty() ? rest_.describe(results) : ""),
         false);
  }
  void cell_begins(const BenchResults& results) override {
    draw(position(results) + "  calibrating" + rest_.describe(results), true);
  }
  void pair_done(const BenchResults& results, std::size_t pair) override {
    rest_.pair_done();
    draw(position(results) + pair_of(results, pair) + running_estimate(results.cells.back()) +
             rest_.describe(results),
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
  RestOfRun rest_;
  Clock::time_point last_;
  bool drawn_ = false;
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
