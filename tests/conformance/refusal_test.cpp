// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/conformance/gate.h"

/// C2: what was refused never ran and its arguments are untouched.
namespace twinpool::conformance {

/// A value whose copy and whose encoding fail when it is told so.
struct Fragile {
  bool broken = false;
  Fragile() = default;
  explicit Fragile(bool is_broken) : broken(is_broken) {}
  Fragile(const Fragile& other) : broken(other.broken) {
    if (broken) throw std::logic_error("cannot be copied");
  }
  Fragile(Fragile&&) = default;
  Fragile& operator=(const Fragile&) = delete;
  Fragile& operator=(Fragile&&) = default;
};

}  // namespace twinpool::conformance

template <>
struct twinpool::Codec<twinpool::conformance::Fragile> {
  static void encode(Writer& out, const conformance::Fragile& value) {
    if (value.broken) throw std::logic_error("cannot be copied");
    out.put(value.broken);
  }
  static conformance::Fragile decode(Reader& in) { return conformance::Fragile(in.get<bool>()); }
};

namespace twinpool::conformance {
namespace {

std::size_t consume(Words runs, std::string text, std::vector<std::uint32_t> numbers) {
  atomic_at(runs, 0).fetch_add(1);
  return text.size() + numbers.size();
}
void consume_fragile(Words runs, const Fragile&) { atomic_at(runs, 0).fetch_add(1); }
std::size_t measure(Words runs, const std::vector<std::uint8_t>& bytes) {
  atomic_at(runs, 0).fetch_add(1);
  return bytes.size();
}

const std::string kText(200, 't');
const std::vector<std::uint32_t> kNumbers(100, 7);

TEST_P(Conformance, C2_ATaskRefusedForAFullQueueNeverRanAndItsArgumentsAreUntouched) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  Gate gate(*pool);
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  auto running = pool->submit<pass_gate>(gate.words());
  auto queued = pool->submit<pass_gate>(gate.words());

  std::string text = kText;
  std::vector<std::uint32_t> numbers = kNumbers;
  for (int i = 0; i < 20; ++i) {
    auto refused = pool->try_submit<consume>(runs, std::move(text), std::move(numbers));
    ASSERT_FALSE(refused.accepted());
    ASSERT_EQ(refused.error(), SubmitError::kQueueFull);
    ASSERT_EQ(text, kText);
    ASSERT_EQ(numbers, kNumbers);
  }
  gate.open();
  static_cast<void>(value_of(running));
  static_cast<void>(value_of(queued));
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(atomic_at(runs, 0).load(), 0U);
  EXPECT_EQ(pool->stats().submitted, 2U);
  EXPECT_EQ(pool->stats().refused, 20U);
}

TEST_P(Conformance, C2_ATaskRefusedByAClosedPoolNeverRanAndItsArgumentsAreUntouched) {
  const auto pool = make();
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  ASSERT_TRUE(pool->drain(kPatience));
  std::string text = kText;
  std::vector<std::uint32_t> numbers = kNumbers;
  auto refused = pool->try_submit<consume>(runs, std::move(text), std::move(numbers));
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kClosed);
  EXPECT_EQ(text, kText);
  EXPECT_EQ(numbers, kNumbers);
  EXPECT_EQ(atomic_at(runs, 0).load(), 0U);
}

TEST_P(Conformance, C2_ArgumentsLargerThanThePoolMayHoldAreRefusedUntouched) {
  PoolOptions options{.workers = 1};
  options.processes.max_shared_bytes = 1 << 20;
  const auto pool = make(options);
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  std::vector<std::uint8_t> bytes(4 << 20, 0x5A);
  const auto expected = bytes;
  auto submission = pool->try_submit<measure>(runs, std::move(bytes));
  if (!pool->guarantees().bounded_memory) {
    ASSERT_TRUE(submission.accepted());
    EXPECT_EQ(value_of(submission.future()), expected.size());
    return;
  }
  ASSERT_FALSE(submission.accepted());
  EXPECT_EQ(submission.error(), SubmitError::kTooLarge);
  EXPECT_EQ(bytes, expected);
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(atomic_at(runs, 0).load(), 0U);
}

TEST_P(Conformance, C2_ArgumentsForWhichNoSharedMemoryIsLeftAreRefusedUntouchedAndAcceptedOnceThereIs) {
  PoolOptions options{.workers = 1};
  options.processes.max_shared_bytes = 1 << 20;
  const auto pool = make(options);
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  auto hog = pool->make_shared_buffer<std::byte>(600 << 10);
  std::vector<std::uint8_t> bytes(600 << 10, 0x5A);
  const auto expected = bytes;
  auto submission = pool->try_submit<measure>(runs, bytes);
  if (!pool->guarantees().bounded_memory) {
    EXPECT_TRUE(submission.accepted());
    return;
  }
  ASSERT_FALSE(submission.accepted());
  EXPECT_EQ(submission.error(), SubmitError::kOutOfMemory);
  EXPECT_EQ(bytes, expected);
  hog = {};
  EXPECT_EQ(value_of(pool->submit<measure>(runs, bytes)), expected.size());
  EXPECT_EQ(atomic_at(runs, 0).load(), 1U);
}

TEST_P(Conformance, C2_AnExceptionFromCopyingAnArgumentPassesThroughAndCostsNoRoom) {
  const auto pool = make({.workers = 1, .queue_capacity = 2});
  const auto runs = pool->make_shared_buffer<std::uint32_t>(1);
  const Fragile broken(true);
  const Fragile whole;
  for (int i = 0; i < 50; ++i) {
    EXPECT_THROW(static_cast<void>(pool->try_submit<consume_fragile>(runs, broken)), std::logic_error);
  }
  EXPECT_EQ(pool->stats().submitted, 0U);
  EXPECT_EQ(pool->stats().pending, 0U);

  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  EXPECT_THROW(static_cast<void>(pool->try_submit<consume_fragile>(runs, broken)), std::logic_error);
  auto first = pool->submit<consume_fragile>(runs, whole);
  auto second = pool->submit<consume_fragile>(runs, whole);
  EXPECT_FALSE(pool->try_submit<consume_fragile>(runs, whole).accepted());
  gate.open();
  EXPECT_TRUE(outcome_of(first).has_value());
  EXPECT_TRUE(outcome_of(second).has_value());
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(atomic_at(runs, 0).load(), 2U);
}

TEST_P(Conformance, C2_SubmitThrowsASentenceForARefusal) {
  const auto pool = make();
  ASSERT_TRUE(pool->stop(kPatience));
  const auto runs = Words();
  try {
    static_cast<void>(pool->submit<consume>(runs, kText, kNumbers));
    FAIL() << "a stopped pool accepted a task";
  } catch (const SubmitRefused& refused) {
    EXPECT_EQ(refused.error(), SubmitError::kClosed);
    EXPECT_EQ(std::string(refused.what()), std::string(sentence_of(SubmitError::kClosed)));
    EXPECT_GT(std::string(refused.what()).size(), std::string("closed").size());
  }
}

}  // namespace
}  // namespace twinpool::conformance
