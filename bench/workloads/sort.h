// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/workloads/registry.h"

namespace twinpool::bench {

extern const Workload kSort;

}  // namespace twinpool::bench
