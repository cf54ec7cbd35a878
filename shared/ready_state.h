// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "shared/future.h"
#include "shared/task.h"

namespace twinpool {

/// The state of a task that the submitting thread has run itself: settled from the start, and nobody's but its
/// Future's.
class ReadyState final : public TaskState {
 public:
  /// Runs `call` and keeps its outcome. `timed`: with times.
  ///
  /// Errors: std::bad_alloc; what copying an argument throws: the task has not run then.
  [[nodiscard]] static ReadyState* run(const Call& call, bool timed);

  [[nodiscard]] bool succeeded() const { return !failure_.has_value(); }

  [[nodiscard]] bool ready() const noexcept override { return true; }
  bool wait_until(std::optional<Clock::time_point>) noexcept override { return true; }
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept override { return timing_; }
  [[nodiscard]] std::unique_ptr<Failure> take(const ResultType& type, void* to) override;
  void release() noexcept override { delete this; }
  bool cancel() noexcept override { return false; }
  void when_settled(Continuation& continuation) noexcept override { continuation.settled(); }

 private:
  explicit ReadyState(const ResultType& type);
  ~ReadyState();
  ReadyState(const ReadyState&) = delete;

  const ResultType& type_;
  void* value_;             // memory for it; constructed unless there is a failure
  bool constructed_ = false;
  std::optional<Failure> failure_;
  std::optional<TaskTiming> timing_;
};

}  // namespace twinpool
