// SPDX-License-Identifier: Apache-2.0
#include "bench/rate_drill.h"

#include <algorithm>

#include "bench/faults/load.h"
#include "bench/faults/rate_trial.h"

namespace twinpool::bench {
namespace {

RateRun make_run(const RateSpec& spec, int repeat) {
  RateRun run;
  run.backend = spec.backend;
  run.fault = spec.fault;
  run.repeat = repeat;
  run.workers = spec.workers;
  run.every = spec.every;
  run.duration_s = run.elapsed_s = std::chrono::duration<double>(spec.duration).count();
  return run;
}

RateRun observe(RateRun run, Trial& trial, bool stood_still) {
  run.stood_still = stood_still;
  run.end = trial.finish();
  run.cpu_s = run.end.user_s + run.end.system_s;
  const nlohmann::json result = trial.result();
  if (result.is_object() && result.contains("skipped")) {
    run.skipped = result["skipped"];
    return run;
  }
  const TrialPage& page = trial.page();
  static_cast<TaskCounts&>(run) = read_counts(page);
  run.fired = page.fired;
  check_began(result, run.end, run.fired != 0);
  run.program_survived = run.end.clean() && result.is_object() && !result.contains("error");
  if (run.program_survived) {
    run.worker_deaths = result.at("pool").at("worker_deaths");
    run.restarts = result.at("restarts");
    run.elapsed_s = result.at("elapsed_s");
    run.weak_s = result.at("weak_s");
    run.degraded_s = result.at("degraded_s");
  } else {
    account_for_death(run, stood_still || run.end.how == TrialEnd::How::kDeadline);
    run.worker_deaths = static_cast<std::uint64_t>(run.workers);
    run.weak_s = std::max(run.duration_s - run.end.wall_s, 0.0);
  }
  run.imbalance = find_imbalance(run, run.program_survived ? result.at("pool") : nlohmann::json());
  if (run.imbalance.empty() && result.is_object() && result.contains("drained") && result["drained"] != true)
    run.imbalance = "an idle pool could not be drained";
  return run;
}

/// Gives: nothing when the user interrupted.
std::optional<RateRun> run_one(const DrillOptions& options, RateSpec spec, int repeat, bool strikes,
                               const std::function<void(const RateRun&)>& live) {
  spec.every = strikes ? options.every : 0;
  spec.run_limit = options.run_limit;
  spec.seed = options.seed + static_cast<std::uint64_t>(repeat);
  Trial trial(kRateTrial.name, to_json(spec),
              {.limit = kTrialOverhead + spec.duration, .program = options.program});
  const auto begin = Clock::now();
  const RateRun blank = make_run(spec, repeat);
  const bool stood_still = wait_for_end(trial, [&] {
    RateRun run = blank;
    static_cast<TaskCounts&>(run) = read_counts(trial.page());
    run.fired = trial.page().fired;
    run.elapsed_s = std::chrono::duration<double>(Clock::now() - begin).count();
    live(run);
  });
  if (trial.finish().how == TrialEnd::How::kInterrupted) return std::nullopt;
  return observe(blank, trial, stood_still);
}

/// All trials to come, in their order.
struct Step {
  RateSpec spec;
  int repeat;
  bool strikes;
};
std::vector<Step> plan_steps(const DrillOptions& options, std::uint64_t span) {
  std::vector<Step> steps;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (const int fault : options.faults) {
      for (const Backend backend : options.backends) {
        if (!fault_at(fault).expected_in(backend).applies) continue;
        const RateSpec spec{.fault = fault,
                            .backend = backend,
                            .workers = options.workers,
                            .duration = options.duration,
                            .window = kWindowPerWorker * static_cast<std::uint64_t>(options.workers),
                            .span = span};
        const bool first = repeat % 2 == 1;
        steps.push_back({spec, repeat, first});
        steps.push_back({spec, repeat, !first});
      }
    }
  }
  return steps;
}

}  // namespace

DrillResults run_rates(const DrillOptions& options,
                       const std::function<void(const RateRun&, std::size_t, std::size_t)>& progress,
                       const std::function<void(const RateRun&, std::size_t, std::size_t)>& live) {
  DrillResults results;
  results.options = options;
  results.span = calibrate_span(kTaskTarget);
  const auto steps = plan_steps(options, results.span);
  for (const Step& step : steps) {
    auto run = run_one(options, step.spec, step.repeat, step.strikes, [&](const RateRun& so_far) {
      if (live) live(so_far, results.rates.size(), steps.size());
    });
    if (!run) {
      results.interrupted = true;
      return results;
    }
    results.rates.push_back(std::move(*run));
    if (progress) progress(results.rates.back(), results.rates.size(), steps.size());
  }
  return results;
}

std::vector<RateSummary> summarise_rates(const DrillResults& results) {
  std::vector<RateSummary> summaries;
  for (const int fault : results.options.faults) {
    for (const Backend backend : results.options.backends) {
      RateSummary summary{fault, backend, {}, {}};
      for (const RateRun& run : results.rates) {
        if (run.fault == fault && run.backend == backend)
          (run.every == 0 ? summary.calm : summary.struck).push_back(&run);
      }
      if (!summary.calm.empty() || !summary.struck.empty()) summaries.push_back(std::move(summary));
    }
  }
  return summaries;
}

}  // namespace twinpool::bench
