// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "shared/awaited.h"
#include "shared/future.h"
#include "shared/promise_state.h"

/// Futures of several tasks at once.
namespace twinpool {

/// What `when_any` gives.
template <typename T>
struct WhenAny {
  // No aggregate, which Boost.PFR would take apart in search of a codec (and cannot, with clang).
  WhenAny(std::size_t first, std::vector<Future<T>> all) : index(first), futures(std::move(all)) {}

  std::size_t index;               ///< which task settled first
  std::vector<Future<T>> futures;  ///< all of them, in the order given; the one at `index` is ready
};

namespace detail {

/// One of the tasks that a `when_all` waits for.
template <typename T, typename Whole>
class Part final : public Awaited {
 public:
  Whole* whole = nullptr;
  std::optional<Outcome<T>> outcome;

 private:
  void arrived(TaskState& source) noexcept override {
    try {
      outcome.emplace(Future<T>(&source).outcome());
    } catch (...) {
      outcome.emplace(failure_of_current_exception());
    }
    whole->part_done();
  }
};

/// Counts the parts of a `when_all` down; the maker counts as one, so that nothing settles half made.
class Countdown {
 public:
  explicit Countdown(std::size_t parts) : left_(parts + 1) {}
  [[nodiscard]] bool last() noexcept { return left_.fetch_sub(1) == 1; }

 private:
  std::atomic<std::size_t> left_;
};

template <typename T>
class AllOfVector final : public TypedPromise<std::vector<Outcome<T>>> {
 public:
  explicit AllOfVector(std::size_t size)
      : size_(size), parts_(new Part<T, AllOfVector>[size]), countdown_(size) {}

  void start(std::vector<Future<T>>& futures) noexcept {
    for (std::size_t i = 0; i < size_; ++i) {
      parts_[i].whole = this;
      parts_[i].await(*futures[i].detach());
    }
    part_done();
  }
  void part_done() noexcept {
    if (!countdown_.last()) return;
    try {
      std::vector<Outcome<T>> all;
      all.reserve(size_);
      for (std::size_t i = 0; i < size_; ++i) all.push_back(std::move(*parts_[i].outcome));
      this->settle(std::move(all));
    } catch (...) {
      this->fail(failure_of_current_exception());
    }
    this->let_go();
  }

 private:
  void on_cancel() noexcept override {
    for (std::size_t i = 0; i < size_; ++i) parts_[i].cancel();
  }
  const std::size_t size_;
  const std::unique_ptr<Part<T, AllOfVector>[]> parts_;
  Countdown countdown_;
};

template <typename... T>
class AllOfTuple final : public TypedPromise<std::tuple<Outcome<T>...>> {
 public:
  void start(Future<T>&... futures) noexcept {
    std::apply(
        [&](auto&... parts) {
          ((parts.whole = this), ...);
          (parts.await(*futures.detach()), ...);
        },
        parts_);
    part_done();
  }
  void part_done() noexcept {
    if (!countdown_.last()) return;
    std::apply(
        [this](auto&... parts) {
          try {
            this->settle(std::tuple<Outcome<T>...>(std::move(*parts.outcome)...));
          } catch (...) {
            this->fail(failure_of_current_exception());
          }
        },
        parts_);
    this->let_go();
  }

 private:
  void on_cancel() noexcept override {
    std::apply([](auto&... parts) { (parts.cancel(), ...); }, parts_);
  }
  std::tuple<Part<T, AllOfTuple>...> parts_;
  Countdown countdown_{sizeof...(T)};
};

/// Hands a task's outcome on to a new state, and tells `whole`.
///
/// A task can have one continuation: what is given back by `when_any` has to be as good as new.
template <typename T, typename Whole>
class Relay final : public TypedPromise<T>, private Awaited {
 public:
  Relay(Whole& whole, std::size_t index) : whole_(whole), index_(index) {}
  using Awaited::await;
  using PromiseState::cancel;

 private:
  void on_cancel() noexcept override { Awaited::cancel(); }
  void arrived(TaskState& source) noexcept override {
    try {
      this->settle(Future<T>(&source).outcome());
    } catch (...) {
      this->fail(failure_of_current_exception());
    }
    whole_.relay_done(index_);
    this->let_go();
  }
  Whole& whole_;
  const std::size_t index_;
};

template <typename T>
class AnyOf final : public TypedPromise<WhenAny<T>> {
  using OneRelay = Relay<T, AnyOf>;

 public:
  explicit AnyOf(std::size_t size) {
    relays_.reserve(size);
    futures_.reserve(size);
    for (std::size_t i = 0; i < size; ++i) {
      relays_.emplace_back(new OneRelay(*this, i));
      futures_.emplace_back(relays_.back().get());
    }
  }
  void start(std::vector<Future<T>>& futures) noexcept {
    // Each relay keeps this state until it has arrived, and this state keeps each relay until it ends itself,
    // so that a cancel finds all of them.
    for (auto& relay : relays_) {
      this->hold();
      relay->hold();
    }
    for (std::size_t i = 0; i < relays_.size(); ++i) relays_[i]->await(*futures[i].detach());
    this->let_go();
  }
  void relay_done(std::size_t index) noexcept {
    if (this->claim()) this->settle_claimed(WhenAny<T>(index, std::move(futures_)));
    this->let_go();
  }

 private:
  struct LetGo {
    void operator()(OneRelay* relay) const noexcept { relay->let_go(); }
  };
  void on_cancel() noexcept override {
    for (auto& relay : relays_) relay->cancel();
  }
  std::vector<std::unique_ptr<OneRelay, LetGo>> relays_;
  std::vector<Future<T>> futures_;  // until the first one arrives
};

}  // namespace detail

/// Waits for all tasks, without a thread.
///
/// Takes: valid Futures; none is left valid. Gives: a Future of all outcomes in the order given; it does not
/// fail when a task does. Its cancel() cancels all of them, and it settles once they have.
template <typename T>
[[nodiscard]] Future<std::vector<Outcome<T>>> when_all(std::vector<Future<T>> futures) {
  auto* const whole = new detail::AllOfVector<T>(futures.size());
  Future<std::vector<Outcome<T>>> all(whole);
  whole->start(futures);
  return all;
}
template <typename... T>
[[nodiscard]] Future<std::tuple<Outcome<T>...>> when_all(Future<T>... futures) {
  auto* const whole = new detail::AllOfTuple<T...>();
  Future<std::tuple<Outcome<T>...>> all(whole);
  whole->start(futures...);
  return all;
}

/// Waits for the task that settles first, with whatever outcome, without a thread.
///
/// Takes: valid Futures, at least one. Gives: its index and all Futures, of which those that have not settled
/// go on. cancel() of the result cancels all of them.
/// Errors: std::invalid_argument when there is none.
template <typename T>
[[nodiscard]] Future<WhenAny<T>> when_any(std::vector<Future<T>> futures) {
  if (futures.empty()) throw std::invalid_argument("when_any needs at least one future");
  auto* const whole = new detail::AnyOf<T>(futures.size());
  Future<WhenAny<T>> any(whole);
  whole->start(futures);
  return any;
}

}  // namespace twinpool
