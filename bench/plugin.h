// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "bench/trial.h"

/// A user's own workloads in shared libraries: `--load ./libmine.so`.
namespace twinpool::bench {

struct WorkloadTable;

/// Loads the libraries and registers their workloads, in this process. A library stays loaded; one that was
/// loaded before is skipped.
///
/// Errors: std::invalid_argument with the sentence for the user: no such file, no library, no table of
/// workloads, one for another twinpool, a taken name.
void load_workloads(std::span<const std::string> paths);

/// For commands: tries each library in a trial before it is loaded here, so that one that crashes while it is
/// loaded cannot take the command with it.
///
/// Errors: UsageError.
void load_workloads_for_command(std::span<const std::string> paths);

/// Registers the workloads that this program was linked with, if any (TWINPOOL_WORKLOADS in one of its
/// files). Errors: as for load_workloads.
void add_linked_workloads(const WorkloadTable* table);

nlohmann::json run_load_trial(TrialContext& trial);
inline constexpr TrialKind kLoadTrial{"load", run_load_trial};

}  // namespace twinpool::bench
