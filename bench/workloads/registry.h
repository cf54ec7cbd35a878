// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workload.h"
#include "bench/workloads/flow.h"

namespace twinpool::bench {

/// All workloads, the built-in ones first, in the order in which they run and are listed.
[[nodiscard]] std::span<const Workload> workloads();
/// Gives: null when there is none of that name.
[[nodiscard]] const Workload* find_workload(std::string_view name);
[[nodiscard]] std::vector<std::string> workload_names();

/// Adds a user's own workloads. Call it before a plan is made: pointers from find_workload() end here.
///
/// Errors: std::invalid_argument with the sentence for the user when the table is not made for this program,
/// or a workload has no name, a taken one, or nothing to do; then none of them has been added.
/// Threads: from one thread, while nobody reads.
void add_workloads(const WorkloadTable& table);

/// The workloads of a suite by name: "default", "quick", "full" or "tails". Gives: empty when there is none
/// such.
[[nodiscard]] std::vector<const Workload*> workloads_of_suite(std::string_view suite);
[[nodiscard]] std::vector<std::string> suite_names();

/// The settings that a flow runs with.
[[nodiscard]] Settings settings_of(const Workload& workload, const FlowOptions& options);

}  // namespace twinpool::bench
