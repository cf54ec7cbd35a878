// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "bench/peers/report.h"
#include "bench/reporters/text_table.h"
#include "bench/statistics.h"

namespace twinpool::bench::peers {
namespace {

constexpr const char* kThreadTwin = "twinpool threads";
constexpr const char* kProcessTwin = "twinpool processes";

/// One line of the list: `value` shall not be above `limit`.
struct Goal {
  std::string sentence;
  std::string unit;
  double limit;
  std::vector<double> values;
};

class Judge {
 public:
  Judge(const std::vector<Peer>& peers, const Figures& figures) : peers_(peers), figures_(figures) {}

  /// A time of one contestant, in nanoseconds.
  void time(const char* peer, const std::string& figure, double limit) {
    if (const auto* const values = find(figure, peer)) add(fmt::format("{}: {}", peer, figure), "ns", limit, *values);
  }
  /// The time of `peer` by that of `other`, round by round.
  void ratio(const std::string& peer, const std::string& other, const std::string& figure, double limit) {
    const auto* const over = find(figure, peer);
    const auto* const under = find(figure, other);
    if (over == nullptr || under == nullptr) return;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < over->size(); ++i) ratios.push_back((*over)[i] / under->at(i));
    add(fmt::format("{} over {}: {}", peer, other, figure), "x", limit, ratios);
  }
  /// The best other pool of that kind whose name begins with `prefix`.
  void best_ratio(const std::string& peer, Kind kind, std::string_view prefix, const std::string& figure,
                  double limit) {
    std::optional<std::string> best;
    for (const Peer& other : peers_) {
      if (other.kind != kind || other.name == peer || other.name.rfind(prefix, 0) != 0) continue;
      const auto* const values = find(figure, other.name);
      if (values != nullptr && (!best || median(*values) < median(*find(figure, *best)))) best = other.name;
    }
    if (best) ratio(peer, *best, figure, limit);
  }
  [[nodiscard]] const std::vector<Goal>& goals() const { return goals_; }

 private:
  [[nodiscard]] const std::vector<double>* find(const std::string& figure, const std::string& peer) const {
    const auto row = figures_.find(figure);
    if (row == figures_.end()) return nullptr;
    const auto cell = row->second.find(peer);
    return cell == row->second.end() ? nullptr : &cell->second;
  }
  void add(std::string sentence, std::string unit, double limit, std::vector<double> values) {
    goals_.push_back({std::move(sentence), std::move(unit), limit, std::move(values)});
  }

  const std::vector<Peer>& peers_;
  const Figures& figures_;
  std::vector<Goal> goals_;
};

}  // namespace

std::string describe_goals(const std::vector<Peer>& peers, const Figures& figures) {
  Judge judge(peers, figures);
  judge.best_ratio(kThreadTwin, Kind::kThreads, "", "fire and forget", 1.0 / 3);
  judge.best_ratio(kThreadTwin, Kind::kThreads, "", "window 64", 1);
  judge.best_ratio(kThreadTwin, Kind::kThreads, "", "window 1024", 1);
  judge.best_ratio(kThreadTwin, Kind::kThreads, "", "one at a time, p50", 1);
  judge.time(kThreadTwin, "fire and forget", 80);
  judge.time(kThreadTwin, "window 100000", 500);
  judge.time(kThreadTwin, "window 64", 150);
  judge.time(kThreadTwin, "window 1024", 120);
  judge.time(kThreadTwin, "one at a time, p50", 1000);
  judge.time(kThreadTwin, "one at a time, p99", 5000);
  judge.time(kThreadTwin, "fib(30), a call", 40);
  for (const char* const figure : {"window 1", "window 64", "window 1024"}) {
    judge.ratio(kProcessTwin, kThreadTwin, figure, 1.2);
    judge.best_ratio(kProcessTwin, Kind::kProcesses, "Python", figure, 0.01);
  }
  for (const char* const bytes : {"1 MiB", "16 MiB", "64 MiB"}) {
    judge.ratio(kProcessTwin, "one memcpy", fmt::format("send {}", bytes), 1.3);
    judge.ratio(kProcessTwin, "one memcpy", fmt::format("fetch {}", bytes), 1.3);
  }
  judge.time(kProcessTwin, "share 64 MiB", 20'000);
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"goals", "at most", "reached", "95 % interval", ""});
  for (const Goal& goal : judge.goals()) {
    const double value = median(goal.values);
    const auto interval = sign_interval(goal.values);
    const auto show = [&goal](double amount) {
      return goal.unit == "x" ? fmt::format("{:.3g}x", amount) : fmt::format("{:.0f} ns", amount);
    };
    table.add({goal.sentence, show(goal.limit), show(value),
               interval ? fmt::format("{} .. {}", show(interval->low), show(interval->high)) : "too few rounds",
               value <= goal.limit ? "met" : "missed"});
  }
  return table.str();
}

}  // namespace twinpool::bench::peers
