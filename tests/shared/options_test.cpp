// SPDX-License-Identifier: Apache-2.0
#include "shared/options.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "shared/usable_cpus.h"

namespace twinpool {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// The sentence that validate() has for options changed by `change`; empty when it accepts them.
std::string complaint(const std::function<void(PoolOptions&)>& change) {
  PoolOptions options;
  change(options);
  try {
    static_cast<void>(validate(options));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(PoolOptions, DefaultsAreValidAndGiveOneWorkerAUsableCpu) {
  const auto options = validate(PoolOptions{});
  EXPECT_EQ(options.workers, WorkerRange(std::min(usable_cpus(), kMaxWorkers)));
  EXPECT_GE(options.workers.min, 1);
}

TEST(PoolOptions, AreKeptAsGivenWithinTheirLimits) {
  PoolOptions given{
      .workers = kMaxWorkers, .queue_capacity = kMaxQueueCapacity, .block_limit = milliseconds(0)};
  given.processes.max_shared_bytes = 64 << 10;
  const auto options = validate(given);
  EXPECT_EQ(options.workers, WorkerRange(kMaxWorkers));
  EXPECT_EQ(options.queue_capacity, kMaxQueueCapacity);
  EXPECT_EQ(options.block_limit, milliseconds(0));
  EXPECT_EQ(options.processes.max_shared_bytes, std::size_t{64} << 10);
}

TEST(PoolOptions, AComplaintNamesTheOptionItsValueAndItsLimits) {
  const auto workers = complaint([](auto& o) { o.workers = 257; });
  EXPECT_THAT(workers, HasSubstr("workers"));
  EXPECT_THAT(workers, HasSubstr("257"));
  EXPECT_THAT(workers, HasSubstr("256"));
  EXPECT_THAT(complaint([](auto& o) { o.workers = -1; }), HasSubstr("-1"));

  const auto capacity = complaint([](auto& o) { o.queue_capacity = 0; });
  EXPECT_THAT(capacity, HasSubstr("queue_capacity is 0"));
  EXPECT_THAT(capacity, HasSubstr(std::to_string(kMaxQueueCapacity)));
  EXPECT_THAT(complaint([](auto& o) { o.queue_capacity = kMaxQueueCapacity + 1; }),
              HasSubstr("queue_capacity"));

  EXPECT_THAT(complaint([](auto& o) { o.processes.hot_spares = 65; }), HasSubstr("hot_spares is 65; it must be 0 to 64"));
  const auto shared = complaint([](auto& o) { o.processes.max_shared_bytes = 65'535; });
  EXPECT_THAT(shared, HasSubstr("max_shared_bytes is 65535"));
  EXPECT_THAT(shared, HasSubstr("65536"));
}

TEST(PoolOptions, AWorkerRangeHasALeastAndAMost) {
  EXPECT_EQ(complaint([](auto& o) { o.workers = {2, 8}; }), "");
  EXPECT_THAT(complaint([](auto& o) { o.workers = {8, 2}; }),
              HasSubstr("workers.min is 8 and workers.max is 2; min must not be larger than max"));
  EXPECT_THAT(complaint([](auto& o) { o.workers = {0, 4}; }), HasSubstr("keeps at least 1 worker"));
  EXPECT_THAT(complaint([](auto& o) { o.workers = {1, 257}; }), HasSubstr("workers is 257"));
  EXPECT_THAT(complaint([](auto& o) { o.workers = {-1, 4}; }), HasSubstr("workers is -1"));
  EXPECT_THAT(complaint([](auto& o) { o.idle_timeout = milliseconds(0); }), HasSubstr("idle_timeout is 0"));
}

TEST(PoolOptions, WeightsNameEveryWorkerOfAStrategyThatLooksAtThem) {
  const auto with_weights = [](Strategy strategy, std::vector<int> weights) {
    return complaint([&](auto& o) {
      o.workers = 3;
      o.dispatch.strategy = strategy;
      o.dispatch.weights = weights;
    });
  };
  EXPECT_EQ(with_weights(Strategy::kWeightedRoundRobin, {3, 1, 2}), "");
  EXPECT_EQ(with_weights(Strategy::kInterleavedWeightedRoundRobin, {1, 1, 1000}), "");
  EXPECT_EQ(with_weights(Strategy::kWeightedRoundRobin, {3, 1}),
            "dispatch.weights names 2 workers; weighted-round-robin needs one weight for each of the 3");
  EXPECT_THAT(with_weights(Strategy::kWeightedRoundRobin, {}), HasSubstr("names 0 workers"));
  EXPECT_THAT(with_weights(Strategy::kWeightedRoundRobin, {1, 0, 1}), HasSubstr("has a 0; each weight must be 1"));
  EXPECT_THAT(with_weights(Strategy::kWeightedRoundRobin, {1, 1, 1001}), HasSubstr("has a 1001"));
  EXPECT_THAT(with_weights(Strategy::kRoundRobin, {1, 1, 1}), HasSubstr("round-robin does not look at weights"));
}

TEST(PoolOptions, AUsersRuleGoesWithTheCustomStrategy) {
  const auto first = [](std::span<const WorkerLoad>) { return 0; };
  EXPECT_THAT(complaint([](auto& o) { o.dispatch.strategy = Strategy::kCustom; }),
              HasSubstr("dispatch.choose is empty"));
  EXPECT_THAT(complaint([&](auto& o) { o.dispatch.choose = first; }), HasSubstr("strategy is not custom"));
  EXPECT_EQ(complaint([&](auto& o) {
              o.dispatch.strategy = Strategy::kCustom;
              o.dispatch.choose = first;
            }),
            "");
}

TEST(PoolOptions, ComplaintsAboutLimits) {
  using std::chrono::nanoseconds;
  EXPECT_THAT(complaint([](auto& o) { o.wait_limit = nanoseconds(-1); }), HasSubstr("wait_limit is negative"));
  EXPECT_THAT(complaint([](auto& o) { o.run_limit = nanoseconds(-1); }), HasSubstr("run_limit is negative"));
  EXPECT_THAT(complaint([](auto& o) { o.grace = milliseconds(-1); }), HasSubstr("grace is negative"));
  EXPECT_THAT(complaint([](auto& o) { o.stuck_after = milliseconds(-1); }), HasSubstr("stuck_after is negative"));
  EXPECT_THAT(complaint([](auto& o) { o.max_spares = -1; }), HasSubstr("max_spares is -1; it must be 0 to 64"));
  EXPECT_THAT(complaint([](auto& o) { o.max_spares = 65; }), HasSubstr("max_spares is 65"));
  EXPECT_THAT(complaint([](auto& o) { o.quarantine = 0; }), HasSubstr("quarantine is 0; it must be 1"));
}

TEST(PoolOptions, ComplaintsAboutRecyclingAffinityAndName) {
  EXPECT_THAT(complaint([](auto& o) { o.recycling.jitter = 1.5; }), HasSubstr("recycling.jitter"));
  EXPECT_THAT(complaint([](auto& o) { o.recycling.jitter = std::nan(""); }), HasSubstr("recycling.jitter"));
  EXPECT_THAT(complaint([](auto& o) { o.recycling.max_age = milliseconds(-1); }), HasSubstr("recycling.max_age"));
  EXPECT_THAT(complaint([](auto& o) { o.affinity = Affinity::kList; }), HasSubstr("affinity_cpus is empty"));
  EXPECT_THAT(complaint([](auto& o) { o.affinity_cpus = {1}; }), HasSubstr("affinity is not a list"));
  EXPECT_THAT(complaint([](auto& o) {
                o.affinity = Affinity::kList;
                o.affinity_cpus = {0, 1024};
              }),
              HasSubstr("has a 1024; CPUs are 0 to 1023"));
  EXPECT_THAT(complaint([](auto& o) { o.name = ""; }), HasSubstr("name has 0 bytes"));
  EXPECT_THAT(complaint([](auto& o) { o.name = std::string(65, 'x'); }), HasSubstr("name has 65 bytes"));
  EXPECT_THAT(complaint([](auto& o) { o.name = "a\nb"; }), HasSubstr("no line break"));
}

TEST(PoolOptions, ComplaintsAboutProcesses) {
  EXPECT_THAT(complaint([](auto& o) { o.processes.nice = 20; }), HasSubstr("processes.nice is 20; it must be -20"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.nice = -21; }), HasSubstr("processes.nice is -21"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.backoff_jitter = 2; }), HasSubstr("backoff_jitter"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.keep_descriptors.assign(101, 0); }),
              HasSubstr("keep_descriptors names 101"));
}

TEST(PoolOptions, ForEverIsAYear) {
  const auto options = validate(PoolOptions{.stop_limit = milliseconds::max()});
  EXPECT_EQ(options.stop_limit, std::chrono::hours(24 * 365));
  PoolOptions longest;
  longest.grace = longest.stuck_after = longest.recycling.max_age = milliseconds::max();
  longest.run_limit = longest.wait_limit = std::chrono::nanoseconds::max();
  longest = validate(longest);
  const auto far = std::chrono::steady_clock::now() + longest.run_limit + longest.grace;
  EXPECT_GT(far, std::chrono::steady_clock::now());
  EXPECT_EQ(longest.stuck_after, std::chrono::hours(24 * 365));
}

std::string complaint_about(const with& options) {
  try {
    validate(options);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(SubmissionOptions, ComplaintsNameOptionValueAndLimits) {
  using std::chrono::nanoseconds;
  EXPECT_EQ(complaint_about({}), "");
  EXPECT_EQ(complaint_about({.priority = -20, .wait_limit = nanoseconds(1), .retry = 1000}), "");
  EXPECT_EQ(complaint_about({.priority = 20}), "priority is 20; it must be -20 to 19");
  EXPECT_THAT(complaint_about({.priority = -21}), HasSubstr("priority is -21"));
  EXPECT_THAT(complaint_about({.wait_limit = nanoseconds(0)}), HasSubstr("wait_limit is 0 or less"));
  EXPECT_THAT(complaint_about({.run_limit = nanoseconds(-5)}), HasSubstr("run_limit is 0 or less"));
  EXPECT_THAT(complaint_about({.run_limit = nanoseconds::max()}), HasSubstr("longer than a year"));
  EXPECT_THAT(complaint_about({.retry = -1}), HasSubstr("retry is -1; it must be 0 to 1000"));
  EXPECT_THAT(complaint_about({.retry = 1001}), HasSubstr("retry is 1001"));
}

TEST(PoolOptions, ComplaintsAboutTimesAndRestarts) {
  EXPECT_THAT(complaint([](auto& o) { o.block_limit = milliseconds(-1); }), HasSubstr("block_limit"));
  EXPECT_THAT(complaint([](auto& o) { o.stop_limit = milliseconds(-1); }), HasSubstr("stop_limit"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.intensity = 0; }),
              HasSubstr("restart.intensity is 0"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.start_failures = 0; }),
              HasSubstr("restart.start_failures is 0"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.period = milliseconds(0); }),
              HasSubstr("restart.period"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.backoff_first = milliseconds(0); }),
              HasSubstr("restart.backoff_first"));
  EXPECT_THAT(complaint([](auto& o) { o.processes.restart.backoff_limit = milliseconds(9); }),
              HasSubstr("restart.backoff_limit"));
}

}  // namespace
}  // namespace twinpool
