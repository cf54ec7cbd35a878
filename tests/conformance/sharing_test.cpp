// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <numeric>
#include <vector>

#include "tests/conformance/gate.h"

/// C14: a SharedBuffer is one memory; other arguments are moved (threads) or encoded once (processes).
namespace twinpool::conformance {

/// Counts in this process how often it is copied, moved and encoded.
struct Travelled {
  static inline std::atomic<int> copies{0};
  static inline std::atomic<int> moves{0};
  static inline std::atomic<int> written{0};
  static void reset() { copies = moves = written = 0; }

  int value = 0;
  explicit Travelled(int v) : value(v) {}
  Travelled(const Travelled& other) : value(other.value) { ++copies; }
  Travelled(Travelled&& other) noexcept : value(std::exchange(other.value, -1)) { ++moves; }
  Travelled& operator=(const Travelled&) = delete;
  Travelled& operator=(Travelled&&) = delete;
};

/// Can be moved only.
struct MoveOnly {
  std::unique_ptr<int> value;
  bool operator==(const MoveOnly& other) const { return *value == *other.value; }
};

}  // namespace twinpool::conformance

template <>
struct twinpool::Codec<twinpool::conformance::Travelled> {
  static void encode(Writer& out, const conformance::Travelled& value) {
    if (!out.counting()) ++conformance::Travelled::written;
    out.put(value.value);
  }
  static conformance::Travelled decode(Reader& in) { return conformance::Travelled(in.get<int>()); }
};
template <>
struct twinpool::Codec<twinpool::conformance::MoveOnly> {
  static void encode(Writer& out, const conformance::MoveOnly& value) { out.put(*value.value); }
  static conformance::MoveOnly decode(Reader& in) { return {std::make_unique<int>(in.get<int>())}; }
};

namespace twinpool::conformance {
namespace {

void add(SharedBuffer<std::uint64_t> counters, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    std::atomic_ref<std::uint64_t>(counters[i % counters.size()]).fetch_add(1);
  }
}
void fill(SharedBuffer<std::uint64_t> part, std::uint64_t first) {
  std::iota(part.begin(), part.end(), first);
}
std::uint64_t sum_of(SharedBuffer<std::uint64_t> words) {
  return std::accumulate(words.begin(), words.end(), std::uint64_t{0});
}
std::uint64_t sum_after_gate(Words gate, SharedBuffer<std::uint64_t> words) {
  pass_gate(gate);
  return sum_of(words);
}
std::uint64_t size_of(SharedBuffer<std::uint64_t> words) { return words.size(); }
std::uint64_t sum_of_both(std::vector<SharedBuffer<std::uint64_t>> parts, SharedBuffer<std::uint64_t> other) {
  std::uint64_t total = sum_of(other);
  for (const auto& part : parts) total += sum_of(part);
  return total;
}
int by_value(Travelled t) { return t.value; }
int by_const_reference(const Travelled& t) { return t.value; }
int by_rvalue(Travelled&& t) { return t.value; }
MoveOnly twice(MoveOnly one) { return {std::make_unique<int>(*one.value * 2)}; }

struct Wide {
  std::uint64_t words[3];
  double number;
};
double sum_wide(SharedBuffer<Wide> items) {
  double total = 0;
  for (const auto& item : items) total += item.number + static_cast<double>(item.words[2]);
  return total;
}

TEST_P(Conformance, C14_ASharedBufferIsZeroFilledAndAligned) {
  const auto pool = make();
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1'000'003}}) {
    auto buffer = pool->make_shared_buffer<std::uint8_t>(size);
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kBufferAlignment, 0U);
    for (const auto byte : buffer) ASSERT_EQ(byte, 0);
    std::memset(buffer.data(), 0xFF, size);  // the next one must not show it
  }
}

TEST_P(Conformance, C14_AnEmptySharedBufferCrosses) {
  const auto pool = make();
  const auto empty = pool->make_shared_buffer<std::uint64_t>(0);
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(value_of(pool->submit<size_of>(empty)), 0U);
  EXPECT_EQ(value_of(pool->submit<size_of>(SharedBuffer<std::uint64_t>())), 0U);
}

TEST_P(Conformance, C14_IncrementsFromManyTasksAddUp) {
  const auto pool = make({.workers = 4});
  const auto counters = pool->make_shared_buffer<std::uint64_t>(7);
  std::vector<Future<Unit>> futures;
  for (int i = 0; i < 200; ++i) futures.push_back(pool->submit<add>(counters, std::uint64_t{700}));
  for (int i = 0; i < 700; ++i) {
    std::atomic_ref<std::uint64_t>(counters[static_cast<std::size_t>(i) % 7]).fetch_add(1);
  }
  for (auto& future : futures) static_cast<void>(value_of(future));
  for (const auto counter : counters) EXPECT_EQ(counter, 201U * 100U);
}

TEST_P(Conformance, C14_EachSideSeesWhatTheOtherWrote) {
  const auto pool = make();
  const auto words = pool->make_shared_buffer<std::uint64_t>(10'000);
  static_cast<void>(value_of(pool->submit<fill>(words, std::uint64_t{1})));
  EXPECT_EQ(words[0], 1U);
  EXPECT_EQ(words[9'999], 10'000U);
  words[0] = 1'000'001;
  EXPECT_EQ(value_of(pool->submit<sum_of>(words)), 50'005'000U + 1'000'000U);
}

TEST_P(Conformance, C14_SlicesAreThePartsOfOneMemory) {
  constexpr std::size_t kParts = 16;
  const auto pool = make({.workers = 3});
  const auto whole = pool->make_shared_buffer<std::uint64_t>(kParts * 1000);
  std::vector<Future<Unit>> futures;
  for (std::size_t i = 0; i < kParts; ++i) {
    futures.push_back(pool->submit<fill>(whole.slice(i * 1000, 1000), std::uint64_t{i * 1000}));
  }
  for (auto& future : futures) static_cast<void>(value_of(future));
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_EQ(whole[i], i);
  EXPECT_EQ(value_of(pool->submit<sum_of>(whole.slice(15'999, 1))), 15'999U);
  EXPECT_EQ(value_of(pool->submit<sum_of>(whole.slice(16'000, 0))), 0U);
}

TEST_P(Conformance, C14_AQueuedTaskKeepsItsBufferAlive) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto held = pool->submit<pass_gate>(gate.words());
  std::vector<Future<std::uint64_t>> futures;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    auto words = pool->make_shared_buffer<std::uint64_t>(1000);
    for (auto& word : words) word = i;
    auto part = words.slice(500, 100);
    words = {};
    futures.push_back(pool->submit<sum_of>(std::move(part)));
  }
  // Memory that was freed too early would be handed out again, and zero-filled, here.
  for (int i = 0; i < 50; ++i) static_cast<void>(pool->make_shared_buffer<std::uint64_t>(1000));
  gate.open();
  for (std::uint64_t i = 1; i <= 50; ++i) ASSERT_EQ(value_of(futures[i - 1]), i * 100);
}

TEST_P(Conformance, C14_ARunningTaskKeepsItsBufferAlive) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  auto words = pool->make_shared_buffer<std::uint64_t>(1000);
  for (auto& word : words) word = 3;
  auto future = pool->submit<sum_after_gate>(gate.words(), words);
  ASSERT_TRUE(gate.wait_entered(1));
  words = {};
  for (int i = 0; i < 50; ++i) static_cast<void>(pool->make_shared_buffer<std::uint64_t>(1000));
  gate.open();
  EXPECT_EQ(value_of(future), 3000U);
}

TEST_P(Conformance, C14_SharedMemoryIsGivenBackWithTheLastHandle) {
  const auto pool = make();
  auto words = pool->make_shared_buffer<std::uint64_t>(100'000);
  const auto slice = std::make_unique<SharedBuffer<std::uint64_t>>(words.slice(5, 5));
  const auto in_use = pool->stats().shared_bytes_in_use;
  if (pool->guarantees().bounded_memory) {
    EXPECT_GE(in_use, 800'000U);
  }
  static_cast<void>(value_of(pool->submit<sum_of>(words)));
  words = {};
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == in_use; }));
  *slice = {};
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
}

TEST_P(Conformance, C14_ASharedBufferOutlivesItsPool) {
  auto pool = make();
  const auto words = pool->make_shared_buffer<std::uint64_t>(5000);
  static_cast<void>(value_of(pool->submit<fill>(words, std::uint64_t{10})));
  pool.reset();
  EXPECT_EQ(words[4999], 5009U);
  words[0] = 1;
}

TEST_P(Conformance, C14_BuffersInsideOtherArgumentsAreSharedToo) {
  const auto pool = make();
  const auto words = pool->make_shared_buffer<std::uint64_t>(100);
  for (auto& word : words) word = 1;
  const std::vector<SharedBuffer<std::uint64_t>> parts{words.slice(0, 10), words.slice(10, 20)};
  EXPECT_EQ(value_of(pool->submit<sum_of_both>(parts, words)), 130U);
}

TEST_P(Conformance, C14_ABufferOfStructsIsShared) {
  const auto pool = make();
  const auto items = pool->make_shared_buffer<Wide>(10);
  for (auto& item : items) item = Wide{{0, 0, 2}, 0.5};
  EXPECT_EQ(value_of(pool->submit<sum_wide>(items)), 25.0);
}

TEST_P(Conformance, C14_ABufferOfAnotherPoolIsRefused) {
  const auto pool = make();
  const auto other = make();
  const auto foreign = other->make_shared_buffer<std::uint64_t>(10);
  auto submission = pool->try_submit<sum_of>(foreign);
  if (pool->guarantees().isolates_memory) {
    ASSERT_FALSE(submission.accepted());
    EXPECT_EQ(submission.error(), SubmitError::kForeignBuffer);
    EXPECT_EQ(value_of(other->submit<sum_of>(foreign)), 0U);
    EXPECT_EQ(pool->stats().submitted, 0U);
  } else if (submission) {
    EXPECT_EQ(value_of(submission.future()), 0U);
  } else {
    EXPECT_EQ(submission.error(), SubmitError::kForeignBuffer);
  }
}

TEST_P(Conformance, C14_AnArgumentIsMovedOrEncodedOnceAndNeverBoth) {
  const auto pool = make({.workers = 1});
  Travelled::reset();
  EXPECT_EQ(value_of(pool->submit<by_value>(Travelled(7))), 7);
  EXPECT_EQ(Travelled::copies.load(), 0);
  if (pool->guarantees().moves_arguments) {
    EXPECT_EQ(Travelled::written.load(), 0);
    EXPECT_GE(Travelled::moves.load(), 1);
  } else {
    EXPECT_EQ(Travelled::written.load(), 1);
    EXPECT_EQ(Travelled::moves.load(), 0);
  }
}

TEST_P(Conformance, C14_AnArgumentThatIsKeptByTheCallerIsCopiedOrEncodedOnce) {
  const auto pool = make({.workers = 1});
  const Travelled kept(8);
  Travelled::reset();
  EXPECT_EQ(value_of(pool->submit<by_const_reference>(kept)), 8);
  EXPECT_EQ(kept.value, 8);
  EXPECT_EQ(Travelled::copies.load() + Travelled::written.load(), 1);
  EXPECT_EQ(Travelled::written.load(), pool->guarantees().moves_arguments ? 0 : 1);
}

TEST_P(Conformance, C14_AnRvalueParameterReceivesTheArgument) {
  const auto pool = make({.workers = 1});
  Travelled::reset();
  EXPECT_EQ(value_of(pool->submit<by_rvalue>(Travelled(9))), 9);
  EXPECT_EQ(Travelled::copies.load(), 0);
}

TEST_P(Conformance, C14_AnArgumentAndAResultThatCanOnlyBeMovedCross) {
  const auto pool = make();
  auto future = pool->submit<twice>(MoveOnly{std::make_unique<int>(21)});
  EXPECT_EQ(*value_of(future).value, 42);
}

TEST_P(Conformance, C14_ArgumentsAreDestroyedByTheTimeThePoolIsGone) {
  auto pool = make({.workers = 1, .stop_limit = std::chrono::milliseconds(1000)});
  auto words = pool->make_shared_buffer<std::uint64_t>(10);
  const std::weak_ptr<const SharedBlock> watched = words.block();
  std::vector<Future<std::uint64_t>> futures;
  {
    Gate gate(*pool);
    futures.push_back(pool->submit<sum_after_gate>(gate.words(), words));
    for (int i = 0; i < 20; ++i) futures.push_back(pool->submit<sum_of>(words));
    ASSERT_TRUE(gate.wait_entered(1));
  }
  words = {};
  pool.reset();
  for (auto& future : futures) EXPECT_TRUE(future.ready());
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace twinpool::conformance
