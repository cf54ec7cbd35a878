// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/mman.h>

#include <atomic>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/event_log.h"
#include "tests/conformance/notebook.h"
#include "tests/conformance/resources.h"

/// PoolOptions::set_up and tear_down; and C14's other half, data that was there before the pool.
namespace twinpool::conformance {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// Made before main and so before any launcher: all workers of both twins see it as one memory.
struct Seen {
  std::atomic<int> set_ups;
  std::atomic<int> tear_downs;
  std::atomic<int> torn_down_ready;
  std::atomic<int> failing;
};
Seen& seen() {
  static Seen* const memory =
      new (mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Seen();
  return *memory;
}
[[maybe_unused]] const Seen& kMadeEarly = seen();
const std::vector<std::uint64_t> kTable = [] {
  std::vector<std::uint64_t> table(1 << 20);
  std::iota(table.begin(), table.end(), std::uint64_t{7});
  return table;
}();

thread_local int own_index = -1;
thread_local int own_workers = -1;
thread_local bool name_is_right = false;

void set_up(const WorkerInfo& info) {
  ++seen().set_ups;
  if (seen().failing.load() != 0) throw std::runtime_error("no database at port 5432");
  own_index = info.index;
  own_workers = info.workers;
  name_is_right = info.pool_name == "painters";
}
void tear_down(const WorkerInfo& info) {
  ++seen().tear_downs;
  if (own_index == info.index && name_is_right) ++seen().torn_down_ready;
}
int index_past_gate(Words gate) {
  pass_gate(std::move(gate));
  return own_workers == 3 && name_is_right ? own_index : -100;
}
std::uint64_t table_at(std::uint64_t i) { return kTable[i]; }
std::uint64_t address_of_table() { return reinterpret_cast<std::uint64_t>(kTable.data()); }

/// Options of the tests below, with nothing counted so far.
PoolOptions painters(int workers, EventCallback on_event = {}) {
  seen().set_ups = seen().tear_downs = seen().torn_down_ready = seen().failing = 0;
  PoolOptions options{.workers = workers};
  options.set_up = set_up;
  options.tear_down = tear_down;
  options.name = "painters";
  options.on_event = std::move(on_event);
  options.processes.restart = {.intensity = 1000,
                               .period = milliseconds(1000),
                               .start_failures = 3,
                               .backoff_first = milliseconds(1),
                               .backoff_limit = milliseconds(5)};
  return options;
}

TEST_P(Conformance, SetUp_RunsInEachWorkerBeforeItsFirstTask) {
  const auto pool = make(painters(3));
  Gate gate(*pool);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool->submit<index_past_gate>(gate.words()));
  ASSERT_TRUE(gate.wait_entered(3));
  gate.open();
  std::vector<int> indices;
  for (auto& future : futures) indices.push_back(value_of(future));
  EXPECT_THAT(indices, UnorderedElementsAre(0, 1, 2));
  EXPECT_EQ(seen().set_ups.load(), 3);
  EXPECT_EQ(seen().tear_downs.load(), 0);
}

TEST_P(Conformance, SetUp_TearDownRunsInEachWorkerThatLeavesInPeace) {
  {
    const auto pool = make(painters(3));
    ASSERT_TRUE(pool->reload(kPatience));
    ASSERT_TRUE(eventually([&] { return seen().tear_downs.load() == 3; }));
    EXPECT_EQ(seen().set_ups.load(), 6);
    ASSERT_TRUE(pool->drain(kPatience));
    EXPECT_EQ(seen().tear_downs.load(), 6);
  }
  EXPECT_EQ(seen().torn_down_ready.load(), 6) << "each in its own worker";
  EXPECT_EQ(seen().set_ups.load(), 6);
}

TEST_P(Conformance, SetUp_TearDownRunsWhenThePoolIsStopped) {
  {
    const auto pool = make(painters(2));
    EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 2; }));
    EXPECT_TRUE(pool->stop(kPatience));
  }
  EXPECT_EQ(seen().tear_downs.load(), 2);
}

TEST_P(Conformance, SetUp_ThatThrowsFromTheBeginningMakesThePoolsMakerThrowItsWords) {
  const auto before = held_now();
  auto options = painters(2);
  seen().failing = 1;
  try {
    const auto pool = make(std::move(options));
    ADD_FAILURE() << "a pool without workers was made";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no database at port 5432"));
  }
  EXPECT_GE(seen().set_ups.load(), 1);
  EXPECT_TRUE(eventually([&] { return held_now() == before; })) << difference(before, held_now());
}

TEST_P(Conformance, SetUp_ThatThrowsLaterLeavesTheOldWorkersWhereTheyAre) {
  EventLog log;
  const auto pool = make(painters(2, log.callback()));
  ASSERT_TRUE(eventually([&] { return pool->stats().workers_alive() == 2; }));
  seen().failing = 1;
  EXPECT_FALSE(pool->reload(milliseconds(100)));
  EXPECT_TRUE(log.wait_for(EventKind::kWorkerLost));
  EXPECT_THAT(log.all_of(EventKind::kWorkerLost).at(0).message, HasSubstr("no database at port 5432"));
  EXPECT_EQ(value_of(pool->submit<table_at>(std::uint64_t{3})), 10U);
  seen().failing = 0;
  EXPECT_TRUE(pool->reload(kPatience));
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 2 && !pool->stats().degraded; }));
}

TEST_P(Conformance, C14_DataBuiltBeforeThePoolIsReadableByTasksWhereItIs) {
  const auto pool = make({.workers = 2});
  for (const std::uint64_t i : {std::uint64_t{0}, std::uint64_t{4711}, std::uint64_t{(1 << 20) - 1}}) {
    EXPECT_EQ(value_of(pool->submit<table_at>(i)), i + 7);
  }
  EXPECT_EQ(value_of(pool->submit<address_of_table>()), address_of_table()) << "the same pages, not a copy";
  EXPECT_EQ(pool->stats().shared_bytes_in_use, 0U);
  EXPECT_LT(pool->stats().bytes_copied, 4096U);
}

}  // namespace
}  // namespace twinpool::conformance
