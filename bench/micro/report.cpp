// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bench/reporters/text_table.h"
#include "bench/statistics.h"

namespace twinpool::bench::micro {
namespace {

using Align = TextTable::Align;

constexpr std::string_view kContestants[] = {kThreadTwin, kProcessTwin, kPlainPool, kAsioPool, kPingPong};
constexpr std::string_view kObserved[] = {kBareThreads, kWatchedThreads, kBareProcesses, kWatchedProcesses};

std::string with_quartiles(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return fmt::format("{:.0f} ({:.0f}..{:.0f})", median(samples), percentile(samples, 0.25),
                     percentile(samples, 0.75));
}

std::string amount(double value, const std::string& unit) {
  return unit == "x" ? fmt::format("{:.2f}x", value) : fmt::format("{:.2f} M {}", value / 1e6, unit);
}

}  // namespace

std::string describe_times(const Measurements& measurements) {
  TextTable round_trips({Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  round_trips.add({"round trip, ns", "p50", "p99", "mean"});
  TextTable throughput({Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  std::vector<std::string> head{"throughput, ns a task"};
  for (const std::size_t window : kWindows) head.push_back(fmt::format("window {}", window));
  throughput.add(head);

  for (const std::string_view contestant : kContestants) {
    const std::string name(contestant);
    const Series& trips = measurements.at({contestant, kRoundTrip});
    round_trips.add(
        {name, with_quartiles(trips.p50_ns), with_quartiles(trips.p99_ns), with_quartiles(trips.mean_ns)});
    if (contestant == kPingPong) continue;  // one number to and fro: it has no window
    std::vector<std::string> row{name};
    for (const std::size_t window : kWindows)
      row.push_back(with_quartiles(measurements.at({contestant, window}).mean_ns));
    throughput.add(std::move(row));
  }
  TextTable observed({Align::kLeft, Align::kRight});
  observed.add({"observed, ns a task", fmt::format("window {}", kWatchedWindow)});
  for (const std::string_view contestant : kObserved) {
    observed.add(
        {std::string(contestant), with_quartiles(measurements.at({contestant, kWatchedWindow}).mean_ns)});
  }
  return round_trips.str() + "\n" + throughput.str() + "\n" + observed.str();
}

std::string describe_goals(std::span<const Goal> goals) {
  TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"goals", "goal", "reached", "95 % interval", ""});
  for (const Goal& goal : goals) {
    table.add({goal.sentence,
               fmt::format("{} {}", goal.at_least ? ">=" : "<=", amount(goal.limit, goal.unit)),
               amount(goal.value, goal.unit),
               goal.interval ? fmt::format("{} .. {}", amount(goal.interval->low, goal.unit),
                                           amount(goal.interval->high, goal.unit))
                             : "too few rounds",
               goal.met() ? "met" : "missed"});
  }
  return table.str();
}

}  // namespace twinpool::bench::micro
