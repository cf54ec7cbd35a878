// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "shared/pool.h"

namespace twinpool::processes {

/// A pool whose workers are forked processes: isolated, killable, replaced when they die.
///
/// The tasks, their arguments and their results cross through one shared-memory segment
/// (processes/PROTOCOL.md). A task that crashes, exits or is killed costs itself and one worker, which is
/// replaced at once (C3, C4). Workers see the program's memory as it was when the launcher was forked,
/// copy-on-write; descriptors other than 0, 1, 2 are closed in them (ProcessOptions::keep_descriptors). Make
/// it while the program has one thread, or start a processes::Launcher first thing in main and keep it.
class ProcessPool final : public Pool {
 public:
  /// Starts the workers and waits until they are ready.
  ///
  /// Errors: std::invalid_argument for bad options; std::logic_error when the program has threads and no
  /// launcher;
  ///         std::system_error, naming what was tried, when the system refuses: what was started has ended
  ///         then.
  explicit ProcessPool(PoolOptions options = {});
  ~ProcessPool() override;

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

  /// The process ids of the workers that are there now.
  [[nodiscard]] std::vector<int> worker_pids() const;
  /// The process ids of the hot spares that stand by, ready.
  [[nodiscard]] std::vector<int> spare_pids() const;
  /// The supervisor's process id; 0 when none runs at the moment.
  [[nodiscard]] int supervisor_pid() const;

 private:
  class Owner;
  [[nodiscard]] Owner& owner() const;
  std::optional<SubmitError> enqueue(const Call& call, const with* options, TaskState*& accepted) override;
  std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes) override;

  std::unique_ptr<Owner> owner_;
};

}  // namespace twinpool::processes
