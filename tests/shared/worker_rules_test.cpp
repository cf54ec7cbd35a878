// SPDX-License-Identifier: Apache-2.0
// The pure rules of a worker's life: when it is replaced, how many there are, whether it is stuck, where it runs.
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "shared/affinity.h"
#include "shared/growth.h"
#include "shared/pulse.h"
#include "shared/recycling.h"

namespace twinpool {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Recycling, NeverByDefault) {
  const Recycling never(RecyclingOptions{}, 1.0);
  EXPECT_FALSE(never.any());
  EXPECT_FALSE(never.due(UINT64_MAX, std::chrono::hours(1'000'000), SIZE_MAX));
}

TEST(Recycling, EachLimitAloneIsEnough) {
  const Recycling limits({.max_tasks = 10, .jitter = 0, .max_age = seconds(5), .max_uss_bytes = 1000}, 0.7);
  EXPECT_TRUE(limits.any());
  EXPECT_FALSE(limits.due(9, seconds(4), 1000));
  EXPECT_TRUE(limits.due(10, seconds(0)));
  EXPECT_TRUE(limits.due(0, seconds(5)));
  EXPECT_TRUE(limits.due(0, seconds(0), 1001));
}

TEST(Recycling, JitterShortensByARandomShareUpToItself) {
  const RecyclingOptions options{.max_tasks = 1000, .jitter = 0.1, .max_age = seconds(100), .max_uss_bytes = 1000};
  EXPECT_EQ(Recycling(options, 0).max_tasks(), 1000U);
  EXPECT_EQ(Recycling(options, 0.5).max_tasks(), 950U);
  EXPECT_EQ(Recycling(options, 1).max_tasks(), 900U);
  EXPECT_EQ(Recycling(options, 1).max_age(), seconds(90));
  EXPECT_EQ(Recycling(options, 1).max_uss_bytes(), 900U);
}

TEST(Recycling, ALimitNeverBecomesNever) {
  EXPECT_EQ(Recycling({.max_tasks = 1, .jitter = 1}, 1).max_tasks(), 1U);
  EXPECT_EQ(Recycling({.max_tasks = UINT64_MAX, .jitter = 0}, 1).max_tasks(), UINT64_MAX);
  EXPECT_EQ(Recycling({.max_tasks = UINT64_MAX, .jitter = 1}, 1).max_tasks(), 1U);
}

TEST(Growth, StartsOneForEachTaskThatNobodyWillTake) {
  EXPECT_EQ(workers_to_start(2, 0, 0, 3, {1, 8}), 3);
  EXPECT_EQ(workers_to_start(4, 1, 1, 3, {1, 8}), 1);
  EXPECT_EQ(workers_to_start(4, 2, 1, 3, {1, 8}), 0);
  EXPECT_EQ(workers_to_start(4, 3, 1, 0, {1, 8}), 0);
}

TEST(Growth, StaysWithinTheRange) {
  EXPECT_EQ(workers_to_start(0, 0, 0, 0, {2, 8}), 2);
  EXPECT_EQ(workers_to_start(0, 0, 0, UINT64_MAX, {2, 8}), 8);
  EXPECT_EQ(workers_to_start(8, 0, 0, 100, {2, 8}), 0);
  EXPECT_EQ(workers_to_start(9, 0, 0, 100, {2, 8}), 0) << "after resize to less";
  EXPECT_EQ(workers_to_start(1, 1, 0, 0, {2, 8}), 1);
}

TEST(Growth, AWorkerRetiresAfterItsTimeAndNotBelowTheLeast) {
  EXPECT_TRUE(may_retire(3, 2, seconds(10), seconds(10)));
  EXPECT_FALSE(may_retire(3, 2, milliseconds(9'999), seconds(10)));
  EXPECT_FALSE(may_retire(2, 2, seconds(100), seconds(10)));
}

TEST(Pulse, SaysStuckOnceAndResumedOnce) {
  Pulse pulse(2, seconds(1));
  const Clock::time_point start{};
  EXPECT_EQ(pulse.feed(1, 7, start), Beat::kNone);
  EXPECT_EQ(pulse.feed(1, 7, start + milliseconds(999)), Beat::kNone);
  EXPECT_EQ(pulse.feed(1, 7, start + seconds(1)), Beat::kStuck);
  EXPECT_TRUE(pulse.stuck(1));
  EXPECT_FALSE(pulse.stuck(0));
  EXPECT_EQ(pulse.feed(1, 7, start + seconds(2)), Beat::kNone);
  EXPECT_EQ(pulse.seen_for(1, start + seconds(2)), seconds(2));
  EXPECT_EQ(pulse.feed(1, 8, start + seconds(3)), Beat::kResumed);
  EXPECT_EQ(pulse.feed(1, 8, start + milliseconds(3'999)), Beat::kNone);
  EXPECT_EQ(pulse.feed(1, 8, start + seconds(4)), Beat::kStuck);
  EXPECT_EQ(pulse.feed(1, 0, start + seconds(5)), Beat::kResumed);
}

TEST(Pulse, AnIdleWorkerIsNeverStuck) {
  Pulse pulse(1, seconds(1));
  EXPECT_EQ(pulse.feed(0, 0, Clock::time_point{}), Beat::kNone);
  EXPECT_EQ(pulse.feed(0, 0, Clock::time_point{} + seconds(100)), Beat::kNone);
}

TEST(Pulse, AFreshWorkerIsNotBlamedForTheOldOne) {
  Pulse pulse(1, seconds(1));
  static_cast<void>(pulse.feed(0, 3, Clock::time_point{}));
  EXPECT_EQ(pulse.feed(0, 3, Clock::time_point{} + seconds(1)), Beat::kStuck);
  pulse.forget(0);
  EXPECT_EQ(pulse.feed(0, 0, Clock::time_point{} + seconds(2)), Beat::kNone);
}

TEST(Pulse, LooksOftenEnoughAndNotTooOften) {
  EXPECT_EQ(Pulse(1, milliseconds(400)).look_interval(), milliseconds(100));
  EXPECT_EQ(Pulse(1, milliseconds(1)).look_interval(), milliseconds(1));
  EXPECT_EQ(Pulse(1, seconds(60)).look_interval(), seconds(1));
}

std::vector<int> order_of(Affinity affinity, std::span<const CpuPlace> usable, int workers) {
  std::vector<int> order;
  for (int worker = 0; worker < workers; ++worker) order.push_back(cpu_for(affinity, {}, worker, usable).value());
  return order;
}

TEST(Affinity, SpreadAlternatesPackagesAndLeavesSiblingsForTheEnd) {
  // Two packages of two cores of two siblings, numbered as Linux on x86 numbers them.
  const std::vector<CpuPlace> usable{{0, 0, 0}, {1, 1, 0}, {2, 0, 1}, {3, 1, 1},
                                     {4, 0, 0}, {5, 1, 0}, {6, 0, 1}, {7, 1, 1}};
  EXPECT_EQ(order_of(Affinity::kSpread, usable, 9), (std::vector{0, 2, 1, 3, 4, 6, 5, 7, 0}));
  EXPECT_EQ(order_of(Affinity::kCompact, usable, 9), (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 0}));
}

TEST(Affinity, SpreadOfAPartOfTheMachine) {
  const std::vector<CpuPlace> usable{{3, 1, 1}, {5, 9, 0}, {7, 1, 1}};
  EXPECT_EQ(order_of(Affinity::kSpread, usable, 4), (std::vector{5, 3, 7, 5}));
}

TEST(Affinity, ListAndNone) {
  const std::vector<int> list{4, 2};
  EXPECT_EQ(cpu_for(Affinity::kList, list, 3, {}), 2);
  EXPECT_FALSE(cpu_for(Affinity::kList, {}, 3, {}).has_value());
  EXPECT_FALSE(cpu_for(Affinity::kSpread, {}, 0, {}).has_value());
  EXPECT_FALSE(cpu_for(Affinity::kNone, list, 0, std::vector<CpuPlace>{{}}).has_value());
}

TEST(Affinity, ReadsTopologyAndDoesWithoutIt) {
  std::string pattern = (std::filesystem::temp_directory_path() / "twinpool-topology-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path root = pattern;
  auto places = read_usable_places({root / "proc", root});
  ASSERT_FALSE(places.empty());
  EXPECT_EQ(places[0], (CpuPlace{places[0].cpu, places[0].cpu, 0}));
  const auto topology = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(places[0].cpu)) / "topology";
  std::filesystem::create_directories(topology);
  std::ofstream(topology / "core_id") << "17\n";
  std::ofstream(topology / "physical_package_id") << "-1\n";
  places = read_usable_places({root / "proc", root});
  EXPECT_EQ(places[0], (CpuPlace{places[0].cpu, 17, 0}));
  std::filesystem::remove_all(root);
}

TEST(Affinity, PinsTheCallingThreadAlone) {
  const auto usable = read_usable_places();
  ASSERT_FALSE(usable.empty());
  int error = -1;
  int cpu = -1;
  std::thread([&] {
    error = place_this_thread({.affinity = Affinity::kCompact}, static_cast<int>(usable.size()) - 1, usable);
    cpu = ::sched_getcpu();
  }).join();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(cpu, usable.back().cpu);
  EXPECT_EQ(read_usable_places(), usable);
  EXPECT_EQ(place_this_thread({}, 0, usable), 0);
  EXPECT_EQ(pin_this_thread(-1), EINVAL);
  EXPECT_EQ(pin_this_thread(CPU_SETSIZE), EINVAL);
}

}  // namespace
}  // namespace twinpool
