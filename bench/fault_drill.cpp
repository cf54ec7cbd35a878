// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bench/faults/fault_trial.h"
#include "bench/faults/load.h"
#include "bench/trace/chrome_trace.h"

namespace twinpool::bench {
namespace {

constexpr std::chrono::microseconds kTaskTarget{1'000};
/// Beside the load: time to start, to notice hangs, to come back to strength, to stop.
constexpr std::chrono::seconds kOverhead{45};
constexpr std::chrono::milliseconds kTaskAllowance{10};

std::optional<double> seconds_between(std::int64_t from_ns, std::int64_t to_ns) {
  if (from_ns == 0 || to_ns == 0) return std::nullopt;
  return static_cast<double>(to_ns - from_ns) * 1e-9;
}
std::optional<double> seconds(std::uint64_t ns) {
  if (ns == 0) return std::nullopt;
  return static_cast<double>(ns) * 1e-9;
}

/// Somewhere in the middle half, at the same place for both twins.
std::uint64_t choose_strike(const DrillOptions& options, int fault, int repeat) {
  std::seed_seq seeds{options.seed, options.seed >> 32, static_cast<std::uint64_t>(fault),
                      static_cast<std::uint64_t>(repeat)};
  std::mt19937_64 random(seeds);
  return options.tasks / 4 + random() % std::max<std::uint64_t>(options.tasks / 2, 1);
}

/// Reads off the counter page, which outlives the trial.
void read_page(const TrialPage& page, DrillRun& run) {
  run.submitted = page.submitted;
  run.delivered = page.delivered;
  run.failed = page.failed;
  run.lost = page.lost;
  run.wrong = page.wrong;
  run.refused = page.refused;
  run.hung = page.marks[kHungTasks];
  run.fired = page.fired != 0;
  run.noticed_s = seconds_between(page.fired_ns, page.noticed_ns);
  run.gap_before_s = seconds(page.marks[kGapBeforeNs]);
  run.gap_after_s = seconds(page.marks[kGapAfterNs]);
  run.workers_lost = page.worker_deaths;
  run.full_strength = page.restored_ns != 0;
  if (run.workers_lost > 0) run.restored_s = seconds_between(page.fired_ns, page.restored_ns);
}

/// The program is gone: so are its workers and what it had not settled.
void account_for_death(DrillRun& run) {
  const std::uint64_t settled = run.delivered + run.failed + run.lost;
  const std::uint64_t unsettled = run.submitted - std::min(run.submitted, settled);
  if (run.end.how == TrialEnd::How::kDeadline) {
    run.hung = unsettled;
  } else {
    run.hung = 0;
    run.lost += unsettled;
  }
  run.workers_lost = run.workers;
  run.full_strength = false;
  run.restored_s.reset();
  run.gap_after_s.reset();
}

DrillRun observe(const FaultSpec& spec, int repeat, const Trial& trial, const TrialEnd& end) {
  DrillRun run;
  run.backend = spec.backend;
  run.fault = spec.fault;
  run.repeat = repeat;
  run.strike_at = spec.strike_at;
  run.workers = spec.workers;
  run.tasks = spec.tasks;
  run.end = end;
  run.trial = trial.result();
  read_page(trial.page(), run);

  const bool reported = run.trial.is_object() && !run.trial.contains("error");
  if (!reported && !run.fired && end.how == TrialEnd::How::kExited) {
    const bool known = run.trial.is_object();
    throw DrillFailure(
        known ? run.trial["error"].get<std::string>()
              : fmt::format("a trial {} before its fault could strike: {}", describe(end), end.output),
        known && run.trial["unfit"].get<bool>());
  }
  run.program_survived = end.clean() && reported;
  if (!run.program_survived) account_for_death(run);
  run.workers_stuck = run.program_survived && run.hung > 0 ? 1 : 0;
  run.imbalance = find_imbalance(run);
  return run;
}

FaultSpec make_spec(const DrillOptions& options, std::uint64_t span, int fault, Backend backend, int repeat) {
  FaultSpec spec;
  spec.fault = fault;
  spec.backend = backend;
  spec.workers = options.workers;
  spec.tasks = options.tasks;
  spec.window = kWindowPerWorker * static_cast<std::uint64_t>(options.workers);
  spec.strike_at = choose_strike(options, fault, repeat);
  spec.span = span;
  spec.seed = options.seed + static_cast<std::uint64_t>(repeat);
  return spec;
}

TrialOptions trial_options(const DrillOptions& options) {
  return {.limit = kOverhead + kTaskAllowance * options.tasks, .program = options.program};
}

/// Gives: nothing when the user interrupted.
std::optional<DrillRun> run_one(const DrillOptions& options, std::uint64_t span, int fault, Backend backend,
                                int repeat) {
  const FaultSpec spec = make_spec(options, span, fault, backend, repeat);
  Trial trial(kFaultTrial.name, to_json(spec), trial_options(options));
  const TrialEnd& end = trial.finish();
  if (end.how == TrialEnd::How::kInterrupted) return std::nullopt;
  return observe(spec, repeat, trial, end);
}

/// A run whose tasks are written down, and that counts nowhere for that reason. Gives: false when the user
/// interrupted.
bool trace_one(const DrillOptions& options, std::uint64_t span, int fault, Backend backend) {
  const auto shared = SharedTrace::create(options.trace->tasks_of_next());
  FaultSpec spec = make_spec(options, span, fault, backend, 0);
  spec.trace = shared.path();
  Trial trial(kFaultTrial.name, to_json(spec), trial_options(options));
  TrialTrace taken = watch_trial(trial, shared);
  if (trial.finish().how == TrialEnd::How::kInterrupted) return false;
  static_cast<void>(observe(spec, 0, trial, trial.finish()));  // a trial that could not do its work is an error
  taken.title = all_faults()[static_cast<std::size_t>(fault)]->name;
  taken.backend = backend;
  if (const std::int64_t fired = trial.page().fired_ns; fired != 0) {
    taken.strike = {.fault = taken.title,
                    .when_ns = fired,
                    .thread = static_cast<int>(trial.page().marks[kStruckWorker].load())};
  }
  options.trace->add(taken);
  return true;
}

/// Gives: false when the user interrupted.
bool trace_all(const DrillOptions& options, std::uint64_t span) {
  if (options.trace == nullptr) return true;
  for (const int fault : options.faults) {
    for (const Backend backend : options.backends) {
      if (!trace_one(options, span, fault, backend)) return false;
    }
  }
  return true;
}

}  // namespace

std::string_view name_of(Answer answer) {
  switch (answer) {
    case Answer::kContained:
      return "contained";
    case Answer::kWorkerStuck:
      return "worker stuck";
    case Answer::kSpread:
      return "spread";
    case Answer::kProgramDied:
      return "program died";
    case Answer::kProgramHung:
      return "program hung";
  }
  return "unknown";
}

Answer judge(const DrillRun& run) {
  if (!run.program_survived) {
    return run.end.how == TrialEnd::How::kDeadline ? Answer::kProgramHung : Answer::kProgramDied;
  }
  const bool others_delivered = run.submitted == run.tasks && run.delivered + 1 == run.tasks;
  if (!others_delivered) return Answer::kSpread;
  if (run.workers_stuck > 0) return Answer::kWorkerStuck;
  return run.full_strength ? Answer::kContained : Answer::kSpread;
}

std::string find_imbalance(const DrillRun& run) {
  const std::uint64_t sum = run.delivered + run.failed + run.lost + run.hung;
  if (sum != run.submitted) {
    return fmt::format("{} delivered + {} failed + {} lost + {} hung is not {} submitted", run.delivered,
                       run.failed, run.lost, run.hung, run.submitted);
  }
  if (!run.program_survived) return "";
  const auto& pool = run.trial.at("pool");
  const auto differs = [&](const char* name, std::uint64_t counted) { return pool.at(name) != counted; };
  if (differs("submitted", run.submitted) || differs("completed", run.delivered) ||
      differs("failed", run.failed) || differs("lost", run.lost) || differs("pending", run.hung)) {
    return fmt::format(
        "the pool counted {}, its user {} submitted, {} delivered, {} failed, {} lost, {} hung", pool.dump(),
        run.submitted, run.delivered, run.failed, run.lost, run.hung);
  }
  if (run.trial.contains("stop") && run.trial["stop"]["settled_as"].contains("unsettled")) {
    return "a task had not settled although the pool was stopped";
  }
  if (run.trial.contains("drained") && run.trial["drained"] != true)
    return "an idle pool could not be drained";
  return "";
}

DrillResults run_drills(const DrillOptions& options,
                        const std::function<void(const DrillRun&, std::size_t, std::size_t)>& progress) {
  DrillResults results;
  results.options = options;
  results.span = calibrate_span(kTaskTarget);
  const std::size_t total =
      options.faults.size() * options.backends.size() * static_cast<std::size_t>(options.repeats);
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    std::vector<Backend> order = options.backends;
    if (repeat % 2 == 1) std::reverse(order.begin(), order.end());
    for (const int fault : options.faults) {
      for (const Backend backend : order) {
        auto run = run_one(options, results.span, fault, backend, repeat);
        if (!run) {
          results.interrupted = true;
          return results;
        }
        results.runs.push_back(std::move(*run));
        if (progress) progress(results.runs.back(), results.runs.size(), total);
      }
    }
  }
  results.interrupted = !trace_all(options, results.span);
  return results;
}

}  // namespace twinpool::bench
