// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "bench/workloads/flow.h"

namespace twinpool::bench {

/// The flow of a workload that is a `task` function: FlowOptions::workload says which one.
///
/// All of them share one task type that carries the function's address, which is the same in every process
/// forked from the one that loaded it; so a workload's file needs none of the pool's headers.
[[nodiscard]] std::unique_ptr<Flow> open_kernel(Pool& pool, const FlowOptions& options);

}  // namespace twinpool::bench
