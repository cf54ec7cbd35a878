// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "shared/outcome.h"
#include "shared/task.h"

/// The caller's end of one accepted task.
namespace twinpool {

using Clock = std::chrono::steady_clock;

/// The steady clock in nanoseconds, as times lie in shared memory.
[[nodiscard]] inline std::int64_t now_ns() noexcept {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

/// `limit` from now; as late as the clock can say where the sum would not fit.
[[nodiscard]] inline Clock::time_point deadline_after(std::chrono::nanoseconds limit) {
  const auto now = Clock::now();
  return limit < Clock::time_point::max() - now ? now + limit : Clock::time_point::max();
}

/// When a task was accepted, begun and settled, in nanoseconds of the steady clock. Taken for sampled tasks
/// only
/// (`PoolOptions::timing`); `started_ns` is 0 when the task never ran.
struct TaskTiming {
  std::int64_t submitted_ns = 0;
  std::int64_t started_ns = 0;
  std::int64_t settled_ns = 0;
};

/// What somebody wants to happen when a task has settled. Short and without waiting: a thread of the pool
/// calls it.
class Continuation {
 public:
  virtual void settled() noexcept = 0;

 protected:
  ~Continuation() = default;
};

/// What a pool keeps for a Future. One per accepted task; it outlives the pool for as long as its Future
/// does.
///
/// Threads: `ready` and `wait_until` from any thread; `take` and `release` once, from one thread, and nothing
/// after it.
class TaskState {
 public:
  /// Whether the task has settled.
  [[nodiscard]] virtual bool ready() const noexcept = 0;
  /// Waits until the task has settled or `deadline` has passed (no deadline: as long as it takes). Gives:
  /// ready().
  virtual bool wait_until(std::optional<Clock::time_point> deadline) noexcept = 0;
  /// Requires ready(). The times of a sampled task.
  [[nodiscard]] virtual std::optional<TaskTiming> timing() const noexcept = 0;
  /// Waits until the task has settled, then constructs the value at `to` and gives null, or gives the failure.
  /// Releases the state. Errors: std::bad_alloc for the failure; the state is released then, too.
  [[nodiscard]] virtual std::unique_ptr<Failure> take(const ResultType& type, void* to) = 0;
  /// The Future is gone; the task goes on, its outcome is counted and dropped.
  virtual void release() noexcept = 0;
  /// Asks the task to end (see Future::cancel). Gives: false when it had settled.
  virtual bool cancel() noexcept = 0;
  /// Has `continuation.settled()` called once, when the task has settled: at once by the caller if it has
  /// settled already, otherwise by a thread of the pool (the worker, threads; the monitor, processes).
  ///
  /// Requires: at most one call a task. The state must not be released before the continuation was called;
  /// the continuation itself may take or release it.
  virtual void when_settled(Continuation& continuation) noexcept = 0;

 protected:
  ~TaskState() = default;
};

/// The one result of one task (C1). Move-only.
///
/// A dropped Future does not stop its task and its destructor does not wait. A Future may outlive its pool:
/// it has then settled. Threads: one thread at a time.
template <typename T>
class [[nodiscard]] Future {
 public:
  Future() = default;
  explicit Future(TaskState* state) : state_(state) {}
  Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Future& operator=(Future&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  ~Future() { reset(); }

  /// Whether a result can still be taken. Everything below but the destructor requires it.
  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }
  /// Whether get() would return at once.
  [[nodiscard]] bool ready() const noexcept { return state().ready(); }
  /// Waits until the task has settled.
  void wait() const noexcept { state().wait_until(std::nullopt); }
  /// Waits at most until `deadline`. Gives: whether the task has settled.
  bool wait_until(Clock::time_point deadline) const noexcept { return state().wait_until(deadline); }
  /// Waits at most `limit`. Gives: whether the task has settled.
  bool wait_for(std::chrono::nanoseconds limit) const noexcept { return wait_until(deadline_after(limit)); }
  /// Requires ready(). When the task waited and ran, if it was sampled.
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept { return state().timing(); }

  /// Asks the task to end (C8); the Future stays valid and settles.
  ///
  /// A task that waits settles as cancelled at once and never runs. One that runs sees its std::stop_token and
  /// settles as cancelled when it returns or throws; after PoolOptions::grace its worker is killed (processes)
  /// or the Future settles without it (threads). The next task on that worker is not concerned. Gives: false
  /// when the task had settled already. Threads: also beside a thread that waits.
  bool cancel() const noexcept { return state().cancel(); }

  /// Has `f` called in this process when the task has settled, without a thread that waits (shared/then.h).
  ///
  /// Takes:   a callable with one parameter: the value, or an Outcome<T> if that is what it declares (a generic
  ///          one gets the value); where T is Unit it may have none. This Future is left without a result.
  /// Gives:   a Future of what f returns (of Unit for void). Where f returns a Future or an Outcome, it settles
  ///          as that does. A failure passes by an f that takes the value; what f throws becomes kThrew.
  ///          cancel() of the new Future cancels the task, and after it what f gave; an f that takes the value is
  ///          then not begun.
  /// Threads: f runs in the thread that settles the task (a worker, the process twin's monitor, one that
  ///          cancels or stops), or at once in the caller when it has settled. So it has to be short and must
  ///          not wait for the pool.
  template <typename F>
  auto then(F f);

  /// Gives the task's state away, for those who build on Futures; the caller has to take or release it.
  [[nodiscard]] TaskState* detach() noexcept { return std::exchange(state_, nullptr); }
  /// The state, still this Future's.
  [[nodiscard]] TaskState* peek() const noexcept { return state_; }

  /// Waits, then gives the value or the failure, and leaves the Future without a result.
  [[nodiscard]] Outcome<T> outcome() {
    Storage storage;
    if (auto failure = take(storage)) return std::move(*failure);
    T* const value = std::launder(reinterpret_cast<T*>(storage.bytes));
    Outcome<T> outcome(std::move(*value));
    value->~T();
    return outcome;
  }
  /// Waits, then gives the value.
  ///
  /// Errors: throws TaskError when the task failed.
  T get() {
    Storage storage;
    if (auto failure = take(storage)) throw TaskError(std::move(*failure));
    // Destroyed also when moving it throws.
    const struct Value {
      ~Value() { value.~T(); }
      T& value;
    } taken{*std::launder(reinterpret_cast<T*>(storage.bytes))};
    return std::move(taken.value);
  }

 private:
  struct Storage {
    alignas(T) std::byte bytes[sizeof(T)];
  };
  /// Waits, then constructs the value in `storage` or gives the failure.
  [[nodiscard]] std::unique_ptr<Failure> take(Storage& storage) {
    TaskState* const taken = std::exchange(state_, nullptr);
    assert(taken != nullptr && "the result of a Future can be taken once");
    return taken->take(detail::kResultType<T>, storage.bytes);
  }
  [[nodiscard]] TaskState& state() const noexcept {
    assert(state_ != nullptr && "this Future has no task");
    return *state_;
  }
  void reset() noexcept {
    if (state_ != nullptr) std::exchange(state_, nullptr)->release();
  }

  TaskState* state_ = nullptr;
};

}  // namespace twinpool
