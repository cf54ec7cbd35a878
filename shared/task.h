// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "shared/codec.h"
#include "shared/outcome.h"
#include "shared/shared_buffer.h"

/// A task is a function known at compile time plus its arguments. This file turns the typed call into two
/// type-erased halves: `TaskType`, one constant a function, which both sides of a process boundary know by
/// address, and `Call`, the arguments of one submission, which are either built in place (threads) or written
/// out as bytes (processes).
namespace twinpool {

/// What a pool has to know about a result type.
struct ResultType {
  std::size_t size;
  std::size_t alignment;
  void (*relocate)(void* to, void* from) noexcept;  ///< move-constructs at `to` and destroys `from`
  void (*destroy)(void* value) noexcept;
  bool destroy_is_trivial;  ///< and need not be called
  void (*decode)(Reader& in, void* to);  ///< constructs at `to`
  bool may_share;  ///< a value may hold a SharedBuffer that its task was given
};

/// Where a worker of the process twin puts its result's bytes.
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  /// Memory for an encoded result of `bytes` bytes, aligned to kBufferAlignment.
  ///
  /// Errors: throws what the worker loop knows how to settle when there is none.
  virtual std::span<std::byte> reserve(std::size_t bytes) = 0;
};

/// What a pool has to know about a function. One constant a function, made by instantiating `submit<fn>`.
struct TaskType {
  std::string_view name;  ///< readable and stable for one build: "fib", "app::resize"
  const ResultType* result;

  std::size_t args_size;
  std::size_t args_alignment;
  /// Of a block that holds the arguments and, at `result_offset`, the result.
  std::size_t block_size;
  std::size_t block_alignment;
  std::size_t result_offset;
  void (*relocate_args)(void* to, void* from) noexcept;
  void (*destroy_args)(void* args) noexcept;
  bool destroy_args_is_trivial;  ///< and need not be called
  /// Runs in place: may move out of `args` (which stay to be destroyed), constructs the result at `result`.
  /// Throws what the task throws, and then nothing was constructed.
  void (*run)(void* args, void* result, const std::stop_token& stop);

  /// Decodes the arguments, runs, encodes the result into memory from the sink. Throws what the task throws.
  void (*run_encoded)(Reader& args, ResultSink& result, const std::stop_token& stop);

  /// Its first parameter is a std::stop_token: it can see that it is asked to stop (C8). Others get one that
  /// nobody looks at.
  bool takes_stop_token;
};

/// The functions that this program can run in a worker, in the order in which their registration ran.
///
/// Source: registration by instantiation: a static object a function, made before main or when a library is
/// loaded. A worker forked earlier than a registration does not have that function.
class TaskRegistry {
 public:
  /// Errors: none; the registration is never undone.
  static std::uint32_t add(const TaskType* type);
  /// How many are registered now. Threads: safe.
  static std::uint32_t count();
  /// The registered functions. Threads: safe.
  static std::vector<const TaskType*> all();
};

/// The arguments of one submission, still where the caller has them. Nothing is moved until a pool has
/// accepted the task.
struct Call {
  const TaskType* type;
  std::uint32_t sequence;  ///< position of `type` in the registry
  void* references;        ///< the caller's arguments, as `build` and `encode` know them
  bool build_is_noexcept;
  void (*build)(void* references, void* to);  ///< constructs the held arguments at `to`, moving rvalues
  void (*encode)(const void* references, Writer& writer);  ///< writes the same arguments as bytes
};

namespace detail {

template <typename F>
struct Signature;
template <typename R, typename... P>
struct Signature<R (*)(P...)> {
  using Result = R;
  using Parameters = std::tuple<P...>;
};
template <typename R, typename... P>
struct Signature<R (*)(P...) noexcept> : Signature<R (*)(P...)> {};
template <typename R, typename C, typename... P>
struct Signature<R (C::*)(P...) const> : Signature<R (*)(P...)> {};
template <typename R, typename C, typename... P>
struct Signature<R (C::*)(P...) const noexcept> : Signature<R (*)(P...)> {};

/// A std::stop_token as first parameter comes from the pool, not from the caller.
template <typename P>
struct WithoutToken {
  static constexpr bool kTakesToken = false;
  using Rest = P;
};
template <typename First, typename... P>
  requires std::is_same_v<std::remove_cvref_t<First>, std::stop_token>
struct WithoutToken<std::tuple<First, P...>> {
  static constexpr bool kTakesToken = true;
  using Rest = std::tuple<P...>;
};

template <auto Fn>
constexpr auto signature_of() {
  using F = decltype(Fn);
  if constexpr (std::is_pointer_v<F>) {
    return Signature<F>{};
  } else {
    return Signature<decltype(&F::operator())>{};
  }
}

/// How a parameter is kept between submission and run. Views are kept as what they view.
template <typename P>
struct Held {
  using Type = std::remove_cvref_t<P>;
};
template <typename T>
struct HeldView {
  using Type = T;
};
template <>
struct Held<std::string_view> : HeldView<std::string> {};
template <>
struct Held<const std::string_view> : HeldView<std::string> {};
template <>
struct Held<const std::string_view&> : HeldView<std::string> {};
template <typename T>
struct Held<std::span<const T>> : HeldView<std::vector<T>> {};
template <typename T>
struct Held<const std::span<const T>> : HeldView<std::vector<T>> {};
template <typename T>
struct Held<const std::span<const T>&> : HeldView<std::vector<T>> {};
template <typename P>
using HeldType = typename Held<P>::Type;

template <typename P>
inline constexpr bool kIsView = !std::is_same_v<HeldType<P>, std::remove_cvref_t<P>>;

template <typename T>
inline constexpr bool kIsAnyView = std::is_same_v<T, std::string_view>;
template <typename T, std::size_t N>
inline constexpr bool kIsAnyView<std::span<T, N>> = true;

/// Hands a held argument to its parameter.
template <typename P>
decltype(auto) pass(HeldType<P>& held) {
  if constexpr (kIsView<P>) {
    return std::remove_cvref_t<P>(held.data(), held.size());
  } else if constexpr (std::is_lvalue_reference_v<P>) {
    return std::as_const(held);
  } else {
    return std::move(held);
  }
}

template <typename P>
constexpr void check_parameter() {
  using T = std::remove_cvref_t<P>;
  static_assert(
      !(std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>>),
      "twinpool: a task cannot take a non-const reference: its worker has no access to the caller's "
      "variable. Return the new value, or share memory with SharedBuffer<T>.");
  static_assert(
      !std::is_pointer_v<std::decay_t<T>>,
      "twinpool: a task cannot take a pointer: it means nothing in another process. Take a value, a "
      "std::string, a std::span<const T>, or a SharedBuffer<T>.");
  static_assert(
      std::is_pointer_v<std::decay_t<T>> || std::is_reference_v<HeldType<P>> || Encodable<HeldType<P>>,
      "twinpool: a task's parameter cannot be encoded. Specialise twinpool::Codec<T> for it, or set "
      "twinpool::kFlat<T> when its bytes alone are its value (see shared/codec.h).");
}

template <typename R>
constexpr void check_result() {
  using T = std::remove_cvref_t<R>;
  static_assert(!std::is_reference_v<R>, "twinpool: a task cannot return a reference; return a value.");
  static_assert(!std::is_pointer_v<T>, "twinpool: a task cannot return a pointer; return a value.");
  static_assert(!kIsAnyView<T>,
                "twinpool: a task cannot return a view of what dies with it; return a container.");
  static_assert(std::is_void_v<R> || std::is_pointer_v<T> || kIsAnyView<T> || Encodable<T>,
                "twinpool: a task's result cannot be encoded. Specialise twinpool::Codec<T> for it, or set "
                "twinpool::kFlat<T> when its bytes alone are its value (see shared/codec.h).");
}

/// "fib" out of what the compiler prints for this function's own template argument.
template <auto Fn>
constexpr std::string_view function_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  const auto begin = text.find("Fn = ");
  if (begin == std::string_view::npos) return text;
  text.remove_prefix(begin + 5);
  const auto end = std::min(text.find("; std::string_view"), text.rfind(']'));
  text = text.substr(0, end);
  if (!text.empty() && text.front() == '&') text.remove_prefix(1);
  return text == "{}" ? "lambda" : text;  // clang prints no more of a closure
}

/// Whether a T may hold a SharedBuffer.
template <typename T>
inline constexpr bool kMayShare = !std::is_trivially_copyable_v<T>;
template <>
inline constexpr bool kMayShare<std::string> = false;
template <typename T>
inline constexpr bool kMayShare<std::vector<T>> = kMayShare<T>;

template <typename T>
inline constexpr ResultType kResultType{
    .size = sizeof(T),
    .alignment = alignof(T),
    .relocate =
        [](void* to, void* from) noexcept {
          ::new (to) T(std::move(*static_cast<T*>(from)));
          static_cast<T*>(from)->~T();
        },
    .destroy = [](void* value) noexcept { static_cast<T*>(value)->~T(); },
    .destroy_is_trivial = std::is_trivially_destructible_v<T>,
    .decode =
        [](Reader& in, void* to) {
          if constexpr (std::is_same_v<T, Unit>) {
            ::new (to) Unit();
          } else if constexpr (Encodable<T>) {
            ::new (to) T(Codec<T>::decode(in));
          } else {
            throw DecodeError("this result comes from no task");  // that of a Promise may be of any type
          }
        },
    .may_share = kMayShare<T>,
};

template <auto Fn, bool TakesToken, typename R, typename Parameters>
struct Task;

template <auto Fn, bool TakesToken, typename R, typename... P>
struct Task<Fn, TakesToken, R, std::tuple<P...>> {
  using Result = std::conditional_t<std::is_void_v<R>, Unit, std::remove_cvref_t<R>>;
  using Arguments = std::tuple<HeldType<P>...>;

  static constexpr bool check() {
    (check_parameter<P>(), ...);
    check_result<R>();
    return true;
  }

  template <typename... A>
  static Result invoke(const std::stop_token& stop, A&&... arguments) {
    const auto call = [&]() -> R {
      if constexpr (TakesToken) {
        return Fn(stop, std::forward<A>(arguments)...);
      } else {
        return Fn(std::forward<A>(arguments)...);
      }
    };
    if constexpr (std::is_void_v<R>) {
      call();
      return Unit{};
    } else {
      return call();
    }
  }
  template <std::size_t... I>
  static Result call(Arguments& held, const std::stop_token& stop, std::index_sequence<I...>) {
    return invoke(stop, pass<P>(std::get<I>(held))...);
  }
  static void run(void* args, void* result, const std::stop_token& stop) {
    ::new (result) Result(call(*static_cast<Arguments*>(args), stop, std::index_sequence_for<P...>{}));
  }

  /// What a parameter is decoded as: views look into the segment itself.
  template <typename Q>
  using Decoded = std::conditional_t<kIsView<Q>, std::remove_cvref_t<Q>, HeldType<Q>>;
  template <typename Q>
  static Decoded<Q> decode(Reader& in) {
    if constexpr (kIsView<Q>) {
      using Element = typename HeldType<Q>::value_type;
      static_assert(kFlat<Element> && !std::is_same_v<HeldType<Q>, std::vector<bool>>,
                    "twinpool: a std::span parameter needs flat elements; take a std::vector instead.");
      const auto elements = decode_span<Element>(in);
      return Decoded<Q>(elements.data(), elements.size());
    } else {
      return Codec<HeldType<Q>>::decode(in);
    }
  }
  template <typename Q>
  static decltype(auto) pass_decoded(Decoded<Q>& value) {
    if constexpr (kIsView<Q> || std::is_lvalue_reference_v<Q>) {
      return std::as_const(value);
    } else {
      return std::move(value);
    }
  }
  static void run_encoded(Reader& in, ResultSink& sink, const std::stop_token& stop) {
    std::tuple<Decoded<P>...> decoded{decode<P>(in)...};
    const Result result = [&]<std::size_t... I>(std::index_sequence<I...>)->Result {
      return invoke(stop, pass_decoded<P>(std::get<I>(decoded))...);
    }
    (std::index_sequence_for<P...>{});
    if constexpr (std::is_same_v<Result, Unit>) {
      sink.reserve(0);
    } else if constexpr (kFlat<Result>) {
      Writer writer(sink.reserve(sizeof(Result)));
      writer.put(result);
    } else {
      Writer count;
      Codec<Result>::encode(count, result);
      Writer writer(sink.reserve(count.size()));
      Codec<Result>::encode(writer, result);
    }
  }

  static constexpr std::size_t kResultOffset =
      (sizeof(Arguments) + alignof(Result) - 1) / alignof(Result) * alignof(Result);
  static constexpr TaskType kType{
      .name = function_name<Fn>(),
      .result = &kResultType<Result>,
      .args_size = sizeof(Arguments),
      .args_alignment = alignof(Arguments),
      .block_size = kResultOffset + sizeof(Result),
      .block_alignment = std::max(alignof(Arguments), alignof(Result)),
      .result_offset = kResultOffset,
      .relocate_args =
          [](void* to, void* from) noexcept {
            ::new (to) Arguments(std::move(*static_cast<Arguments*>(from)));
            static_cast<Arguments*>(from)->~Arguments();
          },
      .destroy_args = [](void* args) noexcept { static_cast<Arguments*>(args)->~Arguments(); },
      .destroy_args_is_trivial = std::is_trivially_destructible_v<Arguments>,
      .run = &run,
      .run_encoded = &run_encoded,
      .takes_stop_token = TakesToken,
  };
  static inline const std::uint32_t sequence = TaskRegistry::add(&kType);
};

template <auto Fn>
using ParametersOf = WithoutToken<typename decltype(signature_of<Fn>())::Parameters>;
template <auto Fn>
using TaskOf = Task<Fn, ParametersOf<Fn>::kTakesToken, typename decltype(signature_of<Fn>())::Result,
                    typename ParametersOf<Fn>::Rest>;

/// Writes an argument as the held type's bytes, without building the held value where it need not exist.
template <typename H, typename A>
void encode_as(Writer& out, const A& argument) {
  if constexpr (std::is_same_v<H, A>) {
    Codec<H>::encode(out, argument);
  } else if constexpr (std::is_same_v<H, std::string> && std::is_convertible_v<const A&, std::string_view>) {
    encode_elements<char>(out, std::string_view(argument));
  } else if constexpr (requires { std::span<const typename H::value_type>(argument); }) {
    encode_elements<typename H::value_type>(out, std::span<const typename H::value_type>(argument));
  } else {
    Codec<H>::encode(out, H(argument));
  }
}

/// Builds a held argument out of what the caller gave.
template <typename H, typename A>
H hold(A&& argument) {
  if constexpr (std::is_constructible_v<H, A&&>) {
    return H(std::forward<A>(argument));
  } else {
    const std::span<const typename H::value_type> elements(argument);
    return H(elements.begin(), elements.end());
  }
}

template <typename H, typename A>
constexpr bool argument_fits() {
  if constexpr (std::is_convertible_v<A&&, H>) {
    return true;
  } else if constexpr (std::is_same_v<H, std::string>) {
    return std::is_convertible_v<A&&, std::string_view>;
  } else {
    return requires(A && argument) { std::span<const typename H::value_type>(argument); };
  }
}
template <typename Held, typename... A>
constexpr bool arguments_fit() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return (argument_fits<std::tuple_element_t<I, Held>, A>() && ...);
  }
  (std::index_sequence_for<A...>{});
}

template <auto Fn, typename... A>
struct CallOf {
  using Held = typename TaskOf<Fn>::Arguments;
  using References = std::tuple<A&&...>;

  static void build(void* references, void* to) {
    build(*static_cast<References*>(references), to, std::index_sequence_for<A...>{});
  }
  template <std::size_t... I>
  static void build(References& from, void* to, std::index_sequence<I...>) {
    ::new (to) Held{hold<std::tuple_element_t<I, Held>>(std::forward<A>(std::get<I>(from)))...};
  }
  static void encode(const void* references, Writer& out) {
    encode(*static_cast<const References*>(references), out, std::index_sequence_for<A...>{});
  }
  template <std::size_t... I>
  static void encode(const References& from, Writer& out, std::index_sequence<I...>) {
    (encode_as<std::tuple_element_t<I, Held>>(out, std::as_const(std::get<I>(from))), ...);
  }
  template <std::size_t... I>
  static constexpr bool nothrow(std::index_sequence<I...>) {
    return (std::is_nothrow_constructible_v<std::tuple_element_t<I, Held>, A&&> && ...);
  }
  static Call call(References& references) {
    return Call{.type = &TaskOf<Fn>::kType,
                .sequence = TaskOf<Fn>::sequence,
                .references = &references,
                .build_is_noexcept = nothrow(std::index_sequence_for<A...>{}),
                .build = &build,
                .encode = &encode};
  }
};

}  // namespace detail

/// What `Future` a task gives: its return type, `Unit` where it returns void.
template <auto Fn>
using ResultOf = typename detail::TaskOf<Fn>::Result;

}  // namespace twinpool
