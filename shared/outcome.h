// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// What became of a task (C1): a value, or one of a short list of failures.
namespace twinpool {

/// The ways in which an accepted task can end without a value.
enum class FailureKind : std::uint8_t {
  kThrew = 1,       ///< the task's own exception; the worker lives on (C15)
  kCancelled,       ///< cancelled by the user
  kTimedOut,        ///< over its waiting or running limit
  kWorkerLost,      ///< its worker died while it ran, or no worker was left to run it
  kPoolClosed,      ///< the pool was stopped before the task could finish
  kResultTooLarge,  ///< its result is larger than the pool's shared memory may ever hold
  kOutOfMemory,     ///< no shared memory was left for its result
};

/// The name of a kind as reports print it ("worker_lost").
[[nodiscard]] std::string_view name_of(FailureKind kind);

/// How a worker was lost.
struct WorkerLoss {
  int worker = -1;           ///< index of the worker in its pool, from 0; -1 when no worker was involved
  int pid = 0;               ///< its process id
  int signal = 0;            ///< the signal that killed it, or 0
  int exit_status = 0;       ///< its exit status when no signal killed it
  bool was_running = false;  ///< it was running this task; false: the task still waited
  int attempt = 1;           ///< which run of the task it was, from 1
  int attempts = 1;          ///< how many the task was allowed: 1 + retry
  bool quarantined = false;  ///< the task has killed so many workers that it was not tried again (C5)
  bool core_dumped = false;
  std::optional<std::uint64_t> address = {};    ///< the memory that a SIGSEGV or SIGBUS was about
  std::chrono::nanoseconds ran{0};         ///< from the start of this attempt; 0: not known
  std::vector<std::string> stack_trace = {};    ///< where the worker was, innermost first; empty: not known
};

/// Why a task has no value.
struct Failure {
  FailureKind kind = FailureKind::kThrew;
  std::string type_name;           ///< for kThrew: the exception's type ("std::runtime_error")
  std::string message;             ///< one sentence; for kThrew the exception's what()
  std::optional<WorkerLoss> loss;  ///< for kWorkerLost
};

/// What Future::get throws when the task failed.
class TaskError : public std::runtime_error {
 public:
  explicit TaskError(Failure failure)
      : std::runtime_error(std::string(name_of(failure.kind)) + ": " + failure.message),
        failure_(std::move(failure)) {}
  [[nodiscard]] const Failure& failure() const { return failure_; }
  [[nodiscard]] FailureKind kind() const { return failure_.kind; }

 private:
  Failure failure_;
};

/// Stands for the value of a task that returns void.
struct Unit {
  bool operator==(const Unit&) const = default;
};

/// A value or a failure.
template <typename T>
class Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: converts on purpose
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  /// Requires has_value().
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  /// Requires !has_value().
  [[nodiscard]] const Failure& failure() const { return std::get<1>(state_); }
  [[nodiscard]] Failure&& take_failure() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Failure> state_;
};

/// The failure of a task that threw `current`: the type's readable name and what() of a std::exception.
///
/// Requires: called inside a catch block.
[[nodiscard]] Failure failure_of_current_exception();

/// One sentence for a lost worker, as reports and what() print it:
/// "worker 2 (pid 4711) was killed by SIGSEGV at address 0x18 while running 'parse' (attempt 2 of 2), after 31 ms".
[[nodiscard]] std::string describe(const WorkerLoss& loss, std::string_view task_name);

}  // namespace twinpool
