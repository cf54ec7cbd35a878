// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/goals.h"

#include <utility>

namespace twinpool::bench::micro {
namespace {

std::vector<double> ratios(const std::vector<double>& of, const std::vector<double>& to) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < of.size(); ++i) ratios.push_back(of[i] / to.at(i));
  return ratios;
}

Goal reach(std::string sentence, std::string unit, bool at_least, double limit,
           const std::vector<double>& values) {
  return {std::move(sentence), std::move(unit), limit, at_least, median(values), sign_interval(values)};
}

}  // namespace

std::vector<Goal> judge_goals(const Measurements& measurements) {
  const auto& threads_1024 = measurements.at({kThreadTwin, 1024}).mean_ns;
  const auto& plain_1024 = measurements.at({kPlainPool, 1024}).mean_ns;
  const auto& threads_64 = measurements.at({kThreadTwin, 64}).mean_ns;
  const auto& processes_64 = measurements.at({kProcessTwin, 64}).mean_ns;
  const auto& processes_p50 = measurements.at({kProcessTwin, kRoundTrip}).p50_ns;
  const auto& ping_pong_p50 = measurements.at({kPingPong, kRoundTrip}).p50_ns;

  const auto watched_over_bare = [&](std::string_view watched, std::string_view bare) {
    return ratios(measurements.at({watched, kWatchedWindow}).mean_ns,
                  measurements.at({bare, kWatchedWindow}).mean_ns);
  };
  std::vector<double> tasks_per_s;
  for (const double ns : processes_64) tasks_per_s.push_back(1e9 / ns);
  return {
      reach("thread twin's throughput over the plain pool's, window 1024", "x", true, 5,
            ratios(plain_1024, threads_1024)),
      reach("process twin's throughput, window 64", "tasks/s", true, 1e6, tasks_per_s),
      reach("process twin's time a task over the thread twin's, window 64", "x", false, 1.5,
            ratios(processes_64, threads_64)),
      reach("process twin's round-trip p50 over the ping-pong's", "x", false, 1.5,
            ratios(processes_p50, ping_pong_p50)),
      reach("thread twin's time a task when watched over bare, window 1024", "x", false, 1.05,
            watched_over_bare(kWatchedThreads, kBareThreads)),
      reach("process twin's time a task when watched over bare, window 1024", "x", false, 1.05,
            watched_over_bare(kWatchedProcesses, kBareProcesses)),
  };
}

}  // namespace twinpool::bench::micro
