// SPDX-License-Identifier: Apache-2.0
#include "bench/round.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "bench/plugin.h"
#include "bench/strategies.h"
#include "bench/stretch_meter.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kMostWarmTasks = 4096;
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
  const CpuUse used = meter.read();
  sample.tasks = spec.tasks;
  sample.cpu_user_s = used.user_s;
  sample.cpu_system_s = used.system_s;
  sample.voluntary_switches = static_cast<std::int64_t>(used.voluntary_switches);
  sample.involuntary_switches = static_cast<std::int64_t>(used.involuntary_switches);
  return tally;
}

void keep(const Tally& tally, Sample& sample) {
  sample.delivered += tally.delivered;
  sample.failed += tally.failed;
  sample.lost += tally.lost;
  sample.wrong += tally.wrong;
  if (sample.first_mistake.empty()) sample.first_mistake = tally.first_mistake;
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
  const std::uint64_t wanted = std::max(spec.window, spec.tasks / 10);
  return flow.run(
      {.first = 0,
       .tasks = std::min(std::min(wanted, kMostWarmTasks), std::max<std::uint64_t>(1, spec.tasks)),
       .window = spec.window},
      nullptr);
}

void add(Tally& to, const Tally& more) {
  to.delivered += more.delivered;
  to.failed += more.failed;
  to.lost += more.lost;
  to.wrong += more.wrong;
  to.checksum += more.checksum;
  if (to.first_mistake.empty()) to.first_mistake = more.first_mistake;
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

nlohmann::json run_round_trial(TrialContext& trial) {
  const auto spec = open_spec(trial.spec());
  Sample sample;
  {
    const auto begin = Clock::now();
    const auto pool = make_pool(spec.backend, pool_options(spec, Timing::kSampled));
    if (pool->submit<first_answer>().get() != 42) ++sample.wrong;
    sample.start_up_s = seconds_since(begin);

    trial.page().phase = TrialPhase::kWarming;
    const auto flow = spec.flow.workload->open(*pool, spec.flow);
    if (spec.tasks == 0) {
      keep(calibrate(*flow, spec, sample), sample);
    } else {
      keep(warm_up(*flow, spec), sample);
      trial.page().phase = TrialPhase::kMeasuring;
      const Tally tally = measure(*flow, spec, trial.page(), sample);
      sample.checksum = tally.checksum;
      keep(tally, sample);
    }
    sample.throughput_tasks_per_s = static_cast<double>(sample.tasks) / sample.wall_s;
    trial.page().phase = TrialPhase::kStopping;
    const PoolStats stats = pool->stats();
    sample.balanced = balances(stats) && stats.pending == 0 && pool->drain(kDrainLimit);
  }
  if (spec.latency_tasks != 0) measure_latency(spec, sample);
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
