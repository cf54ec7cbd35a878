// SPDX-License-Identifier: Apache-2.0
#include "shared/options.h"

#include <gmock/gmock.h>

#include <functional>
#include <stdexcept>
#include <string>

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
  const auto options = validate({});
  EXPECT_EQ(options.workers, std::min(usable_cpus(), kMaxWorkers));
  EXPECT_GE(options.workers, 1);
}

TEST(PoolOptions, AreKeptAsGivenWithinTheirLimits) {
  PoolOptions given{
      .workers = kMaxWorkers, .queue_capacity = kMaxQueueCapacity, .block_limit = milliseconds(0)};
  given.processes.max_shared_bytes = 64 << 10;
  const auto options = validate(given);
  EXPECT_EQ(options.workers, kMaxWorkers);
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

  const auto shared = complaint([](auto& o) { o.processes.max_shared_bytes = 65'535; });
  EXPECT_THAT(shared, HasSubstr("max_shared_bytes is 65535"));
  EXPECT_THAT(shared, HasSubstr("65536"));
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
