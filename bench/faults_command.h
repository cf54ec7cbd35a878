// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cli.h"
#include "bench/fault_drill.h"

namespace twinpool::bench {

/// What the user typed after `twinpool faults`, read but not yet judged.
struct FaultsOptions {
  std::vector<std::string> faults;  ///< empty: all
  std::string backend = "both";
  std::string workers;  ///< empty: usable CPUs, at least 2 and at most 4
  std::string tasks;
  std::string repeats;
  std::string seed;
};

inline constexpr std::uint64_t kDefaultDrillTasks = 400;
inline constexpr std::uint64_t kFewestDrillTasks = 8;
inline constexpr std::uint64_t kMostDrillTasks = 1'000'000;
inline constexpr std::uint64_t kDefaultRepeats = 5;
inline constexpr std::uint64_t kMostRepeats = 1'000;

/// Judges what was typed. Pure.
///
/// Errors: UsageError with the sentence for the user.
[[nodiscard]] DrillOptions plan_drills(const FaultsOptions& options, int usable_cpus);

/// `twinpool faults`. Needs a main() that knows the trial kind kFaultTrial.
extern const Command kFaultsCommand;

}  // namespace twinpool::bench
