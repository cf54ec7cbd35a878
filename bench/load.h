// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How tasks come in when they do not wait for results: an open loop.
namespace twinpool::bench {

struct BenchOptions;

/// How the tasks of an open loop are spread over time.
enum class Arrivals {
  kFixed,    ///< one every 1/rate
  kPoisson,  ///< independent of each other, 1/rate apart on average
};
[[nodiscard]] std::string_view name_of(Arrivals arrivals);
[[nodiscard]] std::optional<Arrivals> arrivals_named(std::string_view name);

/// What a cell with an open loop is asked for; a cell without is a closed loop.
struct OpenLoad {
  double tasks_per_s = 0;  ///< 0: `percent` says it
  double percent = 0;      ///< of the capacity of the slower backend in a closed loop of the same cell
  /// Of a ramp: the rate at the end of a round, in the unit of the two above, which then are that at its
  /// begin. 0: the rate stays as it is.
  double rise_to = 0;
  Arrivals arrivals = Arrivals::kFixed;
  std::chrono::nanoseconds stall{0};        ///< for so long all workers are held up; 0: never
  std::chrono::nanoseconds stall_every{0};  ///< how often; 0: once, in the middle of a round
  std::chrono::nanoseconds crash_every{0};  ///< how often a task crashes its worker; 0: never

  bool operator==(const OpenLoad&) const = default;
  [[nodiscard]] bool is_ramp() const { return rise_to > 0; }
  /// The rate, of a ramp that at its begin, in the unit in which it was asked for.
  [[nodiscard]] double rate() const { return percent > 0 ? percent : tasks_per_s; }
  /// The rate at the end of a round as a multiple of that at its begin.
  [[nodiscard]] double rise() const { return is_ramp() ? rise_to / rate() : 1; }
  /// The average rate of a round as a multiple of that at its begin.
  [[nodiscard]] double mean() const { return (1 + rise()) / 2; }
};

/// "70%", "20000" or "10%..120%": the rate as names of cells and JSON have it.
[[nodiscard]] std::string rate_name(const OpenLoad& load);

inline constexpr double kMostRate = 10e6;  ///< tasks per second; one thread submits fewer
inline constexpr double kMostPercent = 1000;
inline constexpr std::uint64_t kMostOpenTasks = 10'000'000;  ///< of one round
/// Fewer tasks in a round are no load.
inline constexpr std::uint64_t kFewestOpenTasks = 10;
/// Unfinished tasks at a time, unless told: room for those that come while the generator sleeps.
inline constexpr std::uint64_t kDefaultOpenWindow = 1024;
inline constexpr std::chrono::milliseconds kOpenRoundLength{500};
/// A round is so many times longer than its stall, unless told: the backlog is to be gone before it ends.
inline constexpr int kStallsInRound = 8;
/// Of a ramp, unless told: each of its steps (RampStep) lasts a tenth of it.
inline constexpr std::chrono::milliseconds kRampLength{2000};
/// A round is so many times longer than the time between its crashes, unless told.
inline constexpr int kCrashesInRound = 3;

/// One rate: "20k", "20k/s" or "70%". Takes: what it was given to. Errors: UsageError.
[[nodiscard]] OpenLoad read_rate(const std::string& text, const char* flag = "--rate");

/// Judges what was typed about load. Pure.
///
/// Gives:  one load for each rate, in the order typed and each once; none for a closed loop.
/// Errors: UsageError with the sentence for the user.
[[nodiscard]] std::vector<OpenLoad> read_loads(const BenchOptions& options);
/// The length of a round that has these loads, where no other was asked for.
[[nodiscard]] std::chrono::nanoseconds default_round_length(const OpenLoad& load);
/// Whether a round of so many tasks (none: of that length) can have such a load. Errors: UsageError.
void check_round(const OpenLoad& load, const std::optional<std::uint64_t>& tasks,
                 std::chrono::nanoseconds round_length);

}  // namespace twinpool::bench
