// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/conformance/gate.h"

/// C12: payload memory has a limit and is reserved before use; exhaustion is a typed error, never a crash or
/// a hang.
namespace twinpool::conformance {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes reversed(Bytes bytes) {
  std::reverse(bytes.begin(), bytes.end());
  return bytes;
}
std::uint64_t touch_all(SharedBuffer<std::uint64_t> words) {
  for (auto& word : words) word = 1;
  return words.size();
}

PoolOptions small(std::size_t bytes, int workers = 2) {
  PoolOptions options{.workers = workers};
  options.processes.max_shared_bytes = bytes;
  return options;
}

TEST_P(Conformance, C12_SharedBuffersBeyondTheLimitAreRefusedByBadAllocAndTheRestStaysUsable) {
  constexpr std::size_t kLimit = 8 << 20;
  const auto pool = make(small(kLimit));
  if (!pool->guarantees().bounded_memory) GTEST_SKIP() << "this twin's payloads lie in the heap";
  std::vector<SharedBuffer<std::uint64_t>> taken;
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) taken.push_back(pool->make_shared_buffer<std::uint64_t>(1 << 16));
      },
      std::bad_alloc);
  // Half a MiB each: no more than the limit was given, and most of it could be.
  EXPECT_LE(taken.size(), 16U);
  EXPECT_GE(taken.size(), 14U);
  const auto stats = pool->stats();
  EXPECT_EQ(stats.shared_bytes_limit, kLimit);
  EXPECT_LE(stats.shared_bytes_in_use, kLimit);
  EXPECT_GE(stats.shared_bytes_in_use, taken.size() << 19);
  for (auto& buffer : taken) {
    for (auto& word : buffer) word = ~std::uint64_t{0};
  }
  for (auto& buffer : taken) ASSERT_EQ(value_of(pool->submit<touch_all>(buffer)), buffer.size());
  taken.clear();
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C12_ASharedBufferOfImpossibleSizeIsBadAlloc) {
  const auto pool = make();
  EXPECT_THROW(static_cast<void>(pool->make_shared_buffer<std::uint64_t>(SIZE_MAX)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(pool->make_shared_buffer<std::uint64_t>(SIZE_MAX / 8)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(pool->make_shared_buffer<std::uint8_t>(SIZE_MAX)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(pool->make_shared_buffer<std::uint8_t>(SIZE_MAX - 100)), std::bad_alloc);
}

TEST_P(Conformance, C12_PayloadMemoryIsGivenBackAfterEachTask) {
  const auto pool = make(small(4 << 20, 1));
  // In all 200 times the limit.
  Bytes bytes(1 << 20);
  for (int round = 0; round < 400; ++round) {
    bytes.front() = static_cast<std::uint8_t>(round);
    auto result = value_of(pool->submit<reversed>(bytes));
    ASSERT_EQ(result.back(), bytes.front()) << round;
  }
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }))
      << pool->stats().shared_bytes_in_use;
}

TEST_P(Conformance, C12_PayloadMemoryOfDroppedFuturesIsGivenBack) {
  const auto pool = make(small(4 << 20, 1));
  const Bytes bytes(1 << 20, 7);
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(eventually([&] {
      auto submission = pool->try_submit<reversed>(bytes);
      return submission.accepted();  // dropped at once; refused only while earlier ones hold the memory
    }));
  }
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C12_UnderPressureEveryTaskSettlesWithItsValueOrATypedFailure) {
  const auto pool = make(small(6 << 20, 3));
  std::atomic<int> values{0};
  std::atomic<int> exhausted{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> submitters;
  for (int t = 0; t < 4; ++t) {
    submitters.emplace_back([&, t] {
      for (int i = 0; i < 60; ++i) {
        const Bytes bytes(static_cast<std::size_t>(1 + (i * 37 + t * 11) % 20) << 16,
                          static_cast<std::uint8_t>(i));
        auto submission = pool->try_submit<reversed>(bytes);
        if (!submission) {
          (submission.error() == SubmitError::kOutOfMemory ? exhausted : wrong)++;
          continue;
        }
        auto outcome = outcome_of(submission.future());
        if (outcome) {
          (outcome.value() == bytes ? values : wrong)++;
        } else {
          (outcome.failure().kind == FailureKind::kOutOfMemory ? exhausted : wrong)++;
        }
      }
    });
  }
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(values.load() + exhausted.load(), 240);
  EXPECT_GT(values.load(), 0);
  EXPECT_EQ(pool->stats().worker_deaths, 0U);
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C12_ThePoolReservesNoMoreThanItsLimitForOneTask) {
  const auto pool = make(small(4 << 20, 1));
  if (!pool->guarantees().bounded_memory) GTEST_SKIP() << "this twin's payloads lie in the heap";
  // 3 MiB there and 3 MiB back do not fit into 4 MiB at once: a typed end, whichever side notices.
  auto submission = pool->try_submit<reversed>(Bytes(3 << 20, 9));
  if (submission) {
    EXPECT_EQ(failure_of(submission.future()).kind, FailureKind::kOutOfMemory);
  } else {
    EXPECT_EQ(submission.error(), SubmitError::kOutOfMemory);
  }
  EXPECT_EQ(value_of(pool->submit<reversed>(Bytes(1 << 20, 9))), Bytes(1 << 20, 9));
}

}  // namespace
}  // namespace twinpool::conformance
