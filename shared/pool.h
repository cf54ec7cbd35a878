// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "shared/future.h"
#include "shared/guarantees.h"
#include "shared/options.h"
#include "shared/shared_buffer.h"
#include "shared/stats.h"
#include "shared/task.h"
#include "shared/then.h"

/// The one interface of both twins, and the contract that both keep. `Guarantees` says in code where a twin
/// cannot.
///
/// C1  Settles once. An accepted task settles exactly once: a value, its own exception, or a typed Failure.
/// C2  Refused never ran. A submission that was refused has not run and will not run; its arguments are
///     untouched.
/// C3  Small blast radius (processes). A worker's death loses at most the task that it had started.
/// C4  Back to strength (processes). A dead worker is replaced at once, then with back-off; too many deaths
///     make the pool degraded: what cannot run fails fast, nothing hangs, recovery is tried.
/// C5  At most once; retry when asked. A task runs again after worker_lost only if it says `retry`, from its
///     original arguments; one that killed `quarantine` workers is not tried again.
/// C6  Order. Higher priority first, first in, first out within one, with ageing. A worker is never idle while
///     a task that it may run is queued.
/// C7  Time limits. Separate ones for waiting and running; over them a task settles as timed_out.
/// C8  Cancel. A queued task is removed; a running one sees its std::stop_token, and is ended after the grace
///     period where a worker can be killed.
/// C9  Backpressure. At most workers.max + queue_capacity tasks are unsettled; beyond, submit refuses, waits or
///     runs the task itself.
/// C10 Orderly end. drain() finishes what was accepted, stop() ends it; then no thread, process, mapping or
///     descriptor of the pool is left. The destructor does as stop() within PoolOptions::stop_limit.
/// C11 No orphans (processes). When the program is killed, supervisor and workers are gone at once.
/// C12 Bounded memory (processes). Payload memory has a limit and is reserved before use; exhaustion is a typed
///     error; a worker over its own limit is replaced.
/// C13 True numbers. stats() balances: submitted is the sum of the outcomes and of what is pending.
/// C14 Sharing. A SharedBuffer is one memory; other arguments are moved (threads) or encoded once (processes).
/// C15 Exceptions of a task come back as its failure and cost the worker nothing.
/// C16 Any thread may submit, wait, cancel and read stats. A task may submit to the thread twin's own pool and
///     wait; the process twin refuses that.
/// C17 Same values. What a task takes or returns arrives bit for bit the same in both twins, or does not
///     compile.
namespace twinpool {

namespace detail {

template <typename... Args>
inline constexpr bool kBeginsWithOptions = false;
template <typename First, typename... Rest>
inline constexpr bool kBeginsWithOptions<First, Rest...> = std::is_same_v<std::remove_cvref_t<First>, with>;

}  // namespace detail

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
/// twinpool::threads::ThreadPool pool({.workers = 2});   // or twinpool::processes::ProcessPool, nothing else
/// twinpool::Future<int> f = pool.submit<fib>(30);
/// int value = f.get();                                  // or throws TaskError
/// pool.submit<fib>(with{.priority = 5, .run_limit = 200ms, .retry = 1}, 30);
/// ```
/// Threads: everything but the destructor is safe from any thread.
class Pool {
 public:
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  virtual ~Pool() = default;

  /// Queues one task.
  ///
  /// Takes:   a function or a captureless lambda as template argument, and arguments that its parameters can be
  ///          made of; before them, if anything special is wanted, a `with`. The arguments are moved or copied
  ///          on acceptance, not before. `std::string_view` and `std::span<const T>` parameters are kept as what
  ///          they view (threads) and read in place from shared memory (processes). A first parameter of type
  ///          `std::stop_token` comes from the pool (C8).
  /// Gives:   a Future that settles exactly once (C1).
  /// Errors:  throws SubmitRefused (C2); std::invalid_argument for a bad `with`; an exception from copying an
  ///          argument passes through, and the task never ran.
  /// Threads: safe from any thread; waits only with WhenFull::kBlock, up to block_limit. Inside a task of the
  ///          thread twin it never waits: a full queue makes the caller run the task itself.
  template <auto Fn, typename... Args>
    requires(!detail::kBeginsWithOptions<Args...>)
  Future<ResultOf<Fn>> submit(Args&&... args) {
    return accepted(try_submit<Fn>(std::forward<Args>(args)...));
  }
  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> submit(const with& options, Args&&... args) {
    return accepted(try_submit<Fn>(options, std::forward<Args>(args)...));
  }

  /// The same, with a refusal as a value.
  template <auto Fn, typename... Args>
    requires(!detail::kBeginsWithOptions<Args...>)
  Submission<ResultOf<Fn>> try_submit(Args&&... args) {
    return hand_over<Fn>(nullptr, std::forward<Args>(args)...);
  }
  template <auto Fn, typename... Args>
  Submission<ResultOf<Fn>> try_submit(const with& options, Args&&... args) {
    validate(options);
    return hand_over<Fn>(&options, std::forward<Args>(args)...);
  }

  /// Submits the next task of a chain when the one before has given its value.
  ///
  /// Takes:   a valid Future, whose value becomes the first argument (none where it is Unit), and the arguments
  ///          after it. The pool has to be there until the Future has settled.
  /// Gives:   the next task's Future. It passes on a failure of the first task, and a refusal as kThrew.
  /// Threads: submits in the thread that settles the first task (see Future::then); with WhenFull::kBlock that
  ///          thread would wait for room.
  template <auto Fn, typename T, typename... Args>
  Future<ResultOf<Fn>> then(Future<T> first, Args... args) {
    return then<Fn>(with{}, std::move(first), std::move(args)...);
  }
  template <auto Fn, typename T, typename... Args>
  Future<ResultOf<Fn>> then(with options, Future<T> first, Args... args) {
    return first.then([this, options = std::move(options), ... rest = std::move(args)](T value) mutable {
      if constexpr (std::is_same_v<T, Unit>) {
        return submit<Fn>(options, std::move(rest)...);
      } else {
        return submit<Fn>(options, std::move(value), std::move(rest)...);
      }
    });
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

  /// Cancels every task that waits (C8). Gives: how many.
  virtual std::size_t cancel_queued() = 0;
  /// Workers begin no task any more, until `resume`; submissions go on being accepted. Waiting limits go on.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Replaces every worker by a fresh one, one at a time, each ready before the old one leaves between two
  /// tasks; nothing is lost and the pool's strength does not dip.
  ///
  /// Gives: false when `limit` passed first (the rest is then left as it is), or the pool is closed.
  virtual bool reload(std::chrono::nanoseconds limit) = 0;
  /// Changes the number of workers, up to the `workers.max` that the pool was made with.
  ///
  /// Errors: std::invalid_argument with a sentence.
  virtual void resize(WorkerRange workers) = 0;
  /// Where another process reads this pool's scoreboard (shared/scoreboard.h): a path below /proc that lives as
  /// long as the pool.
  [[nodiscard]] virtual std::string scoreboard_path() const = 0;

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
  template <typename T>
  static Future<T> accepted(Submission<T> submission) {
    if (!submission) throw SubmitRefused(submission.error());
    return std::move(submission.future());
  }

  template <auto Fn, typename... Args>
  Submission<ResultOf<Fn>> hand_over(const with* options, Args&&... args) {
    using Held = typename detail::TaskOf<Fn>::Arguments;
    static_assert(detail::TaskOf<Fn>::check());
    static_assert(std::tuple_size_v<Held> == sizeof...(Args),
                  "twinpool: submit<fn> needs one argument a parameter of fn");
    static_assert(detail::arguments_fit<Held, Args...>(),
                  "twinpool: an argument cannot become its parameter's type");
    std::tuple<Args&&...> references(std::forward<Args>(args)...);
    const Call call = detail::CallOf<Fn, Args...>::call(references);
    TaskState* state = nullptr;
    if (const auto error = enqueue(call, options, state)) return *error;
    return Future<ResultOf<Fn>>(state);
  }

  /// Accepts `call` and sets `accepted`, or gives the reason why not. On refusal nothing of the call was
  /// touched. `options`: null where the submission asks for nothing special; validated.
  virtual std::optional<SubmitError> enqueue(const Call& call, const with* options, TaskState*& accepted) = 0;
  virtual std::shared_ptr<const SharedBlock> allocate_shared(std::size_t bytes) = 0;
};

}  // namespace twinpool
