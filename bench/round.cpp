// SPDX-License-Identifier: Apache-2.0
#include "bench/round.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "bench/absolute_sleep.h"
#include "bench/checkpoint.h"
#include "bench/lives.h"
#include "bench/plugin.h"
#include "bench/strategies.h"
#include "bench/stretch_meter.h"
#include "bench/workloads/registry.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kMostWarmTasks = 4096;  // where nobody knows how long they take
constexpr auto kDrainLimit = std::chrono::seconds(10);

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::uint32_t first_answer() { return 42; }

bool balances(const PoolStats& stats) {
  return stats.submitted == stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost +
                                stats.rejected_later + stats.pending;
}

/// Runs ever longer stretches until one takes long enough to say how fast the pool is.
Tally calibrate(Flow& flow, const RoundSpec& spec, Sample& sample) {
  Tally all;
  for (std::uint64_t tasks = 4;; tasks *= 4) {
    const auto begin = Clock::now();
    add(all, flow.run({.first = 0, .tasks = tasks, .window = spec.window}, nullptr));
    sample.wall_s = seconds_since(begin);
    sample.tasks = tasks;
    if (sample.wall_s * 4 > spec.calibrate_s || all.delivered == 0) return all;
  }
}

void keep_use(const CpuUse& used, Sample& sample) {
  sample.cpu_user_s = used.user_s;
  sample.cpu_system_s = used.system_s;
  sample.voluntary_switches = static_cast<std::int64_t>(used.voluntary_switches);
  sample.involuntary_switches = static_cast<std::int64_t>(used.involuntary_switches);
}

void keep(const Tally& tally, Sample& sample) {
  sample.delivered += tally.delivered;
  sample.failed += tally.failed;
  sample.lost += tally.lost;
  sample.wrong += tally.wrong;
  if (sample.first_mistake.empty()) sample.first_mistake = tally.first_mistake;
}

/// The stretch that is measured, with what the whole tree used meanwhile.
Tally measure(Flow& flow, const RoundSpec& spec, TrialPage& page, Sample& sample) {
  const StretchMeter meter;
  const auto begin = Clock::now();
  Tally tally = flow.run({.first = 0, .tasks = spec.tasks, .window = spec.window}, &page);
  if (spec.planted_tasks != 0) {
    const Tally planted = flow.run({.first = 0, .tasks = spec.planted_tasks, .window = spec.window}, nullptr);
    const std::uint64_t checksum = tally.checksum;  // the other backend has not done the planted ones
    add(tally, planted);
    tally.checksum = checksum;
  }
  sample.wall_s = seconds_since(begin);
  keep_use(meter.read(), sample);
  sample.tasks = spec.tasks;
  return tally;
}

void keep_open(OpenResult result, Sample& sample) {
  sample.tasks = result.tally.delivered;
  sample.wall_s = result.wall_s;
  sample.throughput_tasks_per_s = result.achieved_tasks_per_s;
  sample.open = std::move(result.sample);
  sample.checksum = result.tally.checksum;
  keep(result.tally, sample);
}

/// The same for an open loop.
void measure_open(Pool& pool, Flow& flow, const RoundSpec& spec, TrialPage& page, Sample& sample) {
  const StretchMeter meter;
  OpenResult result = run_open_loop(pool, flow, *spec.open, &page);
  keep_use(meter.read(), sample);
  keep_open(std::move(result), sample);
}

/// A second pool that has the same stalls under a closed loop.
void measure_closed_beside(const RoundSpec& spec, Sample& sample) {
  const auto pool = make_pool(spec.backend, pool_options(spec, Timing::kEvery));
  const auto flow = spec.flow.workload->open(*pool, spec.flow);
  keep(warm_up(*flow, spec), sample);
  Tally tally;
  sample.open->closed =
      run_closed_loop(*pool, *flow, *spec.open, static_cast<std::uint64_t>(spec.workers), tally);
  keep(tally, sample);
}

/// What an open loop's generator gets out of the pool when it waits for results: that its own work and the
/// timing of every task cost something is in it, as it is in the open loop.
void measure_capacity(Pool& pool, Flow& flow, const RoundSpec& spec, Sample& sample) {
  const OpenRound round{.tasks_per_s = 1 / spec.calibrate_s, .tasks = 1, .workers = spec.workers};
  Tally tally;
  const ClosedBeside closed = run_closed_loop(pool, flow, round, spec.window, tally);
  sample.tasks = closed.tasks;
  sample.wall_s = closed.wall_s;
  keep(tally, sample);
}

/// One life of the program of an open loop whose tasks crash.
void live(const RoundSpec& spec, SharedCheckpoint& checkpoint) {
  const std::int64_t born_ns = now_ns();
  const bool first = checkpoint.head().begin_ns == 0;
  const auto pool = make_pool(spec.backend, pool_options(spec, Timing::kEvery));
  if (pool->submit<first_answer>().get() != 42)
    throw std::runtime_error("the first task gave a wrong result");
  if (first) checkpoint.head().ready_ns = now_ns() - born_ns;
  const auto flow = spec.flow.workload->open(*pool, spec.flow);
  if (first) static_cast<void>(warm_up(*flow, spec));
  static_cast<void>(run_open_loop(*pool, *flow, *spec.open, nullptr, &checkpoint));
  checkpoint.head().balanced = balances(pool->stats()) && pool->drain(kDrainLimit);
}

/// The round of an open loop whose tasks crash: both twins run in a program of their own, which is started
/// again when it dies. CPU time is that of all its lives, from birth on.
nlohmann::json run_crashing_round(const RoundSpec& spec, TrialPage& page) {
  SharedCheckpoint checkpoint(spec.tasks);
  page.phase = TrialPhase::kMeasuring;
  const auto patience_ns = static_cast<std::int64_t>(3e9 * spec.open->length_s());
  const Lives lives =
      run_lives(checkpoint, now_ns() + patience_ns + 1'000'000'000, [&] { live(spec, checkpoint); });
  OpenResult result = sum_up(*spec.open, checkpoint);
  Sample sample;
  sample.start_up_s = static_cast<double>(checkpoint.head().ready_ns) * 1e-9;
  sample.balanced = checkpoint.head().balanced;
  keep_use(lives.used, sample);
  keep_open(std::move(result), sample);
  sample.open->restarts = lives.restarts;
  sample.open->repeated = lives.repeated;
  return sample;
}

/// A second pool in which every task is timed, so that the clock reads do not slow the measured stretch.
void measure_latency(const RoundSpec& spec, Sample& sample) {
  const auto pool = make_pool(spec.backend, pool_options(spec, Timing::kEvery));
  const auto flow = spec.flow.workload->open(*pool, spec.flow);
  keep(flow->run({.first = 0, .tasks = std::min(spec.latency_tasks, spec.window), .window = spec.window},
                 nullptr),
       sample);
  Tally tally = flow->run(
      {.first = 0, .tasks = spec.latency_tasks, .window = spec.window, .keep_latency = true}, nullptr);
  keep(tally, sample);
  sample.latency_ns = std::move(tally.latency_ns);
}

}  // namespace

Tally warm_up(Flow& flow, const RoundSpec& spec) {
  const std::uint64_t unknown = std::min(std::max(spec.window, spec.tasks / 10), kMostWarmTasks);
  const std::uint64_t wanted = spec.warm_tasks != 0 ? std::max(spec.window, spec.warm_tasks) : unknown;
  const std::uint64_t most = std::max<std::uint64_t>(1, spec.tasks);
  return flow.run({.first = 0, .tasks = std::min(wanted, most), .window = spec.window}, nullptr);
}

nlohmann::json to_json(const Tally& tally) {
  return {{"wrong", tally.wrong},
          {"failed", tally.failed},
          {"lost", tally.lost},
          {"first_mistake", tally.first_mistake}};
}

RoundSpec open_spec(const nlohmann::json& json) {
  auto spec = json.get<RoundSpec>();
  load_workloads(spec.load);
  const Workload* const workload = find_workload(spec.workload);
  if (workload == nullptr) throw std::invalid_argument("there is no workload '" + spec.workload + "'");
  spec.flow.workload = workload;
  if (workload->set_up != nullptr) workload->set_up(settings_of(*workload, spec.flow));
  return spec;
}

PoolOptions pool_options(const RoundSpec& spec, Timing timing) {
  PoolOptions options;
  options.workers = spec.workers;
  options.queue_capacity = static_cast<std::size_t>(spec.window);
  options.timing = timing;
  options.dispatch = dispatch_by(spec.strategy, spec.stealing, spec.workers);
  options.processes.max_shared_bytes = static_cast<std::size_t>(spec.max_shared_bytes);
  const Workload& workload = *spec.flow.workload;
  if (workload.shape != nullptr) workload.shape(options, settings_of(workload, spec.flow));
  return options;
}

RoundSpec make_round_spec(const Cell& cell, Backend backend, std::uint64_t tasks, const FlowOptions& flow) {
  RoundSpec spec{.backend = cell.twice.value_or(backend),
                 .workload = std::string(cell.workload->name),
                 .workers = cell.workers,
                 .window = cell.window,
                 .tasks = tasks,
                 .max_shared_bytes = cell.max_shared_bytes,
                 .strategy = cell.strategy,
                 .stealing = cell.stealing,
                 .flow = flow};
  spec.flow.payload_bytes = cell.payload_bytes;
  spec.planted_tasks = static_cast<std::uint64_t>(static_cast<double>(tasks) *
                                                  cell.planted[static_cast<std::size_t>(backend)]);
  spec.flow.priority = cell.priority;
  spec.flow.backend = spec.backend;
  spec.flow.workers = cell.workers;
  spec.flow.parameters = cell.parameters;
  spec.flow.workload = cell.workload;
  return spec;
}

void open_up(RoundSpec& spec, const OpenLoad& load, double begin_per_s, std::uint64_t seed) {
  const auto seconds = [](std::chrono::nanoseconds length) {
    return std::chrono::duration<double>(length).count();
  };
  spec.open = OpenRound{.tasks_per_s = begin_per_s,
                        .rise_to_per_s = load.is_ramp() ? begin_per_s * load.rise() : 0,
                        .tasks = spec.tasks,
                        .window = spec.window,
                        .workers = spec.workers,
                        .arrivals = load.arrivals,
                        .seed = seed,
                        .stall_s = seconds(load.stall),
                        .stall_every_s = seconds(load.stall_every),
                        .crash_every_s = seconds(load.crash_every)};
}

nlohmann::json run_round_trial(TrialContext& trial) {
  const auto spec = open_spec(trial.spec());
  if (spec.open && spec.open->crash_every_s > 0 && spec.tasks != 0)
    return run_crashing_round(spec, trial.page());
  Sample sample;
  {
    const auto begin = Clock::now();
    const auto pool =
        make_pool(spec.backend, pool_options(spec, spec.open ? Timing::kEvery : Timing::kSampled));
    if (pool->submit<first_answer>().get() != 42) ++sample.wrong;
    sample.start_up_s = seconds_since(begin);

    trial.page().phase = TrialPhase::kWarming;
    const auto flow = spec.flow.workload->open(*pool, spec.flow);
    if (spec.tasks == 0) {
      if (spec.open)
        measure_capacity(*pool, *flow, spec, sample);
      else
        keep(calibrate(*flow, spec, sample), sample);
    } else {
      keep(warm_up(*flow, spec), sample);
      trial.page().phase = TrialPhase::kMeasuring;
      if (spec.open) {
        measure_open(*pool, *flow, spec, trial.page(), sample);
      } else {
        const Tally tally = measure(*flow, spec, trial.page(), sample);
        sample.checksum = tally.checksum;
        keep(tally, sample);
      }
    }
    if (!sample.open) sample.throughput_tasks_per_s = static_cast<double>(sample.tasks) / sample.wall_s;
    trial.page().phase = TrialPhase::kStopping;
    const PoolStats stats = pool->stats();
    sample.balanced = balances(stats) && stats.pending == 0 && pool->drain(kDrainLimit);
  }
  if (spec.latency_tasks != 0) measure_latency(spec, sample);
  if (sample.open && spec.open->stall_s > 0) measure_closed_beside(spec, sample);
  return sample;
}

nlohmann::json run_memory_trial(TrialContext& trial) {
  const auto spec = open_spec(trial.spec());
  const auto pool = make_pool(spec.backend, pool_options(spec, Timing::kSampled));
  if (pool->submit<first_answer>().get() != 42)
    throw std::runtime_error("the first task gave a wrong result");
  trial.pause(kMarkRest);
  const auto flow = spec.flow.workload->open(*pool, spec.flow);
  Tally tally = warm_up(*flow, spec);
  add(tally, flow->hold(
                 std::min(spec.window, spec.tasks),
                 [](void* context) { static_cast<TrialContext*>(context)->pause(kMarkPeak); }, &trial));
  return to_json(tally);
}

}  // namespace twinpool::bench
