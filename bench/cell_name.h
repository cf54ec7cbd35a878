// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "bench/plan.h"

namespace twinpool::bench {

/// Gives: a name for a cell that is the same in every run and in every format: the workload, the workers, and
///        whatever differs from the defaults, as "noop/workers:2/payload:4096". With a backend it stands
///        right after the workload ("noop/backend:threads/workers:2"), so that the names of the twins differ
///        in one token. Never contains blanks or "|".
/// Takes: `assign`, what stands between a key and its value.
[[nodiscard]] std::string name_of(const Cell& cell, std::string_view backend = {}, char assign = ':');

/// The same as a part of a file name: without "/" and ":".
[[nodiscard]] std::string file_name_of(const Cell& cell);

}  // namespace twinpool::bench
