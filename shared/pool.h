// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "shared/future.h"
#include "shared/guarantees.h"
#include "shared/options.h"
#include "shared/shared_buffer.h"
#include "shared/stats.h"
#include "shared/task.h"

/// The one interface of both twins, and the contract that both keep. `Guarantees` says in code where a twin
/// cannot.
///
/// C1  Settles once. An accepted task settles exactly once: a value, its own exception, or a typed Failure.
/// C2  Refused never ran. A submission that was refused has not run and will not run; its arguments are
/// untouched. C3  Small blast radius (processes). A worker's death loses at most the task that it had
/// started. C4  Back to strength (processes). A dead worker is replaced at once, then with back-off; too many
/// deaths make the pool
///     degraded: what cannot run fails fast, nothing hangs, recovery is tried.
/// C6  Order. First in, first out. A worker is never idle while a task is queued.
/// C9  Backpressure. At most workers + queue_capacity tasks are unsettled; beyond, submit refuses or waits.
/// C10 Orderly end. drain() finishes what was accepted, stop() ends it; then no thread, process, mapping or
/// descriptor of
///     the pool is left. The destructor does as stop() within PoolOptions::stop_limit.
/// C11 No orphans (processes). When the program is killed, supervisor and workers are gone at once.
/// C12 Bounded memory (processes). Payload memory has a limit and is reserved before use; exhaustion is a
/// typed error. C13 True numbers. stats() balances: submitted is the sum of the outcomes and of what is
/// pending. C14 Sharing. A SharedBuffer is one memory; other arguments are moved (threads) or encoded once
/// (processes). C15 Exceptions of a task come back as its failure and cost the worker nothing. C16 Any thread
/// may submit, wait and read stats. A task may submit to the thread twin's own pool and wait. C17 Same
/// values. What a task takes or returns arrives bit for bit the same in both twins, or does not compile.
namespace twinpool {

/// Why a submission was refused. The task has not run and will not run (C2).
enum class SubmitError : std::uint8_t {
  kQueueFull = 1,  ///< workers + queue_capacity tasks are unsettled
  kClosed,         ///< drain() or stop() has been called
  kTooLarge,       ///< the arguments are larger than max_shared_bytes
  kOutOfMemory,    ///< no room in shared memory for the arguments now
  kDegraded,       ///< workers keep dying and none is there (C4)
  kNested,         ///< called inside a task of the process twin (C16)
  kUnknownTask,    ///< the function was loaded after the workers were forked
  kForeignBuffer,  ///< a SharedBuffer argument belongs to another pool
};
[[nodiscard]] std::string_view name_of(SubmitError error);
/// One sentence: what was refused and what to do.
[[nodiscard]] std::string_view sentence_of(SubmitError error);

/// What `submit` throws.
class SubmitRefused : public std::runtime_error {
 public:
  explicit SubmitRefused(SubmitError error)
      : std::runtime_error(std::string(sentence_of(error))), error_(error) {}
  [[nodiscard]] SubmitError error() const { return error_; }

 private:
  SubmitError error_;
};

/// What `try_submit` gives: a Future, or why there is none.
template <typename T>
class [[nodiscard]] Submission {
 public:
  Submission(Future<T> future) : state_(std::move(future)) {}  // NOLINT: converts on purpose
  Submission(SubmitError error) : state_(error) {}             // NOLINT
  [[nodiscard]] bool accepted() const { return state_.index() == 0; }
  explicit operator bool() const { return accepted(); }
  /// Requires accepted().
  [[nodiscard]] Future<T>& future() { return std::get<0>(state_); }
  /// Requires !accepted().
  [[nodiscard]] SubmitError error() const { return std::get<1>(state_); }

 private:
  std::variant<Future<T>, SubmitError> state_;
};

/// A pool of workers: threads::ThreadPool or processes::ProcessPool.
///
/// ```cpp
/// int fib(int n);
/// twinpool::threads::ThreadPool pool({.workers = 2});   // or twinpool::processes::ProcessPool: nothing else
/// changes twinpool::Future<int> f = pool.submit<fib>(30); int value = f.get(); // or throws TaskError
/// ```
/// Threads: everything but the destructor is safe from any thread.
class Pool {
 public:
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  virtual ~Pool() = default;

  /// Queues one task.
  ///
  /// Takes:   a function or a captureless lambda as template argument, and arguments that its parameters can
  /// be made of.
  ///          They are moved or copied on acceptance, not before. `std::string_view` and `std::span<const T>`
  ///          parameters are kept as what they view (threads) and read in place from shared memory
  ///          (processes).
  /// Gives:   a Future that settles exactly once (C1).
  /// Errors:  throws SubmitRefused (C2); an exception from copying an argument passes through, and the task
  /// never ran. Threads: safe from any thread; waits only with WhenFull::kBlock, up to block_limit. Inside a
  /// task of the thread twin
  ///          it never waits: a full queue makes the caller run the task itself.
  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> submit(Args&&... args) {
    auto submission = try_submit<Fn>(std::forward<Args>(args)...);
    if (!submission) throw SubmitRefused(submission.error());
    return std::move(submission.future());
  }

  /// The same, with a refusal as a value.
  template <auto Fn, typename... Args>
  Submission<ResultOf<Fn>> try_submit(Args&&... args) {
    using Held = typename detail::TaskOf<Fn>::Arguments;
    static_assert(detail::TaskOf<Fn>::check());
    static_assert(std::tuple_size_v<Held> == sizeof...(Args),
                  "twinpool: submit<fn> needs one argument a parameter of fn");
    static_assert(detail::arguments_fit<Held, Args...>(),
                  "twinpool: an argument cannot become its parameter's type");
    std::tuple<Args&&...> references(std::forward<Args>(args)...);
    const Call call = detail::CallOf<Fn, Args...>::call(references);
    TaskState* state = nullptr;
    if (const auto error = enqueue(call, state)) return *error;
    return Future<ResultOf<Fn>>(state);
  }

  /// Memory that tasks of this pool share with the caller: `count` elements, zero-filled (C14).
  ///
  /// Errors: throws std::bad_alloc when the pool's shared memory is exhausted (C12), SubmitRefused when the
  ///         pool is closed or the caller is a task of the process twin.
  template <typename T>
  [[nodiscard]] SharedBuffer<T> make_shared_buffer(std::size_t count) {
    static_assert(alignof(T) <= kBufferAlignment);
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    auto block = allocate_shared(count * sizeof(T));
    T* const data = reinterpret_cast<T*>(block->data);
    return SharedBuffer<T>(std::move(block), data, count);
  }

  /// Which clauses this pool keeps.
  [[nodiscard]] virtual Guarantees guarantees() const = 0;
  /// A consistent snapshot (C13). It may take longer than a submission: it looks at every task that is still
  /// held.
  [[nodiscard]] virtual PoolStats stats() const = 0;
  /// Starts the waiting and running percentiles anew.
  virtual void reset_latency() = 0;

  /// Refuses new tasks, waits until all accepted ones have settled, then ends the workers (C10).
  ///
  /// Gives: false when `limit` passed first; what was accepted then goes on, and drain or stop may be called
  /// again.
  virtual bool drain(std::chrono::nanoseconds limit) = 0;
  /// Refuses new tasks, settles the queued ones as pool_closed, lets running ones go on up to `limit`, then
  /// ends them (processes) or leaves them to themselves (threads), also as pool_closed (C10).
  ///
  /// Gives: true when all running tasks ended by themselves. Calling it again does nothing and gives the
  /// same.
  virtual bool stop(std::chrono::nanoseconds limit) = 0;

 protected:
  Pool() = default;

 private:
  /// Accepts `call` and sets `accepted`, or gives the reason why not. On refusal nothing of the call was
  /// touched.
  virtual std::optional<SubmitError> enqueue(const Call& call, TaskState*& accepted) = 0;
  virtual std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes) = 0;
};

}  // namespace twinpool
