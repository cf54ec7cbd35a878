// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "shared/future.h"
#include "shared/outcome.h"
#include "shared/task.h"

/// Results that no worker settles: what a submitting thread ran itself, what follows from other tasks, what
/// somebody settles by hand.
namespace twinpool {

/// A TaskState on the heap that somebody settles by hand, once.
///
/// Invariant: who claims it first settles it, so it settles once however many try (C1). It lives until the
/// last reference is let go of: the Future holds one (`take` and `release` let go of it), and it starts with
/// a second one for the side that settles. Threads: the settling side and cancel() from any thread.
class PromiseState : public TaskState {
 public:
  PromiseState(const PromiseState&) = delete;
  PromiseState& operator=(const PromiseState&) = delete;

  [[nodiscard]] bool ready() const noexcept override { return is_settled(word_.load()); }
  bool wait_until(std::optional<Clock::time_point> deadline) noexcept override;
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept override { return std::nullopt; }
  [[nodiscard]] std::unique_ptr<Failure> take(const ResultType& type, void* to) override;
  void release() noexcept override { let_go(); }
  bool cancel() noexcept override;
  void when_settled(Continuation& continuation) noexcept override;

  /// Gives true to the first who asks, who then has to settle it.
  [[nodiscard]] bool claim() noexcept { return (word_.fetch_or(kClaimed) & kClaimed) == 0; }
  /// Where the value is to be constructed by who has claimed.
  [[nodiscard]] void* storage() noexcept { return storage_; }
  /// Requires: claimed by the caller, a value at storage(), and a reference that the caller holds.
  void publish_value() noexcept { publish(kSettled | kValue); }
  /// Requires: claimed by the caller, and a reference that the caller holds.
  void publish_failure(Failure failure) noexcept;
  /// Claims, and settles as `failure`. Gives: false when somebody else had claimed it.
  bool fail(Failure failure) noexcept;

  void hold() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() noexcept;

 protected:
  PromiseState(const ResultType& type, void* storage) : type_(type), storage_(storage) {}
  virtual ~PromiseState() = default;

 private:
  static constexpr std::uint32_t kClaimed = 1;
  static constexpr std::uint32_t kSettled = 2;
  static constexpr std::uint32_t kValue = 4;       // there is a value at storage_
  static constexpr std::uint32_t kWaited = 8;      // somebody may sleep on the word
  static constexpr std::uint32_t kContinued = 16;  // continuation_ is set

  static bool is_settled(std::uint32_t word) { return (word & kSettled) != 0; }
  void publish(std::uint32_t bits) noexcept;
  /// What cancel() does, by a thread that holds a reference. It may be called several times, also at once.
  virtual void on_cancel() noexcept;

  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> references_{2};
  const ResultType& type_;
  void* const storage_;
  Continuation* continuation_ = nullptr;  // written before kContinued is set
  std::optional<Failure> failure_;        // written by who claimed, before kSettled is set
};

/// The failure of what was cancelled.
[[nodiscard]] Failure cancelled_failure();

/// A PromiseState with room for a T.
template <typename T>
class TypedPromise : public PromiseState {
 public:
  TypedPromise() : PromiseState(detail::kResultType<T>, &room_) {}

  /// Requires: claimed by the caller, and a reference that the caller holds.
  void settle_claimed(Outcome<T>&& outcome) noexcept {
    if (!outcome) return publish_failure(std::move(outcome).take_failure());
    try {
      ::new (storage()) T(std::move(outcome).value());
    } catch (...) {
      return publish_failure(failure_of_current_exception());
    }
    publish_value();
  }
  /// Gives: false when somebody else had claimed it.
  bool settle(Outcome<T>&& outcome) noexcept {
    if (!claim()) return false;
    settle_claimed(std::move(outcome));
    return true;
  }

 private:
  struct Room {
    alignas(T) std::byte bytes[sizeof(T)];
  };
  Room room_;
};

/// A Future's other end, for results that come from elsewhere than a pool.
///
/// Settles as cancelled when it goes without having been settled. Threads: one at a time; beside it the
/// Future from another.
template <typename T>
class Promise {
 public:
  /// `on_cancel`: called by each Future::cancel() before the promise is settled, in that thread, without a
  /// lock; none: cancel() settles the Future as cancelled at once.
  explicit Promise(std::function<void()> on_cancel = {}) : state_(new State(std::move(on_cancel))) {}
  Promise(Promise&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)), given_(std::exchange(other.given_, true)) {}
  Promise& operator=(Promise&&) = delete;
  ~Promise() {
    if (state_ == nullptr) return;
    state_->fail(cancelled_failure());
    if (!given_) state_->let_go();
    state_->let_go();
  }

  /// Requires: called once at most.
  [[nodiscard]] Future<T> future() {
    given_ = true;
    return Future<T>(state_);
  }
  /// Gives: false when it had settled; then nothing happens.
  bool settle(Outcome<T> outcome) noexcept { return state_->settle(std::move(outcome)); }

 private:
  class State final : public TypedPromise<T> {
   public:
    explicit State(std::function<void()> on_cancel) : on_cancel_(std::move(on_cancel)) {}

   private:
    void on_cancel() noexcept override {
      if (on_cancel_) {
        on_cancel_();
      } else {
        this->fail(cancelled_failure());
      }
    }
    const std::function<void()> on_cancel_;
  };

  State* state_;
  bool given_ = false;
};

/// Runs the task of `call` in the calling thread (WhenFull::kRunInCaller, C9).
///
/// Gives: a state that has settled, with one reference, for the Future.
/// Errors: what copying an argument throws passes through, and the task never ran; std::bad_alloc.
[[nodiscard]] TaskState* run_in_caller(const Call& call);

}  // namespace twinpool
