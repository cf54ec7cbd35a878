// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

inline constexpr int kSchemaVersion = 1;

/// Everything: options, machine, every sample, and what follows from them; see bench/json_schema.md.
///
/// Takes: `command`, the command line as it was typed.
[[nodiscard]] nlohmann::json make_report(const BenchResults& results,
                                         const std::vector<std::string>& command);

/// What makes a cell the cell that it is: the names with which every cell of a report begins.
[[nodiscard]] nlohmann::json cell_key_json(const Cell& cell);
/// The options of a run as a report has them, its cells included.
[[nodiscard]] nlohmann::json options_json(const Plan& plan);

/// A document as it is written to files: text that is no UTF-8, such as the last words of a crashing program,
/// is replaced.
[[nodiscard]] std::string print_document(const nlohmann::json& document);

}  // namespace twinpool::bench
