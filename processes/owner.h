// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "processes/function_table.h"
#include "processes/launcher.h"
#include "processes/monitor.h"
#include "processes/observer.h"
#include "processes/process_pool.h"
#include "processes/seat_stats.h"
#include "processes/task_books.h"
#include "processes/waiting_tasks.h"

namespace twinpool::processes {

/// The parts of a process pool in the owner, wired together.
class ProcessPool::Owner {
 public:
  explicit Owner(PoolOptions options);
  ~Owner();
  Owner(const Owner&) = delete;

  std::optional<SubmitError> enqueue(const Call& call, const with* options, TaskState*& accepted);
  std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes);
  [[nodiscard]] PoolStats stats();
  void reset_latency();
  bool drain(std::chrono::nanoseconds limit);
  bool stop(std::chrono::nanoseconds limit);
  bool reload(std::chrono::nanoseconds limit);
  void resize(const WorkerRange& workers);
  std::size_t cancel_queued() { return books_->endings().cancel_waiting(); }
  void pause();
  void resume();
  [[nodiscard]] std::string scoreboard_path() const { return board_.path(); }
  [[nodiscard]] std::vector<int> worker_pids() const { return pids_of(*segment_); }
  [[nodiscard]] std::vector<int> spare_pids() const { return spare_pids_of(*segment_); }
  [[nodiscard]] int supervisor_pid() const { return monitor_->supervisor_pid(); }
  [[nodiscard]] std::chrono::nanoseconds stop_limit() const { return options_.stop_limit; }

 private:
  /// A slot, and payload for arguments that do not fit it.
  struct Place {
    TaskRecord* record = nullptr;
    Extent arguments;
  };

  void start();
  void set_range(const WorkerRange& workers);
  void wait_for_workers();
  std::optional<SubmitError> refuse(SubmitError error);
  std::optional<SubmitError> check(const Call& call, std::size_t bytes, const Writer& count) const;
  std::optional<SubmitError> find_place(const Call& call, std::size_t bytes, Place& place);
  std::optional<SubmitError> try_place(const Call& call, std::size_t bytes, Place& place);
  Extent expected_result(const Call& call);
  void fill(const Call& call, std::size_t bytes, Place& place, const Writer& count, const with* options);
  [[nodiscard]] std::optional<TaskTerms> terms_of(const with* options);
  std::optional<SubmitError> run_in_caller(const Call& call, TaskState*& accepted);
  void tell_full() noexcept;
  void after_push(WaitingTasks::Where where);
  void serve_notes() noexcept;
  bool wait_until_idle(Clock::time_point deadline);
  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] bool is_cut_off() const;
  void close_submissions();
  void poke_supervisor() const;
  [[nodiscard]] bool takes_times();
  void ask_for_workers_if_missing() const;
  [[nodiscard]] std::string why_no_worker() const;

  /// Waits for a task to settle, at most until `deadline`; `done` is asked after each.
  template <typename Done>
  bool wait_for_room(Clock::time_point deadline, Done done);

  const PoolOptions options_;
  const pid_t owner_pid_ = ::getpid();
  std::shared_ptr<Launcher> launcher_;
  TaskBooks* books_ = nullptr;  // outlives this: see TaskBooks
  const Segment* segment_ = nullptr;
  ScoreboardMemory board_;
  Descriptor poke_;
  std::unique_ptr<WaitingTasks> waiting_;
  std::unique_ptr<FunctionTable> functions_;
  std::unique_ptr<Observer> observer_;
  std::unique_ptr<Monitor> monitor_;

  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> completed_by_callers_{0};
  std::atomic<std::uint64_t> failed_by_callers_{0};
  std::atomic<std::uint64_t> timed_from_{0};  // submitted tasks at the last reset of the percentiles
  std::atomic<bool> full_told_{false};

  std::atomic<bool> dynamic_{false};  // the pool may be larger than it must be
  std::mutex staff_mutex_;
  std::condition_variable staff_changed_;
  bool reloading_ = false;  // guarded by staff_mutex_

  std::mutex room_mutex_;
  int room_waiters_ = 0;  // guarded by room_mutex_

  std::mutex stop_mutex_;
  bool stopped_ = false;  // guarded by stop_mutex_
  bool clean_ = true;     // guarded by stop_mutex_
  std::atomic<bool> drained_{false};

  std::mutex latency_mutex_;
  std::vector<Histogram> waiting_before_;  // by seat, at the last reset; guarded by latency_mutex_
  std::vector<Histogram> running_before_;
};

}  // namespace twinpool::processes
