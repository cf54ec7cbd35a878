// SPDX-License-Identifier: Apache-2.0
#include "threads/thread_pool.h"

#include <string>
#include <system_error>

#include "threads/pool_core.h"

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
    start_workers();
  } catch (...) {
    core_.end_workers();
    for (std::thread& thread : threads_) thread.join();
    core_.retire();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stop(options_.stop_limit);
  core_.retire();
}

void ThreadPool::start_workers() {
  threads_.reserve(static_cast<std::size_t>(options_.workers.max));
  for (int i = 0; i < options_.workers.max; ++i) {
    core_.add_reference();
    try {
      threads_.emplace_back([&core = core_, i] {
        core.worker(i).run();
        core.drop_references(1);
      });
    } catch (const std::system_error& error) {
      core_.drop_references(1);
      throw std::system_error(error.code(), "cannot start the thread of worker " + std::to_string(i + 1) +
                                                " of " + std::to_string(options_.workers.max));
    } catch (...) {  // no memory for the thread's state
      core_.drop_references(1);
      throw;
    }
  }
}

Guarantees ThreadPool::guarantees() const {
  return {.settles_once = true,
          .refused_never_ran = true,
          .survives_worker_death = false,
          .running_task_can_be_ended = false,
          .no_orphans = true,
          .bounded_memory = false,
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

bool ThreadPool::drain(std::chrono::nanoseconds limit) {
  if (!core_.drain(deadline_after(limit))) return false;
  const std::lock_guard lock(ending_);
  if (!ended_) {
    core_.end_workers();
    join_workers();
    ended_ = true;
  }
  return true;
}

bool ThreadPool::stop(std::chrono::nanoseconds limit) {
  const std::lock_guard lock(ending_);
  if (ended_) return *ended_;
  core_.close();
  const bool all_left = core_.wait_for_workers(deadline_after(limit));
  if (!all_left) core_.abandon_running();
  ended_ = true;
  for (int i = 0; i < options_.workers.max; ++i) {
    if (!all_left && core_.stuck(i)) {
      threads_[static_cast<std::size_t>(i)].detach();
      ended_ = false;
    }
  }
  join_workers();
  return *ended_;
}

void ThreadPool::join_workers() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

}  // namespace twinpool::threads
