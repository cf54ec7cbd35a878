// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/trace_trial.h"

#include <stdexcept>

#include "bench/checkpoint.h"
#include "bench/round.h"
#include "bench/trace/traced_task.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {
namespace {

std::uint32_t first_answer() { return 42; }

/// The schedule of an open loop once. Where its tasks crash, the program has this one life: that of the
/// threads ends at its first crash.
Tally run_open(Pool& pool, Flow& flow, const RoundSpec& spec, TrialPage& page) {
  if (spec.open->crash_every_s <= 0) return run_open_loop(pool, flow, *spec.open, &page).tally;
  SharedCheckpoint checkpoint(spec.open->tasks);
  static_cast<void>(run_open_loop(pool, flow, *spec.open, nullptr, &checkpoint));
  return sum_up(*spec.open, checkpoint).tally;
}

Tally run_closed(Flow& flow, const RoundSpec& spec, TrialPage& page) {
  return flow.run({.first = 0, .tasks = spec.tasks, .window = spec.window}, &page);
}

}  // namespace

nlohmann::json run_trace_trial(TrialContext& trial) {
  auto spec = open_spec(trial.spec());
  SharedTrace trace = SharedTrace::open(spec.trace);
  set_shared_trace(&trace);
  spec.flow.trace = &trace;
  PoolOptions options = pool_options(spec, spec.open ? Timing::kEvery : Timing::kSampled);
  options.on_event = [&trace](const Event& event) { trace.note(event); };
  const auto pool = make_pool(spec.backend, options);
  if (pool->submit<first_answer>().get() != 42)
    throw std::runtime_error("the first task gave a wrong result");
  const auto flow = spec.flow.workload->open(*pool, spec.flow);
  Tally tally = warm_up(*flow, spec);
  trial.page().phase = TrialPhase::kMeasuring;
  trial.pause(kMarkRest);
  trace.record(true);
  add(tally, spec.open ? run_open(*pool, *flow, spec, trial.page()) : run_closed(*flow, spec, trial.page()));
  trace.record(false);
  trial.pause(kMarkPeak);
  return to_json(tally);
}

}  // namespace twinpool::bench
