// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/cli.h"

namespace twinpool::bench {

/// `twinpool bench`. Needs a main() that knows the trial kinds kRoundTrial and kMemoryTrial.
extern const Command kBenchCommand;

}  // namespace twinpool::bench
