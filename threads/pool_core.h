// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shared/dispatcher.h"
#include "shared/event_queue.h"
#include "shared/options.h"
#include "shared/pool.h"
#include "shared/scoreboard.h"
#include "threads/admission.h"
#include "shared/function_counts.h"
#include "threads/parking.h"
#include "threads/slot.h"
#include "threads/task_control.h"
#include "threads/task_queue.h"
#include "threads/waiting_tasks.h"
#include "threads/worker.h"

/// What a pool, its worker threads and the Futures of its tasks share, and what lives until the last of them
/// is gone.
namespace twinpool::threads {

class Staff;

/// The parts of a pool and the ways between them.
///
/// Lifetime: counted. The pool holds one reference and each worker thread one, so that a thread which never
/// returns can be left behind. Futures need none while the pool lives; when it goes, every slot that is not
/// in a list of free ones gets a reference (see SlotArena::retire). A task so costs no counting at all.
/// Threads: everything from any thread, but what says otherwise.
class PoolCore {
 public:
  /// Gives a core with one reference, the pool's. `options` are validated.
  static PoolCore& make(const PoolOptions& options) { return *new PoolCore(options); }
  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_references(std::int64_t count) noexcept;
  /// Drops the pool's reference. Requires: nobody submits any more.
  void retire() noexcept;

  /// Accepts a task. `options`: null where it asks for nothing special. Errors: C2; what copying an argument
  /// throws; std::system_error when a limit needs a thread that cannot be started.
  std::optional<SubmitError> submit(const Call& call, const with* options, TaskState*& accepted);

  /// See Pool::cancel_queued.
  std::size_t cancel_queued() noexcept;
  /// Workers begin no task that lies in a queue; what a running task has submitted and waits for goes on.
  void pause() noexcept {
    paused_.store(true, std::memory_order_seq_cst);
    show_flag(kScoreboardPaused, true);
  }
  void resume() noexcept;
  [[nodiscard]] bool paused() const noexcept { return paused_.load(std::memory_order_relaxed); }

  // The end.
  /// Refuses new tasks and waits until the accepted ones have settled. Gives: false when `deadline` passed
  /// first.
  bool drain(std::optional<Clock::time_point> deadline);
  /// Sends the workers home. Requires: nothing is queued.
  void end_workers();
  /// Refuses new tasks and settles the queued ones as pool_closed; workers go home once their task is done.
  void close();
  /// Gives: false when `deadline` passed before all workers had left.
  bool wait_for_workers(std::optional<Clock::time_point> deadline);
  /// Settles what still runs as pool_closed. Requires: close().
  void abandon_running();
  /// Whether worker `index` is inside an abandoned task, and nobody knows when it will leave. Requires:
  /// abandon_running().
  [[nodiscard]] bool stuck(int index) const;

  // For workers.
  [[nodiscard]] SlotArena& arena() { return arena_; }
  [[nodiscard]] TaskRing<TaskSlot>& ring() { return ring_; }
  [[nodiscard]] Parking& parking() { return parking_; }
  [[nodiscard]] Admission& admission() { return admission_; }
  [[nodiscard]] Worker& worker(int place) const { return *workers_[static_cast<std::size_t>(place)]; }
  /// Places that exist, from 0: first one a seat, more once workers have been replaced.
  [[nodiscard]] int workers() const { return places_.load(std::memory_order_seq_cst); }
  /// Makes the places up to this one. Threads: one at a time. Errors: std::bad_alloc.
  void make_place(int place);
  [[nodiscard]] const PoolOptions& options() const { return options_; }
  [[nodiscard]] Staff& staff() const { return *staff_; }
  [[nodiscard]] WaitingTasks& waiting_tasks() { return waiting_; }
  [[nodiscard]] TaskControls& controls() { return controls_; }
  [[nodiscard]] EventQueue& events() { return events_; }
  [[nodiscard]] const ScoreboardMemory& board() const { return board_; }
  void show_flag(ScoreboardFlag flag, bool on) noexcept {
    if (board_.open()) board_.set_flag(flag, on);
  }
  [[nodiscard]] FunctionTimes& function_times() { return function_times_; }
  /// Tells that all that was accepted has settled after drain.
  void tell_drained() noexcept;
  /// A task was published that no free worker may see to: a dynamic pool may grow.
  void task_waits() noexcept {
    if (dynamic() && !parking_.somebody_free()) grow();
  }
  /// When a worker that goes to sleep now has slept long enough to leave; none: never.
  [[nodiscard]] std::optional<Clock::time_point> idle_deadline() const {
    if (!dynamic()) return std::nullopt;
    return Clock::now() + options_.idle_timeout;
  }
  [[nodiscard]] bool dynamic() const noexcept { return dynamic_.load(std::memory_order_relaxed); }
  void set_dynamic(bool dynamic) noexcept { dynamic_.store(dynamic, std::memory_order_relaxed); }
  /// A worker has taken the seat.
  void fill_seat(int seat) noexcept {
    filled_[static_cast<std::size_t>(seat)].store(true, std::memory_order_seq_cst);
  }
  /// Nobody works at the seat any more: what waits in its queue is everybody's.
  void empty_seat(int seat) noexcept;
  /// Accepted tasks that nobody runs. A hint.
  [[nodiscard]] std::uint64_t waiting() noexcept;
  /// No worker is left and none can be made: what waits settles as worker_lost, submissions are refused.
  void lose_hope(const std::string& why) noexcept;
  void regain_hope() noexcept { hopeless_.store(false, std::memory_order_seq_cst); }
  /// What lose_hope was told.
  [[nodiscard]] std::string why_hopeless() const;
  [[nodiscard]] TaskSlot* steal(int thief) noexcept;
  /// Whether a task waits that any worker may begin now.
  [[nodiscard]] bool has_task() const noexcept;
  /// Whether a worker other than `but` is busy, on `cpu` (-1: anywhere). A hint.
  [[nodiscard]] bool busy_on(int cpu, int but) const noexcept;
  [[nodiscard]] bool stopping() const noexcept {
    return phase_.load(std::memory_order_seq_cst) == Phase::kStopping;
  }
  [[nodiscard]] bool ended() const noexcept {
    return phase_.load(std::memory_order_seq_cst) >= Phase::kEnded;
  }
  /// Ends a task that was taken out of a queue and will not run. `why`: slot_bits::kCancelled, kTimedOut, or
  /// 0 for pool_closed. Gives: false when that had been done.
  bool end_unrun(TaskSlot& slot, std::uint32_t why) noexcept;
  /// Lets go of a slot whose task was claimed, settled and taken out of its queue.
  void finish_claimed(TaskSlot& slot) noexcept;
  /// Counts a task that was ended before its end; `by` is 1, or -1 when it then was not.
  void count_ended(std::uint32_t why, int by) noexcept;
  /// A task has settled that no worker has run to its end. Once for each.
  void settled_elsewhere() noexcept {
    settled_elsewhere_.fetch_add(1, std::memory_order_seq_cst);
    worker_idle();
  }
  /// Lets go of slots of ended tasks, if many still lie in queues.
  void sweep_stale() noexcept;
  /// Reads what every worker runs: see TaskSlot.
  void meet_workers() const noexcept;
  /// Worker `index` runs a task whose Future has settled without it. Threads: any; short.
  void worker_overran(int index) noexcept;
  /// A worker counts as a sleeper now.
  void worker_idle() noexcept;
  void worker_came() noexcept { workers_there_.fetch_add(1, std::memory_order_relaxed); }
  void worker_left() noexcept;
  [[nodiscard]] bool closed() const noexcept { return phase_.load(std::memory_order_seq_cst) != Phase::kOpen; }
  /// What was counted as settled has changed at a moment that no sleeper's announcement follows.
  void recounted() noexcept { worker_idle(); }
  /// Where a worker last found a task after having had none: for those who wait for one.
  void note_worker_cpu(int cpu) noexcept {
    if (worker_cpu_.load(std::memory_order_relaxed) != cpu) worker_cpu_.store(cpu, std::memory_order_relaxed);
  }
  [[nodiscard]] int worker_cpu() const noexcept { return worker_cpu_.load(std::memory_order_relaxed); }
  /// How many tasks a sampled one stands for now.
  [[nodiscard]] std::uint64_t tasks_per_sample() const noexcept;

  [[nodiscard]] PoolStats stats();
  void reset_latency();
  [[nodiscard]] std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes);

 private:
  enum class Phase : std::uint32_t { kOpen, kDraining, kEnded, kStopping };

  explicit PoolCore(const PoolOptions& options);
  ~PoolCore();

  /// `nested`: the worker whose task submits; null outside of tasks.
  [[nodiscard]] inline Admission::Answer admit(Worker* nested, std::uint64_t& sequence, bool& beyond_limit);
  [[nodiscard]] inline TaskSlot& make_slot(const Call& call, const with* options, bool controlled, Worker* nested,
                                    std::uint64_t sequence);
  /// Has the workers' unused allowances count as not accepted.
  void call_back_allowances() noexcept;
  /// How many tasks were accepted.
  [[nodiscard]] std::uint64_t accepted() noexcept {
    call_back_allowances();
    return admission_.accepted();
  }
  void run_in_caller(TaskSlot& slot) noexcept;
  inline void publish(TaskSlot& slot, const with* options) noexcept;
  [[nodiscard]] int choose_queue(const with* options) noexcept;
  /// Wakes who may run a task that was pushed into a seat's queue. Gives: as Parking::published.
  bool announce_in(int seat) noexcept;
  bool call_seat(int seat) noexcept;
  [[nodiscard]] TaskSlot* take_any() noexcept;
  void tell_full() noexcept;
  [[nodiscard]] inline bool sampled(std::uint64_t sequence) const noexcept;
  /// How many tasks count as settled: a little before they are, and one that its worker and somebody else
  /// settle at the same moment for that moment twice.
  [[nodiscard]] std::uint64_t settled() const noexcept;
  /// How many tasks have settled for certain, a little after they did.
  [[nodiscard]] std::uint64_t surely_settled() const noexcept;
  void read_settled(PoolStats& stats) const noexcept;
  void advance(Phase to) noexcept;
  void reject_queued() noexcept;
  void lose_queued() noexcept;
  void grow() noexcept;
  void announce() noexcept;
  /// Requires: latency_.
  void add_functions(PoolStats& stats) const;

  const PoolOptions options_;
  const bool chooses_;
  std::atomic<Phase> phase_{Phase::kOpen};
  std::atomic<bool> dynamic_{false};   // written by resize
  std::atomic<bool> hopeless_{false};  // written when the last worker dies or the first one is back
  std::atomic<int> places_{0};
  std::atomic<bool> paused_{false};
  std::atomic<bool> full_told_{false};  // used only while somebody listens to events
  std::atomic<int> worker_cpu_{-1};
  ScoreboardMemory board_;
  std::vector<std::unique_ptr<Worker>> workers_;  // never moved; null from places_ on
  TaskRing<TaskSlot> ring_;
  SlotArena arena_;
  Admission admission_;
  Parking parking_;
  WaitingTasks waiting_;
  TaskControls controls_;
  EventQueue events_;

  std::mutex dispatching_;  // guards the two below
  Dispatcher dispatcher_;
  std::vector<WorkerLoad> loads_;
  std::vector<int> chosen_from_;  // the seats of loads_

  alignas(64) std::atomic<std::int64_t> references_{1};
  // Settled by others than workers.
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> cancelled_{0};
  std::atomic<std::uint64_t> timed_out_{0};
  std::atomic<std::uint64_t> completed_by_callers_{0};
  std::atomic<std::uint64_t> failed_by_callers_{0};
  std::atomic<std::uint64_t> settled_elsewhere_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint32_t> workers_there_{0};
  std::atomic<std::uint32_t> idle_turn_{0};  // changes when a draining pool may have become empty
  const std::unique_ptr<std::atomic<bool>[]> filled_;  // a seat; written with Staff's lock
  const std::shared_ptr<std::atomic<std::uint64_t>> shared_bytes_;

  std::atomic<std::uint64_t> lost_{0};

  mutable std::mutex hope_;  // guards the one below
  std::string why_hopeless_;

  mutable std::mutex latency_;  // guards the four below
  Histogram waiting_before_;
  Histogram running_before_;
  FunctionTimes function_times_;  // but for `record`
  FunctionCounts caller_functions_;
  std::unique_ptr<Staff> staff_;
};

}  // namespace twinpool::threads
