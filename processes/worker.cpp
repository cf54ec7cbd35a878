// SPDX-License-Identifier: Apache-2.0
#include "processes/worker.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "processes/door.h"
#include "processes/growth_request.h"
#include "processes/recovery.h"
#include "processes/stop_watch.h"
#include "processes/task_queue.h"
#include "shared/cpu_aware_spin.h"
#include "shared/future.h"

namespace twinpool::processes {
namespace {

bool worker_process = false;

/// The owner has settled the task without its result: there is nothing left to publish.
struct ResultRefused {};

/// Puts a result into the slot, into memory that came with the task, or into memory that the owner attaches
/// on request.
class SlotSink final : public ResultSink {
 public:
  SlotSink(const Segment& segment, Slot& slot, std::uint32_t generation, const WorkerContext& context)
      : segment_(segment), slot_(slot), generation_(generation), context_(context) {}

  std::span<std::byte> reserve(std::size_t bytes) override {
    slot_.result_bytes = bytes;
    if (bytes <= kInlineResult) return {slot_.room_for(bytes), bytes};
    if (!slot_.has(kResultApart) || slot_.result_capacity < bytes) ask_for_memory();
    return segment_.payload().subspan(slot_.result_offset, bytes);
  }

 private:
  void ask_for_memory() {
    SlotWord word{slot_.word.load(std::memory_order_acquire)};
    do {
      if (word.state() != SlotState::kRunning || word.generation() != generation_) throw ResultRefused{};
    } while (!slot_.word.compare_exchange_weak(word.bits, word.with(SlotState::kNeedsMemory).bits,
                                               std::memory_order_acq_rel));
    const std::uint64_t one = 1;
    // The bell cannot be lost: it only fails when it has rung 2^64 times unheard.
    [[maybe_unused]] const auto rung = ::write(context_.owner_bell, &one, sizeof one);
    for (;;) {
      word.bits = slot_.word.load(std::memory_order_acquire);
      if (word.generation() != generation_ || word.terminal()) throw ResultRefused{};
      if (word.state() == SlotState::kRunning) return;
      futex_wait(waiter_word(slot_), static_cast<std::uint32_t>(word.bits), FutexScope::kAllProcesses);
    }
  }

  const Segment& segment_;
  Slot& slot_;
  std::uint32_t generation_;
  const WorkerContext& context_;
};

std::span<const std::byte> arguments_of(const Segment& segment, const Slot& slot) {
  if (!slot.has(kArgumentsApart)) return {slot.arguments, slot.arguments_bytes};
  return segment.payload().subspan(slot.arguments_offset, slot.arguments_bytes);
}

void encode_failure(const Failure& failure, ResultSink& sink) {
  Writer count;
  Codec<std::string>::encode(count, failure.type_name);
  Codec<std::string>::encode(count, failure.message);
  Writer writer(sink.reserve(count.size()));
  Codec<std::string>::encode(writer, failure.type_name);
  Codec<std::string>::encode(writer, failure.message);
}

/// This process's one, made for the first task that takes a token; it ends with the process.
StopWatch& stop_watch(const Segment& segment, const WorkerContext& context) {
  static auto* const watch = new StopWatch(segment, context.index);
  return *watch;
}

/// Runs the task and leaves its result or its exception in the slot. Gives: the state to publish.
SlotState run_task(const Segment& segment, Slot& slot, ResultSink& sink, const std::stop_token& stop) {
  try {
    Reader arguments(arguments_of(segment, slot), segment.payload());
    slot.type->run_encoded(arguments, sink, stop);
    return SlotState::kDone;
  } catch (const ResultRefused&) {
    throw;
  } catch (...) {
    encode_failure(failure_of_current_exception(), sink);
    return SlotState::kThrew;
  }
}

/// The one step that settles the task: as `state`, or as what it was asked to end as. Gives: as what; none when
/// somebody else has settled it meanwhile.
std::optional<SlotState> publish(const Segment& segment, std::uint32_t index, std::uint32_t generation,
                                 SlotState state, int owner_bell) {
  std::atomic<std::uint64_t>& slot_word = segment.slot(index).word;
  SlotWord word{slot_word.load(std::memory_order_relaxed)};
  SlotState as = state;
  do {
    if (word.generation() != generation || word.state() != SlotState::kRunning) return std::nullopt;
    as = word.settled_as(state);
    // seq_cst: pairs with a submitter that sets room_wanted and then looks at the slots.
  } while (!slot_word.compare_exchange_weak(word.bits, word.with(as).bits, std::memory_order_seq_cst));
  tell_settled(segment, index, word, owner_bell);
  return as;
}

void add(std::atomic<std::uint64_t>& count, std::uint64_t more) {
  count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

/// Counts a task's end by function. Takes: 1, or UINT64_MAX to take it back.
void count_function(WorkerRecord& record, std::uint32_t sequence, SlotState state, std::uint64_t by) {
  FunctionCount& count = record.functions[function_entry(sequence)];
  add(state == SlotState::kDone ? count.completed : count.failed, by);
}

struct Times {
  std::int64_t submitted = 0;  ///< 0: not sampled
  std::int64_t started = 0;
  std::int64_t settled = 0;
};

std::uint64_t span_of(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(to - from, 0));
}

/// Others add to them at the same time, unlike HistogramCells::record.
void record_function_times(const Segment& segment, std::uint32_t sequence, const Times& times) {
  const auto entry = static_cast<std::uint32_t>(function_entry(sequence));
  if ((segment.header().functions_ready.load(std::memory_order_acquire) >> entry & 1) == 0) return;
  FunctionCells& cells = segment.function_times(entry);
  const auto count = [](HistogramCells& in, std::uint64_t value) {
    in.cells[histogram_cell(value)].fetch_add(1, std::memory_order_relaxed);
  };
  count(cells.waiting, span_of(times.submitted, times.started));
  count(cells.running, span_of(times.started, times.settled));
}

/// Counts a sampled task; its times were taken into the slot.
void record_times(WorkerRecord& record, const Times& times) {
  record.waiting.record(span_of(times.submitted, times.started));
  record.running.record(span_of(times.started, times.settled));
  add(record.busy_ns, span_of(times.started, times.settled));
  add(record.timed_tasks, 1);
}

void note_cpu(WorkerRecord& record) {
  const auto cpu = static_cast<std::uint32_t>(current_cpu() + 1);
  if (record.cpu.load(std::memory_order_relaxed) != cpu) record.cpu.store(cpu, std::memory_order_relaxed);
}

/// Lets a moment pass in which work may come, where that can help.
///
/// The owner on another CPU may push at any moment: spin. On this very CPU it can push only while this worker
/// does not run: after several tasks in one go, which says that the owner submits ahead, let it go on for one
/// turn instead of paying a sleep and a wake-up for each few tasks. One at a time, a wake-up preempts sooner
/// than a turn ends.
void linger(const Segment& segment, int me, std::uint64_t tasks_in_one_go) {
  const SegmentHeader& header = segment.header();
  const int owner_cpu = static_cast<int>(header.owner_cpu.load(std::memory_order_relaxed)) - 1;
  if (owner_cpu == current_cpu()) {
    if (tasks_in_one_go >= 2) ::sched_yield();
    return;
  }
  const bool one_ring = header.more_rings.load(std::memory_order_relaxed) == 0;
  spin_until(
      [&] {
        if (!one_ring && !nothing_for(segment, segment.seat_of(me))) return true;
        return header.head.load(std::memory_order_relaxed) < header.tail.load(std::memory_order_acquire) ||
               header.stopping.load(std::memory_order_relaxed) != 0;
      },
      owner_cpu);
}

[[nodiscard]] bool is_to_go(const Segment& segment, const WorkerContext& context) {
  return segment.header().stopping.load(std::memory_order_relaxed) != 0 ||
         segment.worker(context.index).leave.load(std::memory_order_relaxed) != 0;
}

/// Sees to it that what is left in the queues is looked at by somebody else.
void hand_on(const Segment& segment, const WorkerContext& context) {
  if (!nothing_for_all(segment) && !wake_one(segment)) ask_for_workers(segment, context.poke);
}

/// Sleeps until somebody knocks, unless work has come meanwhile.
void sleep_at_door(const Segment& segment, const WorkerContext& context) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(context.index);
  const std::uint32_t door = record.door.load(std::memory_order_acquire);
  header.idle.set(context.index);
  // The last look: a submitter either sees the idle bit or is seen here (both sides seq_cst). A searching bit
  // that is set already was meant for an earlier sleep: whoever set it counts on this worker.
  if (nothing_for(segment, segment.seat_of(context.index)) && !header.searching.test(context.index) &&
      header.stopping.load(std::memory_order_seq_cst) == 0 &&
      record.leave.load(std::memory_order_seq_cst) == 0) {
    futex_wait(record.door, door, FutexScope::kAllProcesses);
  }
  header.idle.clear(context.index);
}

/// Whether another worker runs a task (on `cpu`, unless that is -1). A hint.
bool another_runs(const Segment& segment, int me, int cpu) {
  for (int place = 0; place < segment.place_count(); ++place) {
    const WorkerRecord& record = segment.worker(place);
    if (place == me || (cpu >= 0 && static_cast<int>(record.cpu.load(std::memory_order_relaxed)) - 1 != cpu)) continue;
    if (is_busy(segment, place)) return true;
  }
  return false;
}

/// Whether a worker that found nothing stays for some turns rather than sleep (see kTurns): it was woken for little,
/// its CPU is in use by others, and another worker is awake.
bool stays(const Segment& segment, int me, std::int64_t awake_since) {
  const SegmentHeader& header = segment.header();
  // A dynamic pool would take a worker that is neither busy nor idle nor searching for one that is missing.
  const bool dynamic = header.wanted.load(std::memory_order_relaxed) < header.workers_max.load(std::memory_order_relaxed);
  if (dynamic || now_ns() - awake_since >= kShortStay.count()) return false;
  const int cpu = current_cpu();
  const int owner_cpu = static_cast<int>(header.owner_cpu.load(std::memory_order_relaxed)) - 1;
  if (cpu != owner_cpu && !another_runs(segment, me, cpu)) return false;
  return somebody_searches(segment) || another_runs(segment, me, -1);
}

/// Gives others some turns on this CPU and looks for tasks after each. Gives: as claim.
std::optional<std::uint32_t> take_turns(const Segment& segment, int me) {
  for (int turn = 0; turn < kTurns; ++turn) {
    ::sched_yield();
    if (const auto index = claim(segment, me)) return index;
  }
  return std::nullopt;
}

/// Searches and sleeps until there is a task, which it claims. Gives: none when the pool stops. `awake_since`: when
/// this worker was woken last.
std::optional<std::uint32_t> find_idly(const Segment& segment, const WorkerContext& context,
                                       std::uint64_t tasks_in_one_go, std::int64_t& awake_since) {
  SegmentHeader& header = segment.header();
  // One searcher is enough: whoever finds a task wakes the next.
  bool searching = header.searching.test(context.index) || !somebody_searches(segment);
  while (!is_to_go(segment, context)) {
    if (searching) {
      header.searching.set(context.index);  // after a wake-up it is set already
      auto index = claim(segment, context.index);
      if (!index) {
        linger(segment, context.index, tasks_in_one_go);
        index = claim(segment, context.index);
      }
      header.searching.clear(context.index);
      if (index) {
        // Submitters have counted on this search; what this worker cannot take, another one has to, now.
        hand_on(segment, context);
        return index;
      }
    }
    if (stays(segment, context.index, awake_since)) {
      if (const auto index = take_turns(segment, context.index)) {
        awake_since = now_ns();
        if (searching) hand_on(segment, context);
        return index;
      }
    }
    sleep_at_door(segment, context);
    awake_since = now_ns();
    searching = true;
    tasks_in_one_go = 0;
  }
  return std::nullopt;
}

/// What the task has come to: run, and settled unless somebody else has.
void finish(const Segment& segment, const WorkerContext& context, std::uint32_t index, std::uint32_t generation,
            SlotState state, Times times) {
  Slot& slot = segment.slot(index);
  WorkerRecord& record = segment.worker(context.index);
  const std::uint32_t sequence = slot.sequence;
  if (times.started != 0) slot.settled_ns = times.settled = now_ns();
  // Counted first: whoever sees the task settled sees it counted.
  add(record.tasks, 1);
  count_function(record, sequence, state, 1);
  if (slot.result_bytes != 0) add(record.result_bytes, slot.result_bytes);
  const auto as = publish(segment, index, generation, state, context.owner_bell);
  // From here on the slot may be in use again.
  if (as != state) return count_function(record, sequence, state, UINT64_MAX);
  if (times.submitted == 0) return;
  record_times(record, times);
  record_function_times(segment, sequence, times);
}

void run_claimed(const Segment& segment, const WorkerContext& context, std::uint32_t index) {
  Slot& slot = segment.slot(index);
  WorkerRecord& record = segment.worker(context.index);
  const std::uint32_t generation = SlotWord{slot.word.load(std::memory_order_relaxed)}.generation();
  Times times;
  if (slot.has(kSampled)) times.submitted = slot.submitted_ns;
  if (slot.has(kSampled | kTimesStart))
    slot.started_ns.store(times.started = now_ns(), std::memory_order_release);
  context.line.begin(slot, times.started);
  const bool takes_token = slot.type->takes_stop_token;
  std::stop_token stop;
  if (takes_token) stop = stop_watch(segment, context).begin(index, generation);
  try {
    SlotSink sink(segment, slot, generation, context);
    const SlotState state = run_task(segment, slot, sink, stop);
    if (takes_token) stop_watch(segment, context).end();
    finish(segment, context, index, generation, state, times);
  } catch (const ResultRefused&) {
    if (takes_token) stop_watch(segment, context).end();
    add(record.tasks, 1);
  }
  context.line.end(record.tasks.load(std::memory_order_relaxed));
  announce_room(segment);
  note_cpu(record);
}

}  // namespace

bool run_one_task(const Segment& segment, const WorkerContext& context) {
  const auto index = claim(segment, context.index);
  if (index) run_claimed(segment, context, *index);
  return index.has_value();
}

std::optional<int> stand_by(const Segment& segment, const WorkerContext& context) {
  WorkerRecord& record = segment.worker(context.index);
  const auto order = [&] { return static_cast<int>(record.take_place.load(std::memory_order_acquire)); };
  context.line.stand_by(now_ns());
  record.ready.store(record.incarnation.load(std::memory_order_relaxed), std::memory_order_release);
  if (context.poke >= 0) poke_supervisor(context.poke);
  for (;;) {
    const std::uint32_t door = record.door.load(std::memory_order_acquire);
    if (const int place = order(); place != 0) return place - 1;
    if (is_to_go(segment, context)) return std::nullopt;
    futex_wait(record.door, door, FutexScope::kAllProcesses);
  }
}

void run_worker(const Segment& segment, const WorkerContext& context) {
  SegmentHeader& header = segment.header();
  WorkerRecord& record = segment.worker(context.index);
  note_cpu(record);
  record.ready.store(record.incarnation.load(std::memory_order_relaxed), std::memory_order_release);
  futex_wake(record.ready, INT32_MAX, FutexScope::kAllProcesses);
  context.line.idle(now_ns());
  if (context.poke >= 0) poke_supervisor(context.poke);
  std::uint64_t tasks_in_one_go = 0;
  std::int64_t awake_since = 0;
  while (!is_to_go(segment, context)) {
    auto index = claim(segment, context.index);
    if (!index) {
      index = find_idly(segment, context, tasks_in_one_go, awake_since);
      tasks_in_one_go = 0;
    }
    if (!index) break;
    run_claimed(segment, context, *index);
    ++tasks_in_one_go;
    if (record.tasks.load(std::memory_order_relaxed) == context.poke_at) poke_supervisor(context.poke);
  }
  // Somebody may have counted on this worker.
  header.idle.clear(context.index);
  header.searching.clear(context.index);
  hand_on(segment, context);
  hand_on_seat(segment, segment.seat_of(context.index));
}

bool in_worker_process() { return worker_process; }
void mark_worker_process() { worker_process = true; }

}  // namespace twinpool::processes
