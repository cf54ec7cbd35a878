// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include "tests/conformance/gate.h"

/// C14, the way back: tasks return shared memory, and what is shared is never copied.
namespace twinpool::conformance {
namespace {

using Numbers = SharedBuffer<std::uint64_t>;

constexpr std::size_t kHuge = std::size_t{256} << 20;
/// What handles, counters and small numbers may add up to in these tests.
constexpr std::uint64_t kCrumbs = 16'384;

Numbers filled(Numbers numbers, std::uint64_t first) {
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}
Numbers middle_of(Numbers numbers) { return numbers.slice(numbers.size() / 4, numbers.size() / 2); }
std::vector<Numbers> halves_of(Numbers numbers) {
  const auto half = numbers.size() / 2;
  return {numbers.slice(half, half), numbers.slice(0, half)};
}
std::uint64_t sum_of(Numbers numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}
std::string echo(const std::string& text) { return text; }

TEST_P(Conformance, C14_ATaskMayReturnTheBufferThatItWasGiven) {
  const auto pool = make();
  const auto numbers = pool->make_shared_buffer<std::uint64_t>(1000);
  const auto returned = value_of(pool->submit<filled>(numbers, std::uint64_t{5}));
  ASSERT_EQ(returned.size(), 1000U);
  EXPECT_EQ(returned.data(), numbers.data());
  EXPECT_EQ(returned[999], 1004U);
}

TEST_P(Conformance, C14_ATaskMayReturnASliceAndSeveral) {
  const auto pool = make();
  const auto numbers = pool->make_shared_buffer<std::uint64_t>(1000);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  const auto part = value_of(pool->submit<middle_of>(numbers));
  ASSERT_EQ(part.size(), 500U);
  EXPECT_EQ(part.data(), numbers.data() + 250);
  const auto inner = value_of(pool->submit<middle_of>(part));
  ASSERT_EQ(inner.size(), 250U);
  EXPECT_EQ(inner[0], 375U);
  const auto halves = value_of(pool->submit<halves_of>(numbers));
  ASSERT_EQ(halves.size(), 2U);
  EXPECT_EQ(halves[0][0], 500U);
  EXPECT_EQ(halves[1].data(), numbers.data());
  EXPECT_TRUE(value_of(pool->submit<middle_of>(Numbers())).empty());
}

TEST_P(Conformance, C14_AReturnedBufferKeepsItsMemoryAlive) {
  const auto pool = make({.workers = 1});
  auto future = pool->submit<filled>(pool->make_shared_buffer<std::uint64_t>(10'000), std::uint64_t{3});
  ASSERT_TRUE(future.wait_for(kPatience));
  // Freed memory would be handed out again, and zero-filled, here.
  for (int i = 0; i < 20; ++i) static_cast<void>(pool->make_shared_buffer<std::uint64_t>(10'000));
  auto returned = value_of(future);
  for (int i = 0; i < 20; ++i) static_cast<void>(pool->make_shared_buffer<std::uint64_t>(10'000));
  EXPECT_EQ(returned[0], 3U);
  EXPECT_EQ(returned[9'999], 10'002U);
  returned = {};
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C14_AReturnedBufferThatNobodyTakesIsGivenBack) {
  const auto pool = make({.workers = 1});
  for (int i = 0; i < 50; ++i) {
    static_cast<void>(
        pool->submit<filled>(pool->make_shared_buffer<std::uint64_t>(10'000), std::uint64_t{3}));
  }
  ASSERT_TRUE(eventually([&] { return pool->stats().pending == 0; }));
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C14_AReturnedBufferOutlivesItsPool) {
  auto pool = make({.workers = 1});
  auto future = pool->submit<filled>(pool->make_shared_buffer<std::uint64_t>(100), std::uint64_t{3});
  ASSERT_TRUE(future.wait_for(kPatience));
  pool.reset();
  EXPECT_EQ(value_of(future)[99], 102U);
}

TEST_P(Conformance, C14_256MebibytesAreProcessedWithoutCopyingOne) {
  constexpr std::size_t kParts = 16;
  PoolOptions options{.workers = 2};
  options.processes.max_shared_bytes = kHuge + (std::size_t{16} << 20);
  const auto pool = make(std::move(options));
  const auto numbers = pool->make_shared_buffer<std::uint64_t>(kHuge / sizeof(std::uint64_t));
  const auto before = pool->stats().bytes_copied;
  const std::size_t each = numbers.size() / kParts;
  std::vector<Future<Numbers>> written;
  for (std::size_t i = 0; i < kParts; ++i) {
    written.push_back(pool->submit<filled>(numbers.slice(i * each, each), std::uint64_t{i * each}));
  }
  std::uint64_t total = 0;
  for (auto& future : written) total += value_of(pool->submit<sum_of>(value_of(future)));
  const std::uint64_t n = numbers.size();
  EXPECT_EQ(total, n / 2 * (n - 1));
  EXPECT_EQ(numbers[n - 1], n - 1);
  EXPECT_LT(pool->stats().bytes_copied - before, kCrumbs);
}

TEST_P(Conformance, C14_BytesThatAreCopiedAreCounted) {
  const auto pool = make({.workers = 1});
  const std::string text(100'000, 'x');
  EXPECT_EQ(value_of(pool->submit<echo>(text)), text);
  const auto copied = pool->stats().bytes_copied;
  if (pool->guarantees().moves_arguments) {
    EXPECT_EQ(copied, 0U);
  } else {
    EXPECT_GE(copied, 2U * 100'000U) << "into the segment and out of it";
    EXPECT_LT(copied, 2U * 100'000U + kCrumbs) << "once each";
  }
}

}  // namespace
}  // namespace twinpool::conformance
