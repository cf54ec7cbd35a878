// SPDX-License-Identifier: Apache-2.0
#include "threads/thread_pool.h"

#include <algorithm>
#include <string>

#include "threads/pool_core.h"
#include "threads/staff.h"

namespace twinpool::threads {
namespace {

/// Gives: nothing when the clock cannot count that far.
std::optional<Clock::time_point> deadline_after(std::chrono::nanoseconds limit) {
  const auto now = Clock::now();
  if (limit > Clock::time_point::max() - now) return std::nullopt;
  return now + limit;
}

}  // namespace

ThreadPool::ThreadPool(PoolOptions options)
    : options_(validate(std::move(options))), core_(PoolCore::make(options_)) {
  try {
    core_.staff().open();
  } catch (...) {
    core_.end_workers();
    end(std::nullopt);
    core_.retire();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop(options_.stop_limit);
  core_.retire();
}

/// Requires: the core sends its workers home.
void ThreadPool::end(std::optional<Clock::time_point> deadline) {
  core_.staff().close();
  ended_ = core_.staff().see_off(deadline);
  core_.controls().stop();
  core_.events().stop();
}

Guarantees ThreadPool::guarantees() const {
  return {.settles_once = true,
          .refused_never_ran = true,
          .survives_worker_death = false,
          .running_task_can_be_ended = false,
          .retries_lost_tasks = false,
          .no_orphans = true,
          .bounded_memory = false,
          .limits_worker_memory = false,
          .moves_arguments = true,
          .isolates_memory = false,
          .nested_submission = true};
}

PoolStats ThreadPool::stats() const { return core_.stats(); }
void ThreadPool::reset_latency() { core_.reset_latency(); }
std::size_t ThreadPool::cancel_queued() { return core_.cancel_queued(); }
void ThreadPool::pause() { core_.pause(); }
void ThreadPool::resume() { core_.resume(); }

std::optional<SubmitError> ThreadPool::enqueue(const Call& call, const with* options, TaskState*& accepted) {
  return core_.submit(call, options, accepted);
}

std::shared_ptr<const SharedBlock> ThreadPool::allocate_shared(std::size_t bytes) {
  return core_.allocate_shared(bytes);
}

bool ThreadPool::reload(std::chrono::nanoseconds limit) { return core_.staff().reload(deadline_after(limit)); }
void ThreadPool::resize(WorkerRange workers) { core_.staff().resize(workers); }
std::string ThreadPool::scoreboard_path() const { return core_.board().path(); }

bool ThreadPool::drain(std::chrono::nanoseconds limit) {
  if (!core_.drain(deadline_after(limit))) return false;
  const std::lock_guard lock(ending_);
  if (ended_) return true;
  core_.tell_drained();
  core_.end_workers();
  // All tasks have settled, but a thread may still be inside one that settled without it.
  std::optional<Clock::time_point> deadline;
  if (core_.staff().anybody_stuck()) deadline = Clock::now() + options_.stop_limit;
  end(deadline);
  return true;
}

bool ThreadPool::stop(std::chrono::nanoseconds limit) {
  const std::lock_guard lock(ending_);
  if (ended_) return *ended_;
  core_.close();
  end(deadline_after(limit));
  return *ended_;
}

}  // namespace twinpool::threads
