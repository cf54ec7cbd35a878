// SPDX-License-Identifier: Apache-2.0
#include "processes/process_pool.h"

#include "processes/owner.h"

namespace twinpool::processes {

ProcessPool::ProcessPool(PoolOptions options) : owner_(std::make_unique<Owner>(std::move(options))) {}

ProcessPool::~ProcessPool() = default;

Guarantees ProcessPool::guarantees() const {
  return {.survives_worker_death = true,
          .running_task_can_be_ended = true,
          .no_orphans = true,
          .bounded_memory = true,
          .moves_arguments = false,
          .isolates_memory = true,
          .nested_submission = false};
}

PoolStats ProcessPool::stats() const { return owner_->stats(); }
void ProcessPool::reset_latency() { owner_->reset_latency(); }
bool ProcessPool::drain(std::chrono::nanoseconds limit) { return owner_->drain(limit); }
bool ProcessPool::stop(std::chrono::nanoseconds limit) { return owner_->stop(limit); }
std::vector<int> ProcessPool::worker_pids() const { return owner_->worker_pids(); }
int ProcessPool::supervisor_pid() const { return owner_->supervisor_pid(); }

std::optional<SubmitError> ProcessPool::enqueue(const Call& call, TaskState*& accepted) {
  return owner_->enqueue(call, accepted);
}

std::shared_ptr<const SharedBlock> ProcessPool::allocate_shared(std::size_t bytes) {
  return owner_->allocate_shared(bytes);
}

}  // namespace twinpool::processes
