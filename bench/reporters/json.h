// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "bench/results.h"

namespace twinpool::bench {

inline constexpr int kSchemaVersion = 1;

/// Everything: options, machine, every sample, and what follows from them; see bench/json_schema.md.
///
/// Takes: `command`, the command line as it was typed.
[[nodiscard]] nlohmann::json make_report(const BenchResults& results,
                                         const std::vector<std::string>& command);

}  // namespace twinpool::bench
