// SPDX-License-Identifier: Apache-2.0
#include "processes/launcher.h"
#include "processes/process_pool.h"
#include "tests/conformance/twin.h"

namespace twinpool::conformance {
namespace {

/// Several tests make a pool while the program has threads, which takes a launcher that was started before.
class EarlyLauncher : public ::testing::Environment {
 public:
  void SetUp() override { launcher_ = processes::Launcher::start(); }
  void TearDown() override { launcher_.reset(); }

 private:
  std::shared_ptr<processes::Launcher> launcher_;
};

[[maybe_unused]] const auto* const kLauncher =
    ::testing::AddGlobalTestEnvironment(new EarlyLauncher);  // GoogleTest owns it

}  // namespace

INSTANTIATE_TEST_SUITE_P(Processes, Conformance,
                         ::testing::Values(Twin{"processes",
                                                [](PoolOptions options) -> std::unique_ptr<Pool> {
                                                  return std::make_unique<processes::ProcessPool>(
                                                      std::move(options));
                                                }}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace twinpool::conformance
