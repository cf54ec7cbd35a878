// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinpool::bench::micro {

inline constexpr std::string_view kThreadTwin = "thread twin";
inline constexpr std::string_view kProcessTwin = "process twin";
inline constexpr std::string_view kPlainPool = "plain pool";
inline constexpr std::string_view kAsioPool = "Boost.Asio";
inline constexpr std::string_view kPingPong = "ping-pong";
/// The twins again, each as two pools of its own that differ in one thing: nobody looks at one; the other has
/// `on_event` set and an Observer.
inline constexpr std::string_view kBareThreads = "thread twin, bare";
inline constexpr std::string_view kWatchedThreads = "thread twin, watched";
inline constexpr std::string_view kBareProcesses = "process twin, bare";
inline constexpr std::string_view kWatchedProcesses = "process twin, watched";

/// Tasks in flight in the throughput cases.
inline constexpr std::size_t kWindows[] = {1, 64, 1024};
/// Tasks in flight where bare and watched pools are compared.
inline constexpr std::size_t kWatchedWindow = 1024;
/// How long such a case is timed at least: an Observer looks 5 times meanwhile.
inline constexpr double kWatchedCase_s = 0.5;
/// Stands for a window where round trips are timed one by one.
inline constexpr std::size_t kRoundTrip = 0;

/// The counters that a round-trip case gives beside its mean time, in nanoseconds.
inline constexpr const char* kP50 = "p50_ns";
inline constexpr const char* kP99 = "p99_ns";
/// The counter that a watched case gives: how often its Observer looked.
inline constexpr const char* kLooks = "looks";

/// One contestant in one discipline.
struct Case {
  std::string_view contestant;
  std::size_t window = kRoundTrip;
  /// A body for Google Benchmark: one iteration is one task. Skips with an error when a result is wrong.
  std::function<void(benchmark::State&)> run;
  /// Timed for at least so long, whatever RoundOptions::case_s says.
  double least_s = 0;

  [[nodiscard]] std::string name() const;
};

/// All that compete, started once and idle but for the one whose turn it is. A task takes a number and gives
/// it back: nothing is cheaper, and a lost or mixed-up task still shows.
class Contestants {
 public:
  /// Requires: the program has one thread.
  ///
  /// Errors: std::system_error.
  explicit Contestants(int workers);
  ~Contestants();

  /// Their bodies refer to this object.
  [[nodiscard]] std::vector<Case> cases();

 private:
  struct Pools;
  std::unique_ptr<Pools> pools_;
};

}  // namespace twinpool::bench::micro
