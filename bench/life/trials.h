// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "bench/life/life.h"
#include "bench/trial.h"
#include "shared/future.h"
#include "shared/options.h"

/// What runs in fresh processes, one function a kind of trial. Each gives Samples as JSON.
namespace twinpool::bench::life {

/// Workers that kill themselves, over and over, in a pool of one worker.
///
/// Takes: backend "processes" or "fork" (no pool: a fork by hand), signal, owner_mib, touched_first, spares, crashes.
nlohmann::json crash_trial(TrialContext& context);
/// Takes: backend, workers, later: how many pools after the first.
nlohmann::json start_trial(TrialContext& context);
/// Takes: backend, workers. Pauses at "at rest"; page().marks then hold the workers' pids.
nlohmann::json rest_trial(TrialContext& context);
/// Takes: contestant, window, tasks, tracepoint (-1: none).
nlohmann::json steady_trial(TrialContext& context);

/// Runs a trial to its end.
///
/// Takes:  `at_mark`, called with the trial's pid and page while it pauses.
/// Errors: std::runtime_error with a sentence when it did not end well.
[[nodiscard]] Samples run_trial(const std::string& kind, const nlohmann::json& spec,
                                const std::function<void(Trial&)>& at_mark = {});

/// A pool of so many workers, and everything else as it comes.
[[nodiscard]] PoolOptions options_of(int workers);

}  // namespace twinpool::bench::life
