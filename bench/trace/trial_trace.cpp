// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/trial_trace.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bench/meters/memory.h"
#include "bench/standstill.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

constexpr auto kMemoryPeriod = std::chrono::milliseconds(10);
constexpr std::size_t kMostReadings = 4096;

TrialTrace::Task copy(const TaskRecord& record) {
  constexpr auto kOrder = std::memory_order_relaxed;  // the writers are gone, or nearly
  return {.submitted_ns = record.submitted_ns.load(kOrder),
          .accepted_ns = record.accepted_ns.load(kOrder),
          .begun_ns = record.begun_ns.load(kOrder),
          .ended_ns = record.ended_ns.load(kOrder),
          .name = record.name.load(kOrder),
          .process = record.process.load(kOrder),
          .thread = record.thread.load(kOrder),
          .threw = record.end.load(kOrder) == TaskEnd::kThrew};
}

/// Whether a task's times tell one story, once what is missing has been filled in.
bool make_sense(TrialTrace::Task& task, std::int64_t begin_ns, std::int64_t end_ns) {
  if (task.accepted_ns == 0) task.accepted_ns = task.begun_ns;  // the program died before submit returned
  if (task.submitted_ns < begin_ns || task.accepted_ns < task.submitted_ns || task.accepted_ns > end_ns)
    return false;
  if (task.begun_ns == 0) return task.ended_ns == 0;
  if (task.begun_ns < task.submitted_ns || task.begun_ns > end_ns) return false;
  if (task.process <= 0 || task.thread <= 0 || task.name >= SharedTrace::kNames) return false;
  return task.ended_ns == 0 || (task.ended_ns >= task.begun_ns && task.ended_ns <= end_ns);
}

void read_tasks(const SharedTrace& shared, std::int64_t begin_ns, std::int64_t end_ns, TrialTrace& trace) {
  std::int64_t last_ns = begin_ns;  // one thread submits, so one call follows the other
  for (std::uint32_t i = 0; i < shared.taken(); ++i) {
    TrialTrace::Task task = copy(shared.task(i));
    if (!make_sense(task, last_ns, end_ns)) continue;
    last_ns = task.accepted_ns;
    trace.tasks.push_back(task);
  }
}

void read_events(const SharedTrace& shared, std::int64_t begin_ns, std::int64_t end_ns, TrialTrace& trace) {
  for (std::uint32_t i = 0; i < shared.events(); ++i) {
    const EventRecord& record = shared.event(i);
    const std::int64_t when = record.when_ns.load(std::memory_order_acquire);  // as SharedTrace::note
    const std::uint32_t kind = record.kind.load(std::memory_order_relaxed);
    if (when < begin_ns || when > end_ns || name_of(static_cast<EventKind>(kind)) == "unknown") continue;
    trace.events.push_back({.when_ns = when,
                            .kind = static_cast<EventKind>(kind),
                            .worker = record.worker.load(std::memory_order_relaxed),
                            .id = record.id.load(std::memory_order_relaxed),
                            .signal = record.signal.load(std::memory_order_relaxed),
                            .exit_status = record.exit_status.load(std::memory_order_relaxed)});
  }
  std::stable_sort(trace.events.begin(), trace.events.end(),
                   [](const auto& a, const auto& b) { return a.when_ns < b.when_ns; });
}

}  // namespace

TrialTrace read_trace(const SharedTrace& shared, std::int64_t begin_ns, std::int64_t end_ns) {
  TrialTrace trace;
  trace.left_out = shared.left_out();
  for (std::uint32_t place = 0; place < SharedTrace::kNames; ++place)
    trace.names.push_back(shared.name_at(place));
  read_tasks(shared, begin_ns, end_ns, trace);
  read_events(shared, begin_ns, end_ns, trace);
  return trace;
}

TrialTrace watch_trial(Trial& trial, const SharedTrace& shared) {
  std::vector<TrialTrace::Memory> memory;
  Standstill standstill(trial);
  while (true) {
    const auto mark = trial.wait_for_mark(Clock::now() + kMemoryPeriod);
    // Before that it may still be the driver's fork, with the driver's memory.
    if (trial.page().phase != TrialPhase::kStarting && memory.size() < kMostReadings) {
      const std::int64_t when = now_ns();
      const MemoryUse use = read_tree_memory(trial.pid());
      const std::uint64_t own = shared.used_bytes();
      if (use.pss_bytes > own) memory.push_back({when, use.pss_bytes - own});
    }
    standstill.look();
    if (mark)
      trial.resume();
    else if (trial.wait_until(Clock::now()))
      break;
  }
  const TrialEnd& end = trial.finish();
  const std::int64_t now = now_ns();
  TrialTrace trace = read_trace(shared, shared.made_ns(), now);
  // Its orphans may have taken until now; what they did is later than the program's own end all the same.
  trace.ended_ns = std::min(now, shared.made_ns() + static_cast<std::int64_t>(end.wall_s * 1e9));
  for (const auto& task : trace.tasks)
    trace.ended_ns = std::max({trace.ended_ns, task.accepted_ns, task.begun_ns, task.ended_ns});
  for (const auto& event : trace.events) trace.ended_ns = std::max(trace.ended_ns, event.when_ns);
  std::erase_if(memory, [&](const auto& reading) { return reading.when_ns > trace.ended_ns; });
  trace.memory = std::move(memory);
  trace.owner = trial.pid();
  if (!end.clean()) trace.end = describe(end);
  return trace;
}

}  // namespace twinpool::bench
