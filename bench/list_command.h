// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/cli.h"

namespace twinpool::bench {

/// `twinpool list [workloads|faults|backends|strategies]`.
extern const Command kListCommand;

}  // namespace twinpool::bench
