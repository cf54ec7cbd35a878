// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <chrono>
#include <complex>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tests/conformance/twin.h"

/// C17: whatever a task takes or returns arrives bit for bit the same in both twins.
namespace twinpool::conformance {

/// A type of the user's own that crosses by its own codec.
class Money {
 public:
  static Money from_cents(std::int64_t cents) { return Money(cents); }
  [[nodiscard]] std::int64_t cents() const { return cents_; }
  bool operator==(const Money&) const = default;

 private:
  explicit Money(std::int64_t cents) : cents_(cents) {}
  std::int64_t cents_;
};

/// A class whose bytes are its value, which only its author can know.
class Matrix {
 public:
  Matrix() = default;
  explicit Matrix(double d) : cells_{d, 0, 0, d} {}
  bool operator==(const Matrix&) const = default;

 private:
  double cells_[4] = {0, 0, 0, 0};
};

}  // namespace twinpool::conformance

template <>
struct twinpool::Codec<twinpool::conformance::Money> {
  static void encode(Writer& out, const conformance::Money& money) {
    Codec<std::int64_t>::encode(out, money.cents());
  }
  static conformance::Money decode(Reader& in) {
    return conformance::Money::from_cents(Codec<std::int64_t>::decode(in));
  }
};
template <>
inline constexpr bool twinpool::kFlat<twinpool::conformance::Matrix> = true;

namespace twinpool::conformance {
namespace {

enum class Colour : std::uint16_t { kRed = 1, kBlue = 0xFFFF };
struct Point {
  std::int32_t x;
  double y;
  bool operator==(const Point&) const = default;
};
struct Person {
  std::string name;
  std::vector<std::string> nicknames;
  std::optional<Point> home;
  Money balance;
  bool operator==(const Person&) const = default;
};
struct Team {
  std::map<std::string, Person> members;
  std::pair<std::string, std::string> colours;
  bool operator==(const Team&) const = default;
};

template <typename T>
T echo(T value) {
  return value;
}
template <typename T>
T echo_const_reference(const T& value) {
  return value;
}
template <typename T>
T echo_rvalue(T&& value) {
  return std::move(value);
}
template <typename T>
std::uint64_t bits_in_worker(T value) {
  if constexpr (sizeof(T) == 8) return std::bit_cast<std::uint64_t>(value);
  if constexpr (sizeof(T) == 4) return std::bit_cast<std::uint32_t>(value);
}

/// Sends `value` there and back by every kind of parameter.
template <typename T>
void expect_same(Pool& pool, const T& value) {
  EXPECT_TRUE(value_of(pool.submit<echo<T>>(value)) == value) << __PRETTY_FUNCTION__;
  EXPECT_TRUE(value_of(pool.submit<echo_const_reference<T>>(value)) == value) << __PRETTY_FUNCTION__;
  EXPECT_TRUE(value_of(pool.submit<echo_rvalue<T>>(T(value))) == value) << __PRETTY_FUNCTION__;
}

template <typename T>
void expect_extremes(Pool& pool) {
  using Limits = std::numeric_limits<T>;
  for (const T value : {Limits::min(), Limits::max(), Limits::lowest(), T{0}, T{1},
                        static_cast<T>(Limits::max() / 3), static_cast<T>(Limits::max() - 1)}) {
    expect_same(pool, value);
  }
}

TEST_P(Conformance, C17_IntegersArriveAtTheirExtremes) {
  const auto pool = make();
  expect_extremes<std::int8_t>(*pool);
  expect_extremes<std::uint8_t>(*pool);
  expect_extremes<std::int16_t>(*pool);
  expect_extremes<std::uint16_t>(*pool);
  expect_extremes<std::int32_t>(*pool);
  expect_extremes<std::uint32_t>(*pool);
  expect_extremes<std::int64_t>(*pool);
  expect_extremes<std::uint64_t>(*pool);
  expect_extremes<char>(*pool);
  expect_extremes<char16_t>(*pool);
  expect_extremes<bool>(*pool);
  expect_same(*pool, std::int64_t{-1});
  expect_same(*pool, (std::int64_t{1} << 53) + 1);  // the first integer that a double cannot hold
}

TEST_P(Conformance, C17_EveryBitOfADoubleArrivesBothWays) {
  const auto pool = make();
  std::vector<std::uint64_t> patterns{0,
                                      0x8000000000000000,   // -0.0
                                      0x7FF0000000000000,   // infinity
                                      0xFFF0000000000000,   // -infinity
                                      0x7FF8000000000000,   // quiet NaN
                                      0x7FF8DEADBEEF0001,   // quiet NaN with a payload
                                      0xFFF8000000000123,   // negative NaN with a payload
                                      0x7FF0000000000001,   // signalling NaN
                                      0x0000000000000001,   // smallest denormal
                                      0x000FFFFFFFFFFFFF};  // largest denormal
  std::mt19937_64 random(17);
  for (int i = 0; i < 200; ++i) patterns.push_back(random());
  for (const auto bits : patterns) {
    const auto value = std::bit_cast<double>(bits);
    ASSERT_EQ(value_of(pool->submit<bits_in_worker<double>>(value)), bits);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(value_of(pool->submit<echo<double>>(value))), bits);
  }
}

TEST_P(Conformance, C17_EveryBitOfAFloatArrivesBothWays) {
  const auto pool = make();
  for (const std::uint32_t bits : {0x00000000U, 0x80000000U, 0x7F800000U, 0xFF800000U, 0x7FC00000U,
                                   0x7FC12345U, 0xFFC00001U, 0x00000001U, 0x7F7FFFFFU}) {
    const auto value = std::bit_cast<float>(bits);
    ASSERT_EQ(value_of(pool->submit<bits_in_worker<float>>(value)), bits);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value_of(pool->submit<echo<float>>(value))), bits);
  }
}

TEST_P(Conformance, C17_NansInsideContainersKeepTheirBits) {
  const auto pool = make();
  const std::vector<double> values{std::bit_cast<double>(0x7FF8DEADBEEF0001), -0.0, 1.5,
                                   std::bit_cast<double>(0xFFF8000000000123)};
  const auto back = value_of(pool->submit<echo<std::vector<double>>>(values));
  ASSERT_EQ(back.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back[i]), std::bit_cast<std::uint64_t>(values[i]));
  }
  using Nested = std::tuple<std::optional<double>, std::variant<std::string, double>>;
  const auto nested = value_of(pool->submit<echo<Nested>>(Nested{values[0], values[3]}));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(*std::get<0>(nested)), 0x7FF8DEADBEEF0001);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(std::get<1>(std::get<1>(nested))), 0xFFF8000000000123);
}

TEST_P(Conformance, C17_LongDoublesArrive) {
  const auto pool = make();
  expect_same(*pool, std::numeric_limits<long double>::max());
  expect_same(*pool, std::numeric_limits<long double>::denorm_min());
  expect_same(*pool, 1.0L / 3.0L);
}

TEST_P(Conformance, C17_StringsArriveWhateverTheyHold) {
  const auto pool = make();
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  for (const std::string& text :
       {std::string(), std::string("a"), std::string(1, '\0'), std::string(15, 'x'), std::string(16, 'x'),
        std::string("em\0bed\0ded", 10), std::string(5, '\0'), all_bytes,
        std::string("grüße 日本 \xF0\x9F\x92\xA5"), std::string(1'000'000, 'z')}) {
    expect_same(*pool, text);
  }
}

TEST_P(Conformance, C17_PayloadsOfEverySizeAroundTheSlotsArrive) {
  const auto pool = make();
  for (std::size_t size = 0; size < 400; ++size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + size);
    ASSERT_EQ(value_of(pool->submit<echo<std::string>>(text)), text) << size;
  }
  for (std::size_t size = 1; size <= (std::size_t{1} << 22); size *= 2) {
    for (const std::size_t near : {size - 1, size, size + 1}) {
      std::vector<std::uint8_t> bytes(near);
      for (std::size_t i = 0; i < near; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + near);
      ASSERT_TRUE(value_of(pool->submit<echo<std::vector<std::uint8_t>>>(bytes)) == bytes) << near;
    }
  }
}

TEST_P(Conformance, C17_EmptyAndNestedVectorsArrive) {
  const auto pool = make();
  expect_same(*pool, std::vector<int>{});
  expect_same(*pool, std::vector<std::string>{});
  expect_same(*pool, std::vector<std::string>{"", "a", "", std::string(3, '\0')});
  expect_same(*pool, std::vector<std::vector<std::vector<int>>>{});
  expect_same(*pool, std::vector<std::vector<std::vector<int>>>{{}, {{}}, {{1}, {}, {2, 3}}, {{}, {}}});
  expect_same(*pool, std::vector<std::vector<double>>(1000, std::vector<double>(17, 0.1)));
  expect_same(*pool, std::vector<bool>{});
  expect_same(*pool, std::vector<bool>{true, false, false, true, true, false, true, false, true});
  expect_same(*pool, std::vector<Point>{{1, 2.5}, {-7, -0.5}});
  expect_same(*pool, std::vector<std::optional<bool>>{true, std::nullopt, false});
}

TEST_P(Conformance, C17_OptionalsVariantsTuplesAndPairsArrive) {
  const auto pool = make();
  expect_same(*pool, std::optional<int>{});
  expect_same(*pool, std::optional<int>{0});
  expect_same(*pool, std::optional<std::optional<int>>{std::in_place, std::nullopt});
  expect_same(*pool, std::optional<std::optional<int>>{});
  expect_same(*pool, std::optional<std::string>{""});
  using Choice = std::variant<std::monostate, int, std::string, std::vector<double>, int>;
  expect_same(*pool, Choice{});
  expect_same(*pool, Choice{std::in_place_index<1>, 5});
  expect_same(*pool, Choice{std::in_place_index<4>, 5});
  expect_same(*pool, Choice{std::in_place_index<2>, ""});
  expect_same(*pool, Choice{std::in_place_index<3>, std::vector<double>{1, 2}});
  expect_same(*pool, std::variant<int, double>{2.5});
  expect_same(*pool, std::tuple<>{});
  expect_same(*pool, std::tuple<int, std::string, std::tuple<bool, char>>{1, "two", {true, 'c'}});
  expect_same(*pool, std::pair<std::string, std::vector<int>>{"", {}});
  expect_same(*pool, std::monostate{});
}

TEST_P(Conformance, C17_MapsAndSetsArrive) {
  const auto pool = make();
  expect_same(*pool, std::map<std::string, int>{});
  expect_same(*pool,
              std::map<std::string, std::map<int, std::string>>{{"", {}}, {"a", {{-1, "x"}, {2, ""}}}});
  expect_same(*pool, std::unordered_map<std::string, std::vector<int>>{{"k", {1, 2}}, {"", {}}});
  expect_same(*pool, std::set<std::string>{"", "b", "a"});
  expect_same(*pool, std::unordered_set<std::int64_t>{INT64_MIN, 0, INT64_MAX});
  expect_same(*pool, (std::map<int, int, std::greater<>>{{1, 2}, {3, 4}}));
}

TEST_P(Conformance, C17_StructsEnumsTimesAndArraysArrive) {
  const auto pool = make();
  expect_same(*pool, Colour::kBlue);
  expect_same(*pool, Point{-1, 1e300});
  const Person person{"Ada\0x", {"", "A."}, Point{1, -0.5}, Money::from_cents(INT64_MIN)};
  expect_same(*pool, person);
  expect_same(*pool,
              Team{{{"ada", person}, {"", {"", {}, std::nullopt, Money::from_cents(0)}}}, {"red", ""}});
  expect_same(*pool, std::chrono::nanoseconds(INT64_MAX));
  expect_same(*pool, std::chrono::system_clock::time_point(std::chrono::seconds(-5)));
  expect_same(*pool, std::complex<double>(1, -0.0));
  expect_same(*pool, std::array<int, 3>{1, 2, 3});
  expect_same(*pool, std::array<std::string, 3>{"", "a", std::string(1, '\0')});
  expect_same(*pool, std::byte{0xFF});
}

TEST_P(Conformance, C17_TypesOfTheUsersOwnArriveByTheirCodec) {
  const auto pool = make();
  expect_same(*pool, Money::from_cents(-1));
  expect_same(*pool, std::vector<Money>{Money::from_cents(1), Money::from_cents(INT64_MAX)});
  expect_same(*pool, Matrix(2.5));
  expect_same(*pool, std::vector<Matrix>(5, Matrix(1)));
}

std::uint64_t hash_bytes(const std::uint8_t* bytes, std::size_t count) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 0x100000001B3;
  return hash;
}
std::uint64_t hash_in_worker(std::span<const std::uint8_t> bytes) {
  return hash_bytes(bytes.data(), bytes.size());
}

TEST_P(Conformance, C17_ABlobOf64MebibytesArrivesBitForBit) {
  const auto pool = make({.workers = 1});
  std::vector<std::uint8_t> blob((64 << 20) + 13);
  std::uint64_t state = 42;
  for (auto& byte : blob) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  const auto expected = hash_bytes(blob.data(), blob.size());
  EXPECT_EQ(value_of(pool->submit<hash_in_worker>(blob)), expected);
  const auto back = value_of(pool->submit<echo<std::vector<std::uint8_t>>>(std::move(blob)));
  EXPECT_EQ(back.size(), (std::size_t{64} << 20) + 13);
  EXPECT_EQ(hash_bytes(back.data(), back.size()), expected);
}

std::string shout(std::string_view text) { return std::string(text) + "!"; }
std::size_t length_of_const_view(const std::string_view& text) { return text.size(); }
double sum(std::span<const double> numbers) {
  double total = 0;
  for (const double number : numbers) total += number;
  return total;
}
bool is_aligned(std::span<const double> numbers, char, std::span<const Point> points) {
  return reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(double) == 0 &&
         reinterpret_cast<std::uintptr_t>(points.data()) % alignof(Point) == 0;
}

TEST_P(Conformance, C17_ViewsAreKeptAsWhatTheyView) {
  const auto pool = make({.workers = 1});
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 200; ++i) {
    // The text dies at the end of the statement, long before its task runs.
    futures.push_back(pool->submit<shout>(std::string_view(std::string(100, 'a') + std::to_string(i))));
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(value_of(futures[static_cast<std::size_t>(i)]),
              std::string(100, 'a') + std::to_string(i) + "!");
  }
  EXPECT_EQ(value_of(pool->submit<shout>("literal")), "literal!");
  EXPECT_EQ(value_of(pool->submit<shout>(std::string("a\0b", 3))), std::string("a\0b!", 4));
  EXPECT_EQ(value_of(pool->submit<shout>(std::string_view())), "!");
  EXPECT_EQ(value_of(pool->submit<length_of_const_view>(std::string(70'000, 'x'))), 70'000U);
}

TEST_P(Conformance, C17_SpansTakeVectorsArraysAndSpans) {
  const auto pool = make();
  EXPECT_EQ(value_of(pool->submit<sum>(std::vector<double>{1, 2, 3.5})), 6.5);
  EXPECT_EQ(value_of(pool->submit<sum>(std::vector<double>{})), 0.0);
  const std::array<double, 2> pair{0.25, 0.5};
  EXPECT_EQ(value_of(pool->submit<sum>(pair)), 0.75);
  const std::vector<double> many(100'000, 0.5);
  EXPECT_EQ(value_of(pool->submit<sum>(std::span<const double>(many).subspan(1))), 49'999.5);
  EXPECT_TRUE(value_of(pool->submit<is_aligned>(many, 'c', std::vector<Point>(3))));
  EXPECT_TRUE(value_of(pool->submit<is_aligned>(std::vector<double>(1), 'c', std::vector<Point>(1))));
}

void returns_nothing(int) {}
int takes_nothing() { return 11; }
std::string takes_ten(std::int8_t a, std::int16_t b, std::int32_t c, std::int64_t d, float e, double f,
                      char g, bool h, const std::string& i, std::vector<int> j) {
  return std::to_string(a) + std::to_string(b) + std::to_string(c) + std::to_string(d) + std::to_string(e) +
         std::to_string(f) + g + std::to_string(h) + i + std::to_string(j.size());
}
double widens(double number) { return number; }
std::string takes_string(std::string text) { return text; }
std::string grows_own_copy(std::string text) {
  text += " more";
  return text;
}
constexpr auto kSquare = [](int n) { return n * n; };
int never_throws(int n) noexcept { return n + 1; }
const std::string returns_const(int n) { return std::to_string(n); }  // NOLINT: a user may

TEST_P(Conformance, C17_FunctionsOfEveryShapeRun) {
  const auto pool = make();
  EXPECT_EQ(value_of(pool->submit<returns_nothing>(1)), Unit{});
  EXPECT_EQ(value_of(pool->submit<takes_nothing>()), 11);
  EXPECT_EQ(value_of(pool->submit<takes_ten>(std::int8_t{-1}, std::int16_t{-2}, 3, INT64_MIN, 0.5F, 0.25, 'g',
                                             true, "i", std::vector<int>(10))),
            takes_ten(-1, -2, 3, INT64_MIN, 0.5F, 0.25, 'g', true, "i", std::vector<int>(10)));
  EXPECT_EQ(value_of(pool->submit<kSquare>(9)), 81);
  EXPECT_EQ(value_of(pool->submit<[](int a, int b) { return a - b; }>(9, 4)), 5);
  EXPECT_EQ(value_of(pool->submit<never_throws>(9)), 10);
  EXPECT_EQ(value_of(pool->submit<returns_const>(9)), "9");
}

TEST_P(Conformance, C17_ArgumentsConvertAsInAnOrdinaryCall) {
  const auto pool = make();
  EXPECT_EQ(value_of(pool->submit<widens>(3)), 3.0);
  EXPECT_EQ(value_of(pool->submit<widens>(2.5F)), 2.5);
  EXPECT_EQ(value_of(pool->submit<takes_string>("literal")), "literal");
  const char text[] = "array";
  EXPECT_EQ(value_of(pool->submit<takes_string>(text)), "array");
  std::string kept = "kept";
  EXPECT_EQ(value_of(pool->submit<grows_own_copy>(kept)), "kept more");
  EXPECT_EQ(kept, "kept");
}

// A generator of values nobody thought of: a seeded tree of everything above.
using Leaf = std::variant<std::monostate, std::int64_t, double, std::string, std::vector<std::uint8_t>>;
using Node = std::map<std::string, std::vector<std::pair<Leaf, std::optional<std::vector<Leaf>>>>>;

Leaf random_leaf(std::mt19937_64& random) {
  switch (random() % 5) {
    case 0:
      return std::monostate{};
    case 1:
      return static_cast<std::int64_t>(random());
    case 2:
      return static_cast<double>(random()) / 3;
    case 3:
      return std::string(random() % 40, static_cast<char>(random()));
    default:
      return std::vector<std::uint8_t>(random() % 300, static_cast<std::uint8_t>(random()));
  }
}

TEST_P(Conformance, C17_TreesOfEverythingArrive) {
  const auto pool = make();
  std::mt19937_64 random(4711);
  for (int round = 0; round < 300; ++round) {
    Node node;
    for (auto keys = random() % 6; keys > 0; --keys) {
      auto& list = node[std::string(random() % 20, static_cast<char>(random()))];
      for (auto items = random() % 5; items > 0; --items) {
        list.emplace_back(random_leaf(random), std::nullopt);
        if (random() % 2 == 0) {
          list.back().second.emplace();
          for (auto leaves = random() % 4; leaves > 0; --leaves)
            list.back().second->push_back(random_leaf(random));
        }
      }
    }
    ASSERT_EQ(value_of(pool->submit<echo<Node>>(node)), node) << "round " << round;
  }
}

}  // namespace
}  // namespace twinpool::conformance
