// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

#include "shared/awaited.h"
#include "shared/future.h"
#include "shared/promise_state.h"

/// What Future::then is made of.
namespace twinpool::detail {

template <typename F>
struct FirstParameter {
  using Type = void;  // generic or overloaded: gets the value
};
template <typename R, typename P, typename... Rest>
struct FirstParameter<R (*)(P, Rest...)> {
  using Type = std::remove_cvref_t<P>;
};
template <typename R, typename C, typename P, typename... Rest>
struct FirstParameter<R (C::*)(P, Rest...)> {
  using Type = std::remove_cvref_t<P>;
};
template <typename R, typename C, typename P, typename... Rest>
struct FirstParameter<R (C::*)(P, Rest...) const> {
  using Type = std::remove_cvref_t<P>;
};
template <typename R, typename... P>
struct FirstParameter<R (*)(P...) noexcept> : FirstParameter<R (*)(P...)> {};
template <typename R, typename C, typename... P>
struct FirstParameter<R (C::*)(P...) noexcept> : FirstParameter<R (C::*)(P...)> {};
template <typename R, typename C, typename... P>
struct FirstParameter<R (C::*)(P...) const noexcept> : FirstParameter<R (C::*)(P...)> {};

template <typename F, typename T>
constexpr bool takes_outcome() {
  if constexpr (requires { &F::operator(); }) {
    return std::is_same_v<typename FirstParameter<decltype(&F::operator())>::Type, Outcome<T>>;
  } else {
    return std::is_same_v<typename FirstParameter<F>::Type, Outcome<T>>;
  }
}

/// Calls `f` with what it takes: the outcome, the value, or nothing.
template <typename T, typename F>
decltype(auto) continue_with(F& f, Outcome<T>&& outcome) {
  if constexpr (takes_outcome<F, T>()) {
    return f(std::move(outcome));
  } else if constexpr (std::is_same_v<T, Unit> && std::is_invocable_v<F&>) {
    return f();
  } else {
    return f(std::move(outcome).value());
  }
}

/// What the Future of `then` gives for what `f` returns.
template <typename R>
struct Continued {
  using Type = R;
  static constexpr bool kIsFuture = false;
};
template <>
struct Continued<void> : Continued<Unit> {};
template <typename R>
struct Continued<Outcome<R>> : Continued<R> {};
template <typename R>
struct Continued<Future<R>> {
  using Type = R;
  static constexpr bool kIsFuture = true;
};
template <typename T, typename F>
using ReturnedOf =
    std::remove_cvref_t<decltype(continue_with<T>(std::declval<F&>(), std::declval<Outcome<T>>()))>;

/// One `then`: waits for a task, calls `f`, and where f gives a Future, waits for that too.
template <typename T, typename F>
class Then final : public TypedPromise<typename Continued<ReturnedOf<T, F>>::Type>, private Awaited {
  using Returned = ReturnedOf<T, F>;
  using Value = typename Continued<Returned>::Type;

 public:
  explicit Then(F f) : f_(std::move(f)) {}
  using Awaited::await;

 private:
  void on_cancel() noexcept override { Awaited::cancel(); }

  void arrived(TaskState& source) noexcept override {
    try {
      if constexpr (Continued<Returned>::kIsFuture) {
        if (called_) return finish(Future<Value>(&source).outcome());
      }
      go_on(Future<T>(&source).outcome());
    } catch (...) {
      finish(failure_of_current_exception());
    }
  }

  void go_on(Outcome<T> outcome) {
    if (outcome && cancel_asked()) outcome = cancelled_failure();
    if constexpr (!takes_outcome<F, T>()) {
      if (!outcome) return finish(std::move(outcome).take_failure());
    }
    if constexpr (Continued<Returned>::kIsFuture) {
      Future<Value> next = continue_with<T>(f_, std::move(outcome));
      called_ = true;
      if (next.valid()) return await(*next.detach());
      finish(cancelled_failure());
    } else if constexpr (std::is_void_v<Returned>) {
      continue_with<T>(f_, std::move(outcome));
      finish(Unit{});
    } else {
      finish(continue_with<T>(f_, std::move(outcome)));
    }
  }

  void finish(Outcome<Value> outcome) noexcept {
    this->settle(std::move(outcome));
    this->let_go();
  }

  F f_;
  bool called_ = false;
};

}  // namespace twinpool::detail

namespace twinpool {

template <typename T>
template <typename F>
auto Future<T>::then(F f) {
  using Step = detail::Then<T, F>;
  auto* const step = new Step(std::move(f));
  Future<typename detail::Continued<detail::ReturnedOf<T, F>>::Type> next(step);
  step->await(*detach());
  return next;
}

}  // namespace twinpool
