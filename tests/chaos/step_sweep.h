// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "processes/worker.h"
#include "tests/processes/bare_owner.h"

/// A worker is stopped after n instructions, for every n, and killed there; then the real recovery and other
/// real workers have to bring every task to its one right end.
namespace twinpool::chaos {

using processes::BareOwner;
using processes::Segment;
using processes::WorkerContext;

/// A queued task, whatever it returns, and what may become of it beside being lost.
class QueuedTask {
 public:
  virtual ~QueuedTask() = default;
  [[nodiscard]] virtual bool ready() const = 0;
  virtual void wait() const = 0;
  struct Verdict {
    bool lost = false;
    bool counted_as_run = false;  ///< its outcome says that it has run to its end
    WorkerLoss loss;
    std::string complaint;  ///< empty: a right outcome, or lost
  };
  /// Requires ready(); once.
  virtual Verdict judge() = 0;
};

template <typename T>
class QueuedTaskOf final : public QueuedTask {
 public:
  /// `is_right` says whether an outcome other than worker_lost is the one that was to come.
  QueuedTaskOf(Future<T> future, std::function<bool(const Outcome<T>&)> is_right)
      : future_(std::move(future)), is_right_(std::move(is_right)) {}
  [[nodiscard]] bool ready() const override { return future_.ready(); }
  void wait() const override { future_.wait(); }
  Verdict judge() override {
    const Outcome<T> outcome = future_.outcome();
    Verdict verdict;
    if (!outcome && outcome.failure().kind == FailureKind::kWorkerLost) {
      verdict.lost = true;
      verdict.loss = outcome.failure().loss.value_or(WorkerLoss{});
    } else {
      verdict.counted_as_run = true;
      if (!is_right_(outcome))
        verdict.complaint = outcome ? "a wrong value" : "a wrong failure: " + outcome.failure().message;
    }
    return verdict;
  }

 private:
  Future<T> future_;
  std::function<bool(const Outcome<T>&)> is_right_;
};

using QueuedTasks = std::vector<std::unique_ptr<QueuedTask>>;

/// Counts how often task `task` has begun; kept in memory that every fork shares. Call it in the tasks.
void count_run(std::uint32_t task);

/// What is played, once for each point.
struct Scenario {
  /// Submits the tasks, numbered from 0 in their order.
  std::function<QueuedTasks(BareOwner&)> queue;
  /// What the stepped worker (place 0) does.
  std::function<void(const Segment&, const WorkerContext&)> work;
  /// What settles what it left behind.
  std::function<void(const Segment&, int pid, int status)> recover;

  enum class Helper {
    kBystander,    ///< place 1 is asleep at its door from the beginning: somebody has to wake it
    kReplacement,  ///< a new worker comes to place 0 after the recovery
    kNone,
  };
  Helper helper = Helper::kBystander;
  /// For each task a thread that is asleep in Future::wait before the first step.
  bool waiters = false;
  /// The tasks are pushed and announced only when the worker has been stopped, not before it begins.
  bool push_at_the_point = false;
  /// The owner answers what the dead worker had asked for, before anybody knows of the death.
  bool answer_after_death = false;
  /// The worker is not killed but goes on from the point.
  bool lives_on = false;
  /// How long the tasks may take to settle after the recovery.
  std::chrono::milliseconds patience{20'000};
};

struct SweepReport {
  std::size_t instructions = 0;         ///< of the worker's whole way
  std::size_t points = 0;               ///< at which it was stopped
  std::size_t with_loss = 0;            ///< points after which a task was lost
  std::size_t lost = 0;                 ///< tasks
  std::size_t right = 0;                ///< tasks with their right outcome
  std::vector<std::string> complaints;  ///< the sweep ends after a few

  [[nodiscard]] std::string text() const;
};

/// Plays the scenario with the worker stopped after 0, 1, 2, ... instructions, until its way is at its end or
/// it sleeps with nothing to wake it.
///
/// A way that is too long for each of its instructions (an exception takes tens of thousands) is first
/// recorded: at a point where no memory that others see has changed since the last point, a kill means to the
/// others what it meant there. All points within a few instructions of a change are played, the rest in
/// strides.
SweepReport sweep(const Scenario& scenario);

}  // namespace twinpool::chaos
