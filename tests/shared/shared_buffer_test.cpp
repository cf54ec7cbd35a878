// SPDX-License-Identifier: Apache-2.0
#include "shared/shared_buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

namespace twinpool {
namespace {

/// A segment of 1024 bytes, and in it, at offset 256, a block of 100 words.
class SharedBufferTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kOffset = 256;

  SharedBufferTest()
      : block_(std::make_shared<SharedBlock>(
            SharedBlock{.data = segment_.data() + kOffset, .bytes = 400, .offset = kOffset, .home = this})),
        buffer_(block_, reinterpret_cast<std::uint32_t*>(block_->data), 100) {
    std::iota(buffer_.begin(), buffer_.end(), 0U);
  }

  std::vector<std::byte> encode(const SharedBuffer<std::uint32_t>& buffer) {
    Writer count;
    Codec<SharedBuffer<std::uint32_t>>::encode(count, buffer);
    std::vector<std::byte> bytes(count.size());
    Writer writer(bytes);
    Codec<SharedBuffer<std::uint32_t>>::encode(writer, buffer);
    return bytes;
  }
  SharedBuffer<std::uint32_t> decode(std::span<const std::byte> bytes) {
    Reader reader(bytes, segment_);
    return Codec<SharedBuffer<std::uint32_t>>::decode(reader);
  }
  static std::vector<std::byte> words(std::uint64_t offset, std::uint64_t size) {
    const std::array<std::uint64_t, 2> both{offset, size};
    std::vector<std::byte> bytes(sizeof both);
    std::memcpy(bytes.data(), both.data(), sizeof both);
    return bytes;
  }

  alignas(kBufferAlignment) std::array<std::byte, 1024> segment_{};
  std::shared_ptr<const SharedBlock> block_;
  SharedBuffer<std::uint32_t> buffer_;
};

TEST_F(SharedBufferTest, ASliceIsAPartOfTheSameMemory) {
  const auto slice = buffer_.slice(10, 5);
  EXPECT_EQ(slice.size(), 5U);
  EXPECT_EQ(slice.data(), buffer_.data() + 10);
  EXPECT_EQ(slice.block(), buffer_.block());
  slice[0] = 77;
  EXPECT_EQ(buffer_[10], 77U);
  EXPECT_EQ(slice.slice(2, 3).data(), buffer_.data() + 12);
  EXPECT_TRUE(buffer_.slice(100, 0).empty());
}

TEST_F(SharedBufferTest, ASliceThatReachesOutsideIsRefused) {
  EXPECT_THROW(static_cast<void>(buffer_.slice(0, 101)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer_.slice(101, 0)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer_.slice(1, SIZE_MAX)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer_.slice(SIZE_MAX, 1)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(buffer_.slice(10, 5).slice(3, 3)), std::out_of_range);
  EXPECT_THROW(static_cast<void>(SharedBuffer<int>().slice(0, 1)), std::out_of_range);
}

TEST_F(SharedBufferTest, CrossesAsAPlaceAndNotAsItsElements) {
  EXPECT_EQ(encode(buffer_), words(kOffset, 100));
  const auto there = decode(encode(buffer_.slice(10, 5)));
  EXPECT_EQ(there.data(), buffer_.data() + 10);
  EXPECT_EQ(there.size(), 5U);
}

TEST_F(SharedBufferTest, EncodingAttachesItsBlockToTheTask) {
  Writer count;
  Codec<SharedBuffer<std::uint32_t>>::encode(count, buffer_.slice(1, 1));
  ASSERT_EQ(count.attached().size(), 1U);
  EXPECT_EQ(count.attached()[0], block_);
}

TEST_F(SharedBufferTest, AnEmptyBufferCrosses) {
  EXPECT_TRUE(decode(encode({})).empty());
  EXPECT_TRUE(decode(encode(buffer_.slice(50, 0))).empty());
}

TEST_F(SharedBufferTest, AViewInsideATaskLeavesItAsTheSamePlace) {
  const auto view = decode(encode(buffer_));
  EXPECT_EQ(view.block(), nullptr);
  EXPECT_EQ(encode(view), encode(buffer_));
  EXPECT_EQ(encode(view.slice(10, 5)), encode(buffer_.slice(10, 5)));
}

TEST_F(SharedBufferTest, AReturnedBufferSharesTheBlockThatTheTaskWasGiven) {
  const auto returned = [&](std::uint64_t offset, std::uint64_t size) {
    const auto bytes = words(offset, size);
    Reader reader(bytes, segment_, std::span(&block_, 1));
    return Codec<SharedBuffer<std::uint32_t>>::decode(reader);
  };
  const auto back = returned(kOffset + 40, 5);
  EXPECT_EQ(back.block(), block_);
  EXPECT_EQ(back.data(), buffer_.data() + 10);
  // What is not inside a block that the task was given is refused, wherever a worker says that it lies.
  EXPECT_THROW(returned(kOffset, 101), DecodeError);
  EXPECT_THROW(returned(kOffset - 4, 2), DecodeError);
  EXPECT_THROW(returned(kOffset + 400, 1), DecodeError);
}

TEST_F(SharedBufferTest, PlacesOutsideTheSegmentAreRefused) {
  EXPECT_EQ(decode(words(1020, 1)).size(), 1U);
  EXPECT_THROW(decode(words(1020, 2)), DecodeError);
  EXPECT_THROW(decode(words(1024, 1)), DecodeError);
  EXPECT_THROW(decode(words(0, 257)), DecodeError);
  EXPECT_THROW(decode(words(0, UINT64_MAX)), DecodeError);
  EXPECT_THROW(decode(words(0, UINT64_MAX / 4 + 1)), DecodeError);
  EXPECT_THROW(decode(words(UINT64_MAX - 3, 1)), DecodeError);
  EXPECT_THROW(decode(words(2, 1)), DecodeError);  // not aligned
}

TEST_F(SharedBufferTest, TruncatedBytesAreRefused) {
  const auto bytes = encode(buffer_);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode(std::span(bytes).first(size)), DecodeError);
  }
}

}  // namespace
}  // namespace twinpool
