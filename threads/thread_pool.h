// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "shared/pool.h"

/// The thread twin.
namespace twinpool::threads {

class PoolCore;

/// A pool whose workers are threads of this process.
///
/// Takes:   `PoolOptions`; of `processes` in it only `restart` is looked at, for workers whose set-up throws.
/// Errors:  std::invalid_argument (see validate); std::system_error when a thread cannot be started, and
///          std::runtime_error when no worker can be set up; then no thread is left.
/// Threads: everything but the destructor is safe from any thread.
///
/// A task may submit to its own pool and wait: a worker that waits runs what the task has submitted. Waiting
/// for other tasks of the same pool can deadlock (see README.md, "Tasks that submit and wait"). `stop` cannot
/// end a task that never returns: after its limit the task's Future settles as pool_closed and the
/// thread is left behind, with what it uses of the pool.
class ThreadPool final : public Pool {
 public:
  explicit ThreadPool(PoolOptions options = {});
  ~ThreadPool() override;

  [[nodiscard]] Guarantees guarantees() const override;
  [[nodiscard]] PoolStats stats() const override;
  void reset_latency() override;
  bool drain(std::chrono::nanoseconds limit) override;
  bool stop(std::chrono::nanoseconds limit) override;
  std::size_t cancel_queued() override;
  void pause() override;
  void resume() override;
  bool reload(std::chrono::nanoseconds limit) override;
  void resize(WorkerRange workers) override;
  [[nodiscard]] std::string scoreboard_path() const override;

 private:
  std::optional<SubmitError> enqueue(const Call& call, const with* options, TaskState*& accepted) override;
  std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes) override;
  void end(std::optional<Clock::time_point> deadline);

  const PoolOptions options_;
  PoolCore& core_;
  std::mutex ending_;  // guards the one below
  std::optional<bool> ended_;  // what stop() gives, once the threads are gone
};

}  // namespace twinpool::threads
