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

/// Tasks in flight in the throughput cases.
inline constexpr std::size_t kWindows[] = {1, 64, 1024};
/// Stands for a window where round trips are timed one by one.
inline constexpr std::size_t kRoundTrip = 0;

/// The counters that a round-trip case gives beside its mean time, in nanoseconds.
inline constexpr const char* kP50 = "p50_ns";
inline constexpr const char* kP99 = "p99_ns";

/// One contestant in one discipline.
struct Case {
  std::string_view contestant;
  std::size_t window = kRoundTrip;
  /// A body for Google Benchmark: one iteration is one task. Skips with an error when a result is wrong.
  std::function<void(benchmark::State&)> run;

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
