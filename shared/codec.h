// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <boost/pfr.hpp>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

/// How values cross to a worker that does not share the caller's memory.
///
/// Values are laid out in the machine's own byte order, raw where the type allows it, because both ends are
/// forks of one program. The customisation point is `Codec<T>`: specialise it with `encode` and `decode` for
/// a type of your own (or set `kFlat<T>` when its bytes alone are its value). What has no codec is refused at
/// compile time (C17).
namespace twinpool {

struct SharedBlock;

/// Thrown when bytes end before the value does, or say what cannot be: the writer of those bytes was broken.
struct DecodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Every encoded buffer starts at a multiple of this, so alignment within it is alignment in memory.
inline constexpr std::size_t kBufferAlignment = 64;

/// Writes a value's bytes, or only counts them when it was given no memory.
///
/// One `encode` serves both passes: the first asks how much room to reserve, the second fills it.
/// Threads: one thread at a time.
class Writer {
 public:
  /// A writer that counts.
  Writer() = default;
  /// A writer that fills `memory`, which must be aligned to kBufferAlignment and as long as the count said.
  explicit Writer(std::span<std::byte> memory) : begin_(memory.data()), capacity_(memory.size()) {}

  [[nodiscard]] bool counting() const { return begin_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return used_; }

  /// Appends `bytes` bytes at the next multiple of `alignment`.
  void put_bytes(const void* from, std::size_t bytes, std::size_t alignment) {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (begin_ != nullptr) {
      if (at > capacity_ || bytes > capacity_ - at)
        throw std::length_error("a value changed while it was encoded");
      if (bytes != 0) std::memcpy(begin_ + at, from, bytes);
    }
    used_ = at + bytes;
  }
  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    put_bytes(&value, sizeof value, alignof(T));
  }
  /// Notes that the encoded value refers to `block`, which has to live until the task has settled.
  void attach(std::shared_ptr<const SharedBlock> block) {
    if (counting()) attached_.push_back(std::move(block));
  }
  /// The blocks that the counting pass met.
  [[nodiscard]] std::vector<std::shared_ptr<const SharedBlock>>& attached() { return attached_; }

 private:
  std::byte* begin_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::vector<std::shared_ptr<const SharedBlock>> attached_;
};

/// Reads what a Writer wrote, and trusts none of it: every length is checked against what is there.
///
/// Threads: one thread at a time.
class Reader {
 public:
  /// `shared` is the memory that SharedBuffer offsets refer to; empty where none may occur.
  /// `blocks`: the SharedBuffers that the task was given; it can return no other (empty inside a task, whose
  /// buffers are views).
  explicit Reader(std::span<const std::byte> memory, std::span<std::byte> shared = {},
                  std::span<const std::shared_ptr<const SharedBlock>> blocks = {})
      : begin_(memory.data()), size_(memory.size()), shared_(shared), blocks_(blocks) {}

  /// The next `bytes` bytes, in place, at the next multiple of `alignment`.
  const std::byte* take_bytes(std::size_t bytes, std::size_t alignment) {
    const std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (at > size_ || bytes > size_ - at) throw DecodeError("encoded value ends too early");
    used_ = at + bytes;
    return begin_ + at;
  }
  template <typename T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    if constexpr (std::is_same_v<std::remove_cv_t<T>, bool>) {
      return std::to_integer<int>(*take_bytes(1, 1)) != 0;  // any other byte in a bool is undefined behaviour
    } else {
      std::remove_cv_t<T> value;
      std::memcpy(static_cast<void*>(&value), take_bytes(sizeof value, alignof(T)), sizeof value);
      return value;
    }
  }
  /// A count of elements that take at least `bytes_each` bytes: refused when that much cannot follow.
  std::size_t get_count(std::size_t bytes_each) {
    const auto count = get<std::uint64_t>();
    if (bytes_each != 0 && count > (size_ - used_) / bytes_each)
      throw DecodeError("encoded length is impossible");
    return static_cast<std::size_t>(count);
  }
  /// `bytes` bytes of shared memory at `offset`.
  [[nodiscard]] std::byte* shared_at(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset > shared_.size() || bytes > shared_.size() - offset) {
      throw DecodeError("shared buffer lies outside the segment");
    }
    return shared_.data() + offset;
  }
  [[nodiscard]] std::span<const std::shared_ptr<const SharedBlock>> blocks() const { return blocks_; }

 private:
  const std::byte* begin_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::span<std::byte> shared_;
  std::span<const std::shared_ptr<const SharedBlock>> blocks_;
};

namespace detail {

template <typename T>
inline constexpr bool kIsStdArray = false;
template <typename T, std::size_t N>
inline constexpr bool kIsStdArray<std::array<T, N>> = true;

template <typename T>
inline constexpr bool kIsDuration = false;
template <typename R, typename P>
inline constexpr bool kIsDuration<std::chrono::duration<R, P>> = true;
template <typename C, typename D>
inline constexpr bool kIsDuration<std::chrono::time_point<C, D>> = true;

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

/// A plain struct whose members Boost.PFR can name. An empty closure is no struct of data, and PFR cannot see
/// bases.
template <typename T>
concept PlainStruct =
    std::is_class_v<T> && std::is_aggregate_v<T> && !kIsStdArray<T> && !std::is_polymorphic_v<T>;

template <typename T>
constexpr bool flat();

template <typename T, std::size_t... I>
constexpr bool all_members_flat(std::index_sequence<I...>) {
  return (flat<boost::pfr::tuple_element_t<I, T>>() && ...);
}

}  // namespace detail

/// True when the bytes of a T are its value, so that a copy of the bytes is a copy of the value in any
/// process.
///
/// Being trivially copyable is not enough: a pointer, or a struct that holds one, is trivially copyable and
/// means nothing elsewhere. Set it to true for a class of your own that holds only data: `template <> inline
/// constexpr bool twinpool::kFlat<Matrix3> = true;`
template <typename T>
inline constexpr bool kFlat = detail::flat<T>();

namespace detail {

template <typename T>
constexpr bool flat() {
  using U = std::remove_cv_t<T>;
  if constexpr (!std::is_trivially_copyable_v<U>) {
    return false;
  } else if constexpr (std::is_arithmetic_v<U> || std::is_enum_v<U> || std::is_same_v<U, std::byte> ||
                       std::is_same_v<U, std::monostate> || kIsDuration<U> || kIsComplex<U>) {
    return true;
  } else if constexpr (kIsStdArray<U>) {
    return kFlat<typename U::value_type>;
  } else if constexpr (PlainStruct<U>) {
    return all_members_flat<U>(std::make_index_sequence<boost::pfr::tuple_size_v<U>>{});
  } else {
    return false;
  }
}

}  // namespace detail

namespace detail {

template <typename T>
constexpr bool holds_bool();

template <typename T, std::size_t... I>
constexpr bool a_member_holds_bool(std::index_sequence<I...>) {
  return (holds_bool<boost::pfr::tuple_element_t<I, T>>() || ...);
}

/// Whether a bool is (a part of) a flat T, as far as that can be seen.
template <typename T>
constexpr bool holds_bool() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, bool>) {
    return true;
  } else if constexpr (kIsStdArray<U>) {
    return holds_bool<typename U::value_type>();
  } else if constexpr (PlainStruct<U> && flat<U>()) {
    return a_member_holds_bool<U>(std::make_index_sequence<boost::pfr::tuple_size_v<U>>{});
  } else {
    return false;
  }
}

/// Makes true of what lies in a bool and is neither true nor false: to look at that is undefined behaviour.
template <typename T>
void settle_bools(T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    unsigned char byte = 0;
    std::memcpy(&byte, &value, 1);
    value = byte != 0;
  } else if constexpr (kIsStdArray<T>) {
    for (auto& element : value) settle_bools(element);
  } else {
    boost::pfr::for_each_field(value, []<typename M>(M& member) {
      if constexpr (holds_bool<M>() && !std::is_const_v<M>) settle_bools(member);
    });
  }
}

}  // namespace detail

/// How a T is written and read. Specialise it for a type of your own:
///
/// ```cpp
/// template <> struct twinpool::Codec<Money> {
///   static void encode(Writer& out, const Money& m) { Codec<std::int64_t>::encode(out, m.cents()); }
///   static Money decode(Reader& in) { return Money::from_cents(Codec<std::int64_t>::decode(in)); }
/// };
/// ```
/// `encode` runs twice on the same value (it is counted, then written) and must write the same both times.
template <typename T>
struct Codec;

/// T crosses to another process, by a built-in codec or one of the user's.
template <typename T>
concept Encodable = requires(Writer& out, Reader& in, const T& value) {
  Codec<T>::encode(out, value);
  { Codec<T>::decode(in) } -> std::same_as<T>;
};

template <typename T>
requires kFlat<T>
struct Codec<T> {
  static void encode(Writer& out, const T& value) { out.put(value); }
  static T decode(Reader& in) {
    auto value = in.get<T>();
    if constexpr (detail::holds_bool<T>()) detail::settle_bools(value);
    return value;
  }
};

namespace detail {

/// Writes a count and then the elements: as one block where they are flat, one by one where they are not.
template <typename T, typename Range>
void encode_elements(Writer& out, const Range& range) {
  out.put<std::uint64_t>(std::size(range));
  if constexpr (kFlat<T> && std::contiguous_iterator<decltype(std::begin(range))>) {
    out.put_bytes(std::data(range), std::size(range) * sizeof(T), std::max<std::size_t>(alignof(T), 16));
  } else {
    for (const auto& element : range) Codec<T>::encode(out, element);
  }
}

/// The block of flat elements that encode_elements wrote, read in place.
template <typename T>
std::span<const T> decode_span(Reader& in) {
  const auto count = in.get_count(sizeof(T));
  const auto* bytes = in.take_bytes(count * sizeof(T), std::max<std::size_t>(alignof(T), 16));
  return {reinterpret_cast<const T*>(bytes), count};
}

}  // namespace detail

template <typename Traits>
struct Codec<std::basic_string<char, Traits>> {
  using String = std::basic_string<char, Traits>;
  static void encode(Writer& out, const String& value) { detail::encode_elements<char>(out, value); }
  static String decode(Reader& in) {
    const auto text = detail::decode_span<char>(in);
    return String(text.data(), text.size());
  }
};

template <Encodable T>
struct Codec<std::vector<T>> {
  static void encode(Writer& out, const std::vector<T>& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out.put<std::uint64_t>(value.size());
      for (const bool bit : value) out.put(bit);
    } else {
      detail::encode_elements<T>(out, value);
    }
  }
  static std::vector<T> decode(Reader& in) {
    if constexpr (kFlat<T> && !std::is_same_v<T, bool>) {
      const auto elements = detail::decode_span<T>(in);
      std::vector<T> value(elements.begin(), elements.end());
      if constexpr (detail::holds_bool<T>()) std::for_each(value.begin(), value.end(), detail::settle_bools<T>);
      return value;
    } else {
      const auto count = in.get_count(1);
      std::vector<T> value;
      value.reserve(count);
      for (std::size_t i = 0; i < count; ++i) value.push_back(Codec<T>::decode(in));
      return value;
    }
  }
};

template <Encodable T, std::size_t N>
requires(!kFlat<std::array<T, N>>) struct Codec<std::array<T, N>> {
  static void encode(Writer& out, const std::array<T, N>& value) {
    for (const auto& element : value) Codec<T>::encode(out, element);
  }
  static std::array<T, N> decode(Reader& in) { return decode(in, std::make_index_sequence<N>{}); }

 private:
  template <std::size_t... I>
  static std::array<T, N> decode(Reader& in, std::index_sequence<I...>) {
    return {{(static_cast<void>(I), Codec<T>::decode(in))...}};
  }
};

template <Encodable T>
struct Codec<std::optional<T>> {
  static void encode(Writer& out, const std::optional<T>& value) {
    out.put(value.has_value());
    if (value) Codec<T>::encode(out, *value);
  }
  static std::optional<T> decode(Reader& in) {
    if (in.get<std::uint8_t>() == 0) return std::nullopt;
    return std::optional<T>(Codec<T>::decode(in));
  }
};

template <Encodable... Ts>
struct Codec<std::tuple<Ts...>> {
  static void encode(Writer& out, const std::tuple<Ts...>& value) {
    std::apply([&](const Ts&... members) { (Codec<Ts>::encode(out, members), ...); }, value);
  }
  // Braces fix the order of evaluation: left to right, as it was written.
  static std::tuple<Ts...> decode(Reader& in) { return std::tuple<Ts...>{Codec<Ts>::decode(in)...}; }
};

template <Encodable A, Encodable B>
struct Codec<std::pair<A, B>> {
  static void encode(Writer& out, const std::pair<A, B>& value) {
    Codec<A>::encode(out, value.first);
    Codec<B>::encode(out, value.second);
  }
  static std::pair<A, B> decode(Reader& in) {
    return std::pair<A, B>{Codec<A>::decode(in), Codec<B>::decode(in)};
  }
};

template <Encodable... Ts>
requires(!kFlat<std::variant<Ts...>>) struct Codec<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static void encode(Writer& out, const Variant& value) {
    out.put<std::uint32_t>(static_cast<std::uint32_t>(value.index()));
    std::visit([&]<typename T>(const T& member) { Codec<T>::encode(out, member); }, value);
  }
  static Variant decode(Reader& in) { return decode_from<0>(in, in.get<std::uint32_t>()); }

 private:
  template <std::size_t I>
  static Variant decode_from(Reader& in, std::uint32_t index) {
    if constexpr (I == sizeof...(Ts)) {
      throw DecodeError("encoded variant has no such alternative");
    } else {
      if (index != I) return decode_from<I + 1>(in, index);
      return Variant(std::in_place_index<I>, Codec<std::variant_alternative_t<I, Variant>>::decode(in));
    }
  }
};

namespace detail {

template <typename Container, typename Element>
struct InsertingCodec {
  static void encode(Writer& out, const Container& value) {
    out.put<std::uint64_t>(value.size());
    for (const auto& element : value) Codec<Element>::encode(out, Element(element));
  }
  static Container decode(Reader& in) {
    Container value;
    for (auto count = in.get_count(1); count > 0; --count) value.insert(Codec<Element>::decode(in));
    return value;
  }
};

}  // namespace detail

template <Encodable K, Encodable V, typename C>
struct Codec<std::map<K, V, C>> : detail::InsertingCodec<std::map<K, V, C>, std::pair<K, V>> {};
template <Encodable K, Encodable V, typename H, typename E>
struct Codec<std::unordered_map<K, V, H, E>>
    : detail::InsertingCodec<std::unordered_map<K, V, H, E>, std::pair<K, V>> {};
template <Encodable K, typename C>
struct Codec<std::set<K, C>> : detail::InsertingCodec<std::set<K, C>, K> {};
template <Encodable K, typename H, typename E>
struct Codec<std::unordered_set<K, H, E>> : detail::InsertingCodec<std::unordered_set<K, H, E>, K> {};

namespace detail {

template <typename T, std::size_t... I>
constexpr bool all_members_encodable(std::index_sequence<I...>) {
  return (Encodable<std::remove_cv_t<boost::pfr::tuple_element_t<I, T>>> && ...);
}
template <typename T>
constexpr bool struct_encodable() {
  if constexpr (PlainStruct<T> && !kFlat<T>) {
    return all_members_encodable<T>(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
  } else {
    return false;
  }
}

}  // namespace detail

/// Plain structs go member by member.
template <typename T>
requires(detail::struct_encodable<T>()) struct Codec<T> {
  static void encode(Writer& out, const T& value) {
    boost::pfr::for_each_field(
        value, [&]<typename M>(const M& member) { Codec<std::remove_cv_t<M>>::encode(out, member); });
  }
  static T decode(Reader& in) { return decode(in, std::make_index_sequence<boost::pfr::tuple_size_v<T>>{}); }

 private:
  template <std::size_t... I>
  static T decode(Reader& in, std::index_sequence<I...>) {
    return T{Codec<std::remove_cv_t<boost::pfr::tuple_element_t<I, T>>>::decode(in)...};
  }
};

}  // namespace twinpool
