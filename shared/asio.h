// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "shared/asio_operations.h"
#include "shared/pool.h"

/// Tasks as asynchronous operations of Boost.Asio. Not part of pool.h: only who includes this needs Asio.
namespace twinpool {

namespace detail {

template <typename T>
struct AsioSignature {
  static_assert(
      std::is_default_constructible_v<T>,
      "twinpool: an operation of Asio that fails hands over an empty value beside its error: the result "
      "has to have a default constructor. Return a std::optional of it.");
  using Type = void(std::exception_ptr, T);
};
template <>
struct AsioSignature<Unit> {
  using Type = void(std::exception_ptr);
};

struct WaitForFuture {
  template <typename Handler, typename T>
  void operator()(Handler&& handler, Future<T> future) const {
    asio_wait<T>(std::forward<Handler>(handler), [&] { return std::move(future); });
  }
};

template <auto Fn>
struct SubmitAndWait {
  template <typename Handler, typename... Args>
  void operator()(Handler&& handler, Pool* pool, Args&&... args) const {
    asio_wait<ResultOf<Fn>>(std::forward<Handler>(handler),
                            [&] { return pool->submit<Fn>(std::forward<Args>(args)...); });
  }
};

template <auto Fn, typename All, std::size_t... I>
auto async_submit_split(Pool& pool, All& all, std::index_sequence<I...>) {
  // As async_initiate wants it: a reference for an lvalue, a plain type for an rvalue.
  using Reference = std::tuple_element_t<sizeof...(I), All>;
  using Token = std::conditional_t<std::is_rvalue_reference_v<Reference>, std::remove_reference_t<Reference>,
                                   Reference>;
  auto&& token = std::get<sizeof...(I)>(all);
  return boost::asio::async_initiate<Token, typename AsioSignature<ResultOf<Fn>>::Type>(
      SubmitAndWait<Fn>{}, token, &pool, std::forward<std::tuple_element_t<I, All>>(std::get<I>(all))...);
}

}  // namespace detail

/// Submits one task whose result goes to a completion token: `co_await async_submit<fib>(pool, 30,
/// use_awaitable)`.
///
/// Takes:   what Pool::submit takes (a `with` first, if wanted), and last a completion token: a callback,
///          use_future, use_awaitable, deferred... A token that starts later keeps the arguments as they are:
///          what a view shows has to be there until then.
/// Gives:   what the token makes of `void(std::exception_ptr, R)`, or of `void(std::exception_ptr)` for a
/// task that
///          returns void. The handler is posted to its associated executor, never called inside this
///          function; until then the executor counts it as work. Without a bound executor that is Asio's
///          system executor.
/// Errors:  through the handler: TaskError when the task failed, SubmitRefused when it was refused,
///          std::invalid_argument for a bad `with`.
/// Cancel:  a signal of the handler's cancellation slot, of any type, does as Future::cancel does.
/// Threads: any. The execution context may end before the task: then the handler is destroyed, uncalled, with
/// it,
///          and the task goes on.
template <auto Fn, typename... ArgumentsAndToken>
auto async_submit(Pool& pool, ArgumentsAndToken&&... arguments_and_token) {
  static_assert(sizeof...(ArgumentsAndToken) > 0, "twinpool: async_submit<fn> needs a completion token");
  std::tuple<ArgumentsAndToken&&...> all(std::forward<ArgumentsAndToken>(arguments_and_token)...);
  return detail::async_submit_split<Fn>(pool, all,
                                        std::make_index_sequence<sizeof...(ArgumentsAndToken) - 1>{});
}

/// The same for a Future that is there already, also one of `then` or `when_all`.
///
/// Takes: a valid Future, which is left without a result.
template <typename T, typename Token>
auto async_get(Future<T> future, Token&& token) {
  return boost::asio::async_initiate<Token, typename detail::AsioSignature<T>::Type>(
      detail::WaitForFuture{}, token, std::move(future));
}

}  // namespace twinpool
