// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/cli.h"
#include "shared/scoreboard_reader.h"

namespace twinpool::bench {

/// `twinpool status PID`.
extern const Command kStatusCommand;

/// One pool as a heading and a table: a line for each worker that is there, and for each place in the pool that
/// stands empty but has a history. Deaths and replacements are those of the worker's place in the pool, its
/// tasks its own.
[[nodiscard]] std::string print_scoreboard(const ScoreboardSnapshot& shot);

}  // namespace twinpool::bench
