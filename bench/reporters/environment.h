// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/results.h"

namespace twinpool::bench {

/// The first line of a report: version, workers, CPUs, kernel, C library, seed.
[[nodiscard]] std::string environment_line(const Plan& plan);
/// The second: how quiet the machine was, and how small a difference the run could see.
[[nodiscard]] std::string noise_line(const BenchResults& results);

}  // namespace twinpool::bench
