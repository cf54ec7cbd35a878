// SPDX-License-Identifier: Apache-2.0
#include "shared/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace twinpool {
namespace {

constexpr std::uint64_t kLargest = (std::uint64_t{1} << kHistogramMaxBits) - 1;

/// All small values, and around every power of two the values where an error would sit.
std::vector<std::uint64_t> telling_values() {
  std::vector<std::uint64_t> values;
  for (std::uint64_t value = 0; value < 5000; ++value) values.push_back(value);
  for (unsigned bits = 12; bits <= kHistogramMaxBits; ++bits) {
    for (std::uint64_t near = 0; near < 4; ++near) {
      values.push_back((std::uint64_t{1} << bits) - 1 - near);
      if (bits < kHistogramMaxBits) values.push_back((std::uint64_t{1} << bits) + near);
    }
  }
  std::mt19937_64 random(5);
  for (int i = 0; i < 100'000; ++i) values.push_back((random() >> (random() % 64)) & kLargest);
  std::sort(values.begin(), values.end());
  return values;
}

TEST(HistogramCell, IsInRangeAndMonotone) {
  std::size_t last = 0;
  for (const auto value : telling_values()) {
    const auto cell = histogram_cell(value);
    ASSERT_LT(cell, kHistogramCells) << value;
    ASSERT_GE(cell, last) << value;
    last = cell;
  }
}

TEST(HistogramCell, KnowsAValueToThreePercentOverTheWholeRange) {
  for (const auto value : telling_values()) {
    const auto top = histogram_cell_top(histogram_cell(value));
    ASSERT_GE(top, value);
    ASSERT_LE(static_cast<double>(top - value), 0.032 * static_cast<double>(value)) << value;
  }
}

TEST(HistogramCell, CoversTheRangeWithoutGapOrOverlap) {
  for (std::size_t cell = 0; cell + 1 < kHistogramCells; ++cell) {
    const auto top = histogram_cell_top(cell);
    ASSERT_EQ(histogram_cell(top), cell);
    ASSERT_EQ(histogram_cell(top + 1), cell + 1);
  }
  EXPECT_EQ(histogram_cell_top(kHistogramCells - 1), kLargest);
}

TEST(HistogramCell, CountsWhatIsAboveTheRangeInTheLast) {
  EXPECT_EQ(histogram_cell(kLargest), kHistogramCells - 1);
  EXPECT_EQ(histogram_cell(kLargest + 1), kHistogramCells - 1);
  EXPECT_EQ(histogram_cell(UINT64_MAX), kHistogramCells - 1);
}

TEST(Histogram, GivesNothingForNothing) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.percentile_ns(0.5), 0U);
  EXPECT_EQ(empty.max_ns(), 0U);
}

TEST(Histogram, PercentilesAreOfNearestRank) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 50; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile_ns(0.5), 25U);
  EXPECT_EQ(histogram.percentile_ns(0.0), 1U);
  EXPECT_EQ(histogram.percentile_ns(0.02), 1U);
  EXPECT_EQ(histogram.percentile_ns(0.9), 45U);
  EXPECT_EQ(histogram.percentile_ns(1.0), 50U);
  EXPECT_EQ(histogram.percentile_ns(7.0), 50U);
  EXPECT_EQ(histogram.percentile_ns(-1.0), 1U);
}

TEST(Histogram, AgreesWithSortedSamplesToThreePercent) {
  Histogram histogram;
  std::vector<std::uint64_t> values;
  std::mt19937_64 random(11);
  for (int i = 0; i < 10'001; ++i) {
    values.push_back(100 + (random() >> (24 + random() % 30)));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double fraction : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(fraction * 10'001.0)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    EXPECT_GE(static_cast<double>(histogram.percentile_ns(fraction)), exact);
    EXPECT_LE(static_cast<double>(histogram.percentile_ns(fraction)), exact * 1.032);
  }
}

TEST(Histogram, MergesAndSubtracts) {
  const auto cells = std::make_unique<HistogramCells>();
  cells->record(10);
  cells->record(1'000'000);
  Histogram earlier;
  earlier.add(*cells);
  cells->record(20);
  Histogram later;
  later.add(*cells);
  EXPECT_EQ(later.count(), 3U);
  const auto since = later.since(earlier);
  EXPECT_EQ(since.count(), 1U);
  EXPECT_EQ(since.max_ns(), 20U);
  EXPECT_EQ(earlier.since(later).count(), 0U);
  Histogram both = earlier;
  both.merge(later);
  EXPECT_EQ(both.count(), 5U);
}

}  // namespace
}  // namespace twinpool
