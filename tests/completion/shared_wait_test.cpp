// SPDX-License-Identifier: Apache-2.0
#include "shared/shared_wait.h"

#include "tests/conformance/notebook.h"

/// C14: sleeping on a word that workers and the caller share, in both twins.
namespace twinpool::conformance {
namespace {

/// Waits for its turn, then hands it on: word 0 counts turns.
bool take_turns(Words words, std::uint32_t mine, std::uint32_t rounds) {
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const std::uint32_t turn = 2 * round + mine;
    for (std::uint32_t now = atomic_at(words, 0).load(); now != turn; now = atomic_at(words, 0).load()) {
      if (!shared_wait(words[0], now, deadline_after(kPatience))) return false;
    }
    atomic_at(words, 0).store(turn + 1);
    shared_notify_all(words[0]);
  }
  return true;
}

TEST_P(Conformance, C14_TasksWakeEachOtherThroughASharedWord) {
  const auto pool = make({.workers = 2});
  const Words words = pool->make_shared_buffer<std::uint32_t>(1);
  auto even = pool->submit<take_turns>(words, 0U, 200U);
  auto odd = pool->submit<take_turns>(words, 1U, 200U);
  EXPECT_TRUE(value_of(even));
  EXPECT_TRUE(value_of(odd));
  EXPECT_EQ(words[0], 400U);
}

TEST_P(Conformance, C14_ATaskAndTheCallerWakeEachOther) {
  const auto pool = make({.workers = 1});
  const Words words = pool->make_shared_buffer<std::uint32_t>(1);
  auto odd = pool->submit<take_turns>(words, 1U, 200U);
  EXPECT_TRUE(take_turns(words, 0, 200));
  EXPECT_TRUE(value_of(odd));
}

TEST_P(Conformance, C14_ASharedWaitEndsAtItsDeadline) {
  const auto pool = make({.workers = 1});
  const auto words = pool->make_shared_buffer<std::int32_t>(1);
  EXPECT_FALSE(shared_wait(words[0], 0, Clock::now()));
  EXPECT_FALSE(shared_wait(words[0], 0, Clock::now() + std::chrono::milliseconds(2)));
  EXPECT_TRUE(shared_wait(words[0], -1, Clock::now()));
  shared_notify_one(words[0]);
}

}  // namespace
}  // namespace twinpool::conformance
