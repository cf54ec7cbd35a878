// SPDX-License-Identifier: Apache-2.0
#include "shared/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <memory>
#include <random>

#include "shared/shared_buffer.h"

namespace twinpool {
namespace {

/// Memory as pools give it: aligned, and exactly as long as the count said, so that a sanitizer sees each
/// step beyond.
class Encoded {
 public:
  template <typename T>
  explicit Encoded(const T& value) {
    Writer count;
    Codec<T>::encode(count, value);
    size_ = count.size();
    memory_.reset(static_cast<std::byte*>(::operator new(std::max<std::size_t>(size_, 1), kAlignment)));
    Writer writer(std::span(memory_.get(), size_));
    Codec<T>::encode(writer, value);
    written_ = writer.size();
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t written() const { return written_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_.get(), size_}; }
  /// A copy of the first `size` bytes alone.
  [[nodiscard]] Encoded prefix(std::size_t size) const {
    Encoded copy;
    copy.size_ = size;
    copy.memory_.reset(static_cast<std::byte*>(::operator new(std::max<std::size_t>(size, 1), kAlignment)));
    std::memcpy(copy.memory_.get(), memory_.get(), size);
    return copy;
  }

 private:
  static constexpr std::align_val_t kAlignment{kBufferAlignment};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  Encoded() = default;
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_ = 0;
  std::size_t written_ = 0;
};

struct Flat {
  std::uint8_t small;
  double large;
  bool operator==(const Flat&) const = default;
};
struct Deep {
  std::string name;
  std::vector<std::pair<std::string, std::optional<Flat>>> list;
  std::map<std::string, std::variant<int, std::string>> map;
  bool operator==(const Deep&) const = default;
};
const Deep kDeep{"name", {{"", std::nullopt}, {"a", Flat{1, 2}}}, {{"k", 1}, {"", std::string("v")}}};

template <typename T>
void expect_round_trip(const T& value) {
  const Encoded encoded(value);
  ASSERT_EQ(encoded.written(), encoded.size()) << "the count and the writing differ";
  Reader reader(encoded.bytes());
  EXPECT_EQ(Codec<T>::decode(reader), value);
}

/// Every prefix but the whole is refused; it never crashes and never reads beyond.
template <typename T>
void expect_every_prefix_refused(const T& value) {
  const Encoded whole(value);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Encoded part = whole.prefix(size);
    Reader reader(part.bytes());
    EXPECT_THROW(static_cast<void>(Codec<T>::decode(reader)), DecodeError) << size << " of " << whole.size();
  }
}

TEST(Codec, GivesBackWhatWasWritten) {
  expect_round_trip(INT64_MIN);
  expect_round_trip(UINT64_MAX);
  expect_round_trip(true);
  expect_round_trip(std::string());
  expect_round_trip(std::string("a\0b", 3));
  expect_round_trip(std::vector<std::string>{"", "x", std::string(100, 'y')});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::vector<std::vector<int>>{{}, {1, 2}, {}});
  expect_round_trip(std::optional<std::string>{});
  expect_round_trip(std::optional<std::string>{"x"});
  expect_round_trip(std::tuple<char, double, std::string>{'c', 0.5, "s"});
  expect_round_trip(std::array<std::string, 2>{"a", ""});
  expect_round_trip(std::set<int>{3, 1, 2});
  expect_round_trip(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(Flat{7, -0.5});
  expect_round_trip(kDeep);
}

TEST(Codec, RefusesEveryTruncation) {
  expect_every_prefix_refused(std::uint64_t{7});
  expect_every_prefix_refused(true);
  expect_every_prefix_refused(std::string("a text of some length"));
  expect_every_prefix_refused(std::vector<double>{1, 2, 3});
  expect_every_prefix_refused(std::vector<std::string>{"", "x", "yy"});
  expect_every_prefix_refused(std::vector<bool>{true, false, true});
  expect_every_prefix_refused(std::vector<std::vector<int>>{{}, {1, 2}, {3}});
  expect_every_prefix_refused(std::optional<std::string>{"x"});
  expect_every_prefix_refused(std::optional<int>{});
  expect_every_prefix_refused(std::variant<int, std::string>{"text"});
  expect_every_prefix_refused(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_every_prefix_refused(std::unordered_set<std::string>{"a", "b"});
  expect_every_prefix_refused(Flat{7, 1});
  expect_every_prefix_refused(kDeep);
}

TEST(Codec, SurvivesAnyBytes) {
  std::mt19937_64 random(99);
  int decoded = 0;
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Encoded encoded(kDeep);
    for (auto flips = 1 + random() % 8; flips > 0; --flips) {
      encoded.bytes()[random() % encoded.size()] = static_cast<std::byte>(random());
    }
    Reader reader(encoded.bytes());
    try {
      static_cast<void>(Codec<Deep>::decode(reader));
      ++decoded;
    } catch (const DecodeError&) {
      ++refused;
    }
  }
  EXPECT_EQ(decoded + refused, 20'000);
  EXPECT_GT(refused, 0);
}

TEST(Codec, RefusesALengthThatCannotBe) {
  for (const std::uint64_t length : {std::uint64_t{25}, std::uint64_t{1} << 32, UINT64_MAX / 8,
                                     UINT64_MAX / 8 + 1, UINT64_MAX - 7, UINT64_MAX}) {
    Encoded encoded(std::vector<std::uint64_t>{1, 2, 3});
    std::memcpy(encoded.bytes().data(), &length, sizeof length);
    Reader reader(encoded.bytes());
    EXPECT_THROW(static_cast<void>(Codec<std::vector<std::uint64_t>>::decode(reader)), DecodeError) << length;
    Reader text(encoded.bytes());
    EXPECT_THROW(static_cast<void>(Codec<std::string>::decode(text)), DecodeError) << length;
    Reader strings(encoded.bytes());
    EXPECT_THROW(static_cast<void>(Codec<std::vector<std::string>>::decode(strings)), DecodeError) << length;
  }
}

TEST(Codec, RefusesAVariantWithoutThatAlternative) {
  Encoded encoded(std::variant<int, std::string>{1});
  const std::uint32_t index = 2;
  std::memcpy(encoded.bytes().data(), &index, sizeof index);
  Reader reader(encoded.bytes());
  EXPECT_THROW((static_cast<void>(Codec<std::variant<int, std::string>>::decode(reader))), DecodeError);
}

struct Switches {
  std::uint32_t number;
  bool first;
  std::array<bool, 2> more;
  bool operator==(const Switches&) const = default;
};

TEST(Codec, ReadsAnyByteAsABoolInSomethingFlatToo) {
  static_assert(kFlat<Switches>);
  Encoded encoded(std::vector<Switches>{{1, true, {true, true}}, {2, true, {true, true}}});
  auto& last = encoded.bytes().back();  // padding, or the last bool
  std::memset(&last - 3, 0x42, 4);
  Reader all(encoded.bytes());
  const auto read = Codec<std::vector<Switches>>::decode(all);
  ASSERT_EQ(read.size(), 2);
  EXPECT_EQ(read.back(), (Switches{2, true, {true, true}}));
  Reader one(encoded.bytes().last(sizeof(Switches)));
  EXPECT_EQ(Codec<Switches>::decode(one), (Switches{2, true, {true, true}}));
}

TEST(Codec, ReadsAnyByteAsABool) {
  for (int byte = 0; byte < 256; ++byte) {
    Encoded encoded(true);
    encoded.bytes()[0] = static_cast<std::byte>(byte);
    Reader reader(encoded.bytes());
    EXPECT_EQ(Codec<bool>::decode(reader), byte != 0);
  }
}

TEST(Codec, AlignsWhatIsReadInPlace) {
  Writer count;
  count.put(std::uint8_t{1});
  Codec<std::vector<double>>::encode(count, {1, 2, 3});
  alignas(kBufferAlignment) std::byte memory[256];
  ASSERT_LE(count.size(), sizeof memory);
  Writer writer(memory);
  writer.put(std::uint8_t{1});
  Codec<std::vector<double>>::encode(writer, {1, 2, 3});
  Reader reader(std::span<const std::byte>(memory, writer.size()));
  static_cast<void>(reader.get<std::uint8_t>());
  const auto numbers = detail::decode_span<double>(reader);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(double), 0U);
  EXPECT_EQ(numbers[2], 3.0);
}

TEST(Codec, RefusesToWriteAValueThatHasGrownSinceItWasCounted) {
  std::string text = "short";
  Writer count;
  Codec<std::string>::encode(count, text);
  text += " no more";
  std::vector<std::byte> memory(count.size());
  Writer writer(memory);
  EXPECT_THROW(Codec<std::string>::encode(writer, text), std::length_error);
}

TEST(Codec, AWriterWithoutMemoryOnlyCounts) {
  Writer writer;
  EXPECT_TRUE(writer.counting());
  writer.put(std::uint8_t{1});
  writer.put(std::uint64_t{1});
  EXPECT_EQ(writer.size(), 16U);
}

}  // namespace
}  // namespace twinpool
