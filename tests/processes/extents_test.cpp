// SPDX-License-Identifier: Apache-2.0
#include "processes/extents.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace twinpool::processes {
namespace {

constexpr std::uint64_t kBytes = 1 << 20;

class ExtentsTest : public testing::Test {
 protected:
  Segment segment_ = Segment::create({.workers = 1, .slots = 1, .payload_bytes = kBytes});
  Extents extents_{segment_};
};

TEST_F(ExtentsTest, APieceIsAlignedLargeEnoughAndReal) {
  for (const std::uint64_t bytes : {1, 63, 64, 4096, 100'000}) {
    const auto piece = extents_.allocate(bytes);
    ASSERT_TRUE(piece);
    EXPECT_GE(piece->bytes, bytes);
    EXPECT_EQ(piece->offset % kBufferAlignment, 0u);
    std::memset(segment_.payload().data() + piece->offset, 0xab, piece->bytes);
  }
}

TEST_F(ExtentsTest, AllOfItCanBeHadAndMoreCannot) {
  EXPECT_EQ(extents_.capacity(), kBytes);
  EXPECT_FALSE(extents_.allocate(kBytes + 1));
  const auto all = extents_.allocate(kBytes);
  ASSERT_TRUE(all);
  EXPECT_EQ(extents_.in_use(), kBytes);
  EXPECT_FALSE(extents_.allocate(1));
  extents_.release(*all);
  EXPECT_EQ(extents_.in_use(), 0u);
  EXPECT_TRUE(extents_.allocate(kBytes));
}

TEST_F(ExtentsTest, NeighboursMergeInWhateverOrderTheyComeBack) {
  std::vector<int> order{0, 1, 2, 3};
  do {
    std::vector<Extent> pieces;
    for (int i = 0; i < 4; ++i) pieces.push_back(*extents_.allocate(kBytes / 4));
    for (const int i : order) extents_.release(pieces[static_cast<std::size_t>(i)]);
    const auto all = extents_.allocate(kBytes);
    ASSERT_TRUE(all);
    extents_.release(*all);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(ExtentsTest, TheBestFittingPieceIsTaken) {
  const auto large = extents_.allocate(8192);
  const auto wall = extents_.allocate(256);
  const auto small = extents_.allocate(1024);
  const auto wall2 = extents_.allocate(256);
  extents_.release(*large);
  extents_.release(*small);
  EXPECT_EQ(extents_.allocate(1000)->offset, small->offset);
  EXPECT_EQ(extents_.allocate(1000)->offset, large->offset);
  EXPECT_NE(wall->offset, wall2->offset);
}

TEST_F(ExtentsTest, AnEmptyPieceIsNothing) {
  extents_.release(Extent{});
  EXPECT_EQ(extents_.in_use(), 0u);
  EXPECT_FALSE(extents_.allocate(UINT64_MAX)) << "rounding up must not wrap around";
}

TEST_F(ExtentsTest, ASegmentWithoutPayloadHasNone) {
  const Segment empty = Segment::create({.workers = 1, .slots = 1, .payload_bytes = 0});
  Extents extents(empty);
  EXPECT_EQ(extents.capacity(), 0u);
  EXPECT_FALSE(extents.allocate(1));
}

/// Which pieces are out, told apart by their offset; the free ones are what lies between.
TEST_F(ExtentsTest, AgreesWithAModelOverRandomUse) {
  std::mt19937_64 random(20260101);
  std::map<std::uint64_t, std::uint64_t> out;
  std::uint64_t in_use = 0;
  const auto largest_gap = [&] {
    std::uint64_t largest = 0;
    std::uint64_t end = 0;
    for (const auto& [offset, bytes] : out) {
      largest = std::max(largest, offset - end);
      end = offset + bytes;
    }
    return std::max(largest, kBytes - end);
  };
  for (int step = 0; step < 20'000; ++step) {
    if (out.empty() || random() % 100 < 55) {
      const std::uint64_t wanted = 1 + random() % (random() % 10 == 0 ? 200'000 : 4'000);
      const auto piece = extents_.allocate(wanted);
      ASSERT_EQ(piece.has_value(), largest_gap() >= (wanted + 255) / 256 * 256) << "step " << step;
      if (!piece) continue;
      const auto next = out.lower_bound(piece->offset);
      ASSERT_TRUE(next == out.end() || piece->offset + piece->bytes <= next->first) << "step " << step;
      ASSERT_TRUE(next == out.begin() || std::prev(next)->first + std::prev(next)->second <= piece->offset)
          << "step " << step;
      ASSERT_GE(piece->bytes, wanted);
      out.emplace(piece->offset, piece->bytes);
      in_use += piece->bytes;
    } else {
      auto piece = std::next(out.begin(), static_cast<std::ptrdiff_t>(random() % out.size()));
      extents_.release({piece->first, piece->second});
      in_use -= piece->second;
      out.erase(piece);
    }
    ASSERT_EQ(extents_.in_use(), in_use);
  }
}

TEST_F(ExtentsTest, ThreadsNeverShareAPiece) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 2'000; ++i) {
        const auto piece = extents_.allocate(1'000);
        if (!piece) continue;
        auto* const memory = segment_.payload().data() + piece->offset;
        std::memset(memory, t, piece->bytes);
        for (std::uint64_t at = 0; at < piece->bytes; ++at) ASSERT_EQ(std::to_integer<int>(memory[at]), t);
        extents_.release(*piece);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(extents_.in_use(), 0u);
}

}  // namespace
}  // namespace twinpool::processes
