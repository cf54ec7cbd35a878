// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/cli.h"
#include "bench/fault_drill.h"

namespace twinpool::bench {

/// What the user typed after `twinpool faults`, read but not yet judged.
struct FaultsOptions {
  std::vector<std::string> faults;  ///< empty: the standard set; "all" is a name too
  std::string backend = "both";
  std::string workers;  ///< empty: usable CPUs, at least 2 and at most 4
  std::string tasks;
  std::string repeats;
  std::string seed;
  std::string every;  ///< empty: single faults
  std::string duration;
  std::string rate;       ///< empty: a closed loop
  std::string run_limit;  ///< empty: none
};

inline constexpr std::uint64_t kDefaultDrillTasks = 400;
inline constexpr std::uint64_t kFewestDrillTasks = 8;
inline constexpr std::uint64_t kMostDrillTasks = 1'000'000;
inline constexpr std::uint64_t kDefaultRepeats = 3;
inline constexpr std::uint64_t kDefaultRateRepeats = 1;
inline constexpr std::uint64_t kMostRepeats = 1'000;
/// Two faulty tasks of one strike, and one more.
inline constexpr std::uint64_t kShortestEvery = 3;
inline constexpr std::chrono::nanoseconds kDefaultRateDuration = std::chrono::seconds(10);
inline constexpr std::chrono::nanoseconds kShortestRateDuration = std::chrono::milliseconds(100);
/// A task of 1 ms each; and a day of them.
inline constexpr double kHighestRate = 1e6;
inline constexpr double kLowestRate = 1;
inline constexpr std::chrono::nanoseconds kShortestRunLimit = std::chrono::milliseconds(10);
inline constexpr std::chrono::nanoseconds kLongestRunLimit = std::chrono::seconds(10);
inline constexpr std::chrono::nanoseconds kLongestRateDuration = std::chrono::hours(24);

/// Judges what was typed. Pure.
///
/// Errors: UsageError with the sentence for the user.
[[nodiscard]] DrillOptions plan_drills(const FaultsOptions& options, int usable_cpus);

/// `twinpool faults`. Needs a main() that knows the trial kinds kFaultTrial and kRateTrial.
extern const Command kFaultsCommand;

}  // namespace twinpool::bench
