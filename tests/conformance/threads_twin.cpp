// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/twin.h"
#include "threads/thread_pool.h"

namespace twinpool::conformance {

INSTANTIATE_TEST_SUITE_P(Threads, Conformance,
                         ::testing::Values(Twin{"threads",
                                                [](PoolOptions options) -> std::unique_ptr<Pool> {
                                                  return std::make_unique<threads::ThreadPool>(
                                                      std::move(options));
                                                }}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace twinpool::conformance
