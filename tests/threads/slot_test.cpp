// SPDX-License-Identifier: Apache-2.0
#include "threads/slot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "threads/pool_core.h"

namespace twinpool::threads {
namespace {

/// A pool's core without threads: nobody runs anything. ASan's leak check sees whether it goes away.
struct Core {
  Core() : core(PoolCore::make(validate({.workers = 1}))) {}
  ~Core() { core.retire(); }
  PoolCore& core;
};

TEST(SlotArena, GivesTheWarmestSlotFirst) {
  Core core;
  SlotArena& arena = core.core.arena();
  TaskSlot& first = arena.acquire();
  TaskSlot& second = arena.acquire();
  EXPECT_NE(&first, &second);
  arena.give_back(first);
  arena.give_back(second);
  EXPECT_EQ(&arena.acquire(), &second);
  EXPECT_EQ(&arena.acquire(), &first);
  arena.give_back(first);
  arena.give_back(second);
}

TEST(SlotArena, GrowsOnlyWhenEverySlotIsOut) {
  Core core;
  SlotArena& arena = core.core.arena();
  std::vector<TaskSlot*> out;
  std::set<std::uint32_t> indexes;
  for (int i = 0; i < 5000; ++i) {
    out.push_back(&arena.acquire());
    indexes.insert(out.back()->index());
  }
  EXPECT_EQ(indexes.size(), out.size());
  const std::uint32_t before = arena.constructed();
  for (TaskSlot* slot : out) arena.give_back(*slot);
  // Another thread has another list of its own, and takes from this one's.
  std::thread([&] {
    for (auto& slot : out) slot = &arena.acquire();
    for (TaskSlot* slot : out) arena.give_back(*slot);
  }).join();
  EXPECT_EQ(arena.constructed(), before);
}

TEST(SlotArena, TakesChainsBack) {
  Core core;
  SlotArena& arena = core.core.arena();
  TaskSlot& first = arena.acquire();
  TaskSlot& second = arena.acquire();
  std::vector<TaskSlot*> rest;
  while (rest.size() + 2 < arena.constructed()) rest.push_back(&arena.acquire());
  first.next_free.store(second.index());
  arena.give_back_chain(first, second, 2);
  EXPECT_EQ(&arena.acquire(), &first);
  EXPECT_EQ(&arena.acquire(), &second);
  for (TaskSlot* slot : rest) arena.give_back(*slot);
  arena.give_back(first);
  arena.give_back(second);
}

TEST(SlotArena, NeverGivesASlotTwice) {
  Core core;
  SlotArena& arena = core.core.arena();
  std::vector<std::atomic<int>> owners(1 << 16);
  std::atomic<int> clashes{0};
  const auto use = [&](unsigned seed) {
    std::vector<TaskSlot*> out;
    for (int i = 0; i < 20'000; ++i) {
      seed = seed * 1664525 + 1013904223;
      if (out.empty() || (out.size() < 8 && (seed >> 16) % 2 == 0)) {
        TaskSlot& slot = arena.acquire();
        if (owners[slot.index()].fetch_add(1) != 0) clashes.fetch_add(1);
        out.push_back(&slot);
      } else {
        owners[out.back()->index()].fetch_sub(1);
        arena.give_back(*out.back());
        out.pop_back();
      }
    }
    for (TaskSlot* slot : out) {
      owners[slot->index()].fetch_sub(1);
      arena.give_back(*slot);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(use, i);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clashes.load(), 0);
}

TEST(SlotArena, KeepsTheCoreUntilTheLastSlotIsBack) {
  PoolCore& core = PoolCore::make(validate({.workers = 1}));
  SlotArena& arena = core.arena();
  TaskSlot& first = arena.acquire();
  TaskSlot& second = arena.acquire();
  core.retire();
  EXPECT_EQ(first.word() & slot_bits::kHeld, 0U);  // the memory is still there
  arena.give_back(first);
  EXPECT_EQ(second.word() & slot_bits::kHeld, 0U);
  arena.give_back(second);  // and now it goes, or the leak check finds it
}

TEST(SlotArena, SurvivesSlotsComingBackWhileThePoolGoes) {
  for (int round = 0; round < 200; ++round) {
    PoolCore& core = PoolCore::make(validate({.workers = 1}));
    std::vector<TaskSlot*> out;
    for (int i = 0; i < 8; ++i) out.push_back(&core.arena().acquire());
    std::thread other([&] {
      for (TaskSlot* slot : out) core.arena().give_back(*slot);
    });
    core.retire();
    other.join();
  }
}

}  // namespace
}  // namespace twinpool::threads
