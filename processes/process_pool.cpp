// SPDX-License-Identifier: Apache-2.0
#include "processes/process_pool.h"

#include <stdexcept>

#include "processes/owner.h"
#include "processes/worker.h"

namespace twinpool::processes {

ProcessPool::ProcessPool(PoolOptions options) : owner_(std::make_unique<Owner>(std::move(options))) {}

ProcessPool::~ProcessPool() = default;

// A worker was forked while its pool was being made: the copy of it there has no parts.
ProcessPool::Owner& ProcessPool::owner() const {
  if (in_worker_process()) throw std::logic_error("a task cannot use the process pool that runs it");
  return *owner_;
}

Guarantees ProcessPool::guarantees() const {
  return {.survives_worker_death = true,
          .running_task_can_be_ended = true,
          .retries_lost_tasks = true,
          .no_orphans = true,
          .bounded_memory = true,
          .limits_worker_memory = true,
          .moves_arguments = false,
          .isolates_memory = true,
          .nested_submission = false};
}

PoolStats ProcessPool::stats() const { return owner().stats(); }
void ProcessPool::reset_latency() { owner().reset_latency(); }
bool ProcessPool::drain(std::chrono::nanoseconds limit) { return owner().drain(limit); }
bool ProcessPool::stop(std::chrono::nanoseconds limit) { return owner().stop(limit); }
std::size_t ProcessPool::cancel_queued() { return owner().cancel_queued(); }
void ProcessPool::pause() { owner().pause(); }
void ProcessPool::resume() { owner().resume(); }
bool ProcessPool::reload(std::chrono::nanoseconds limit) { return owner().reload(limit); }
void ProcessPool::resize(WorkerRange workers) { owner().resize(workers); }
std::string ProcessPool::scoreboard_path() const { return owner().scoreboard_path(); }
std::vector<int> ProcessPool::worker_pids() const { return owner().worker_pids(); }
std::vector<int> ProcessPool::spare_pids() const { return owner().spare_pids(); }
int ProcessPool::supervisor_pid() const { return owner().supervisor_pid(); }

std::optional<SubmitError> ProcessPool::enqueue(const Call& call, const with* options, TaskState*& accepted) {
  if (in_worker_process()) return SubmitError::kNested;
  return owner_->enqueue(call, options, accepted);
}

std::shared_ptr<const SharedBlock> ProcessPool::allocate_shared(std::size_t bytes) {
  if (in_worker_process()) throw SubmitRefused(SubmitError::kNested);
  return owner_->allocate_shared(bytes);
}

}  // namespace twinpool::processes
