// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/results.h"

namespace twinpool::bench {

/// Takes up what an interrupted run of the same plan wrote, so that only the rest is measured. The cell that
/// it was interrupted in goes on after its last whole pair, in the order that the seed laid out.
///
/// Takes:  `path` of a JSON file of `twinpool bench`: its --json, or the partial file beside it.
/// Errors: UsageError that names the first thing that differs: it is no such file, is complete, or was
/// measured with
///         other options or another seed, machine, build or version.
[[nodiscard]] BenchResults resume_from(const std::string& path, const Plan& plan);

}  // namespace twinpool::bench
