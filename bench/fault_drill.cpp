// SPDX-License-Identifier: Apache-2.0
#include "bench/fault_drill.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bench/faults/fault_trial.h"
#include "bench/faults/feed.h"
#include "bench/faults/load.h"
#include "bench/standstill.h"
#include "bench/trace/chrome_trace.h"

namespace twinpool::bench {
namespace {

/// How often a trial's process is looked at.
constexpr std::chrono::milliseconds kLookPeriod{50};
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

void read_page(const TrialPage& page, DrillRun& run) {
  static_cast<TaskCounts&>(run) = read_counts(page);
  run.fired = page.fired != 0;
  run.faulty_delivered = page.marks[kFaultySettled];
  run.spoilt_same = page.marks[kSpoiltSame];
  run.spoilt_others = page.marks[kSpoiltOthers];
  run.noticed_s = seconds_between(page.fired_ns, page.noticed_ns);
  run.gap_before_s = seconds(page.marks[kGapBeforeNs]);
  run.gap_after_s = seconds(page.marks[kGapAfterNs]);
  run.workers_lost = page.worker_deaths;
  run.workers_stuck =
      static_cast<int>(std::max(page.marks[kFaultyHung].load(), page.marks[kStuckWorkers].load()));
  run.full_strength = page.restored_ns != 0;
  if (run.workers_lost > 0) run.restored_s = seconds_between(page.fired_ns, page.restored_ns);
}

/// What only a program that lived on can tell.
void read_result(const nlohmann::json& result, DrillRun& run) {
  run.delayed = result.at("delayed");
  run.dip_tasks = result.at("dip_tasks");
  const auto& residue = result.at("residue");
  run.residue.threads = residue.at("threads");
  run.residue.descriptors = residue.at("descriptors");
  run.residue.shared_memory = residue.at("memory_files");
}

/// The program is gone: so are its workers.
void account_for_death(DrillRun& run, std::int64_t fired_ns, std::int64_t ended_ns, std::int64_t gone_ns) {
  const bool hung = run.stood_still || run.end.how == TrialEnd::How::kDeadline;
  account_for_death(static_cast<TaskCounts&>(run), hung);
  run.workers_lost = run.workers;
  run.workers_stuck = 0;
  run.full_strength = false;
  run.restored_s.reset();
  run.gap_after_s.reset();
  run.noticed_s = hung ? std::nullopt : seconds_between(fired_ns, ended_ns);
  run.gone_s = seconds_between(ended_ns, gone_ns);
}

/// How long the tasks of an open loop take to become due.
std::chrono::nanoseconds time_of_load(const FaultSpec& spec) {
  if (spec.rate_tasks_per_s <= 0) return {};
  return std::chrono::ceil<std::chrono::nanoseconds>(
      std::chrono::duration<double>(static_cast<double>(spec.tasks) / spec.rate_tasks_per_s));
}

int count_new(const std::set<std::string>& before, const std::set<std::string>& after) {
  return static_cast<int>(std::count_if(after.begin(), after.end(),
                                        [&](const std::string& name) { return !before.contains(name); }));
}

TrialOptions trial_options(const FaultSpec& spec, const DrillOptions& options) {
  return {.limit = kTrialOverhead + kTaskAllowance * spec.tasks + time_of_load(spec),
          .program = options.program};
}

/// One trial, from before its start to its end.
class Observation {
 public:
  Observation(const FaultSpec& spec, int repeat, const DrillOptions& options)
      : spec_(spec),
        litter_(read_litter()),
        begun_ns_(now_ns()),
        trial_(kFaultTrial.name, to_json(spec), trial_options(spec, options)) {
    run_.backend = spec.backend;
    run_.fault = spec.fault;
    run_.repeat = repeat;
    run_.strike_at = spec.strike_at;
    run_.workers = spec.workers;
    run_.tasks = spec.tasks;
    run_.limited = spec.run_limit.count() > 0;
    run_.faulty_tasks = static_cast<std::uint64_t>(fault_at(spec.fault).tasks);
  }

  /// Gives: nothing when the user interrupted.
  std::optional<DrillRun> finish() {
    run_.stood_still = wait_for_end(trial_);
    run_.end = trial_.finish();
    if (run_.end.how == TrialEnd::How::kInterrupted) return std::nullopt;
    const std::int64_t gone_ns = now_ns();
    run_.trial = trial_.result();
    if (run_.trial.is_object() && run_.trial.contains("skipped")) {
      run_.skipped = run_.trial["skipped"];
      return run_;
    }
    read_page(trial_.page(), run_);
    check_began(run_.trial, run_.end, run_.fired);
    run_.program_survived = run_.end.clean() && run_.trial.is_object() && !run_.trial.contains("error");
    if (run_.program_survived) {
      read_result(run_.trial, run_);
    } else {
      const auto wall_ns = static_cast<std::int64_t>(run_.end.wall_s * 1e9);
      account_for_death(run_, trial_.page().fired_ns, begun_ns_ + wall_ns, gone_ns);
    }
    const Litter litter = read_litter();
    run_.residue.processes = run_.end.left_over;
    run_.residue.shared_memory += count_new(litter_.shared_memory, litter.shared_memory);
    run_.residue.core_files = count_new(litter_.core_files, litter.core_files);
    run_.imbalance = find_imbalance(run_);
    return run_;
  }

 private:
  const FaultSpec spec_;
  const Litter litter_;
  const std::int64_t begun_ns_;
  Trial trial_;
  DrillRun run_;
};

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
  spec.run_limit = options.run_limit;
  spec.rate_tasks_per_s = options.rate_tasks_per_s;
  // In an open loop everything may wait at once.
  if (spec.rate_tasks_per_s > 0) spec.window = spec.tasks;
  return spec;
}

/// A run whose tasks are written down, and that counts nowhere for that reason. Gives: false when the user
/// interrupted.
bool trace_one(const DrillOptions& options, std::uint64_t span, int fault, Backend backend) {
  const auto shared = SharedTrace::create(options.trace->tasks_of_next());
  FaultSpec spec = make_spec(options, span, fault, backend, 0);
  spec.trace = shared.path();
  Trial trial(kFaultTrial.name, to_json(spec), trial_options(spec, options));
  TrialTrace taken = watch_trial(trial, shared);
  const TrialEnd& end = trial.finish();
  if (end.how == TrialEnd::How::kInterrupted) return false;
  const TrialPage& page = trial.page();
  check_began(trial.result(), end, page.fired != 0);
  taken.title = fault_at(fault).name;
  taken.backend = backend;
  if (const std::int64_t fired = page.fired_ns; fired != 0) {
    taken.strike = {
        .fault = taken.title, .when_ns = fired, .thread = static_cast<int>(page.marks[kStruckWorker].load())};
  }
  options.trace->add(taken);
  return true;
}

/// The faults and twins of one repeat, in its order: twins alternate.
std::vector<std::pair<int, Backend>> pairs_of(const DrillOptions& options, int repeat) {
  std::vector<Backend> order = options.backends;
  if (repeat % 2 == 1) std::reverse(order.begin(), order.end());
  std::vector<std::pair<int, Backend>> pairs;
  for (const int fault : options.faults) {
    for (const Backend backend : order) {
      if (fault_at(fault).expected_in(backend).applies) pairs.emplace_back(fault, backend);
    }
  }
  return pairs;
}

/// Gives: false when the user interrupted.
bool trace_all(const DrillOptions& options, std::uint64_t span) {
  if (options.trace == nullptr) return true;
  const auto pairs = pairs_of(options, 0);
  return std::all_of(pairs.begin(), pairs.end(),
                     [&](const auto& pair) { return trace_one(options, span, pair.first, pair.second); });
}

}  // namespace

Answer judge(const DrillRun& run) {
  if (!run.program_survived) {
    const bool hung = run.stood_still || run.end.how == TrialEnd::How::kDeadline;
    return hung ? Answer::kProgramHung : Answer::kProgramDied;
  }
  const bool others_delivered =
      run.submitted == run.tasks && run.delivered - run.faulty_delivered + run.faulty_tasks == run.tasks;
  if (!others_delivered || run.spoilt_others > 0) return Answer::kSpread;
  if (run.workers_stuck > 0) return Answer::kWorkerStuck;
  if (!run.full_strength) return Answer::kSpread;
  return run.spoilt_same > 0 ? Answer::kWorkerTainted : Answer::kContained;
}

bool is_surprise(const DrillRun& run) {
  Expectation expected = fault_at(run.fault).expected_in(run.backend);
  if (run.limited && fault_at(run.fault).hangs) expected.best = Answer::kContained;
  return !expected.includes(judge(run));
}

std::string find_imbalance(const TaskCounts& counts, const nlohmann::json& pool) {
  const std::uint64_t sum = counts.delivered + counts.failed + counts.lost + counts.hung;
  if (sum != counts.submitted) {
    return fmt::format("{} delivered + {} failed + {} lost + {} hung is not {} submitted", counts.delivered,
                       counts.failed, counts.lost, counts.hung, counts.submitted);
  }
  if (pool.is_null()) return "";
  const std::uint64_t failed =
      pool.at("failed").get<std::uint64_t>() + pool.value("timed_out", std::uint64_t{0});
  const auto differs = [&](const char* name, std::uint64_t counted) { return pool.at(name) != counted; };
  if (differs("submitted", counts.submitted) || differs("completed", counts.delivered) ||
      failed != counts.failed || differs("lost", counts.lost) || differs("pending", counts.hung)) {
    return fmt::format(
        "the pool counted {}, its user {} submitted, {} delivered, {} failed, {} lost, {} hung", pool.dump(),
        counts.submitted, counts.delivered, counts.failed, counts.lost, counts.hung);
  }
  return "";
}

std::string find_imbalance(const DrillRun& run) {
  const bool survived = run.program_survived;
  std::string imbalance =
      find_imbalance(static_cast<const TaskCounts&>(run), survived ? run.trial.at("pool") : nlohmann::json());
  if (!imbalance.empty() || !survived) return imbalance;
  if (run.trial.contains("stop") && run.trial["stop"]["settled_as"].contains("unsettled")) {
    return "a task had not settled although the pool was stopped";
  }
  if (run.trial.contains("drained") && run.trial["drained"] != true)
    return "an idle pool could not be drained";
  return "";
}

bool wait_for_end(Trial& trial, const std::function<void()>& meanwhile) {
  Standstill standstill(trial);
  while (!trial.wait_until(Clock::now() + kLookPeriod)) {
    if (standstill.look()) return true;
    if (meanwhile) meanwhile();
  }
  return false;
}

void check_began(const nlohmann::json& result, const TrialEnd& end, bool fired) {
  const bool known = result.is_object();
  const bool reported = known && !result.contains("error");
  if (reported || fired || end.how != TrialEnd::How::kExited) return;
  throw DrillFailure(
      known ? result["error"].get<std::string>()
            : fmt::format("a trial {} before its fault could strike: {}", describe(end), end.output),
      known && result["unfit"].get<bool>());
}

TaskCounts read_counts(const TrialPage& page) {
  return {.submitted = page.submitted,
          .delivered = page.delivered,
          .failed = page.failed,
          .lost = page.lost,
          .hung = page.marks[kHungTasks],
          .wrong = page.wrong,
          .refused = page.refused};
}

void account_for_death(TaskCounts& counts, bool hung) {
  const std::uint64_t settled = counts.delivered + counts.failed + counts.lost;
  const std::uint64_t unsettled = counts.submitted - std::min(counts.submitted, settled);
  counts.hung = hung ? unsettled : 0;
  if (!hung) counts.lost += unsettled;
}

std::size_t count_pairs(const DrillOptions& options) { return pairs_of(options, 0).size(); }

DrillResults run_drills(const DrillOptions& options,
                        const std::function<void(const DrillRun&, std::size_t, std::size_t)>& progress) {
  DrillResults results;
  results.options = options;
  results.span = calibrate_span(kTaskTarget);
  const std::size_t total = count_pairs(options) * static_cast<std::size_t>(options.repeats);
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    for (const auto& [fault, backend] : pairs_of(options, repeat)) {
      auto run =
          Observation(make_spec(options, results.span, fault, backend, repeat), repeat, options).finish();
      if (!run) {
        results.interrupted = true;
        return results;
      }
      results.runs.push_back(std::move(*run));
      if (progress) progress(results.runs.back(), results.runs.size(), total);
    }
  }
  results.interrupted = !trace_all(options, results.span);
  return results;
}

}  // namespace twinpool::bench
