// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/intake.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/serial_flow.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"parts", "tasks of one request", 8, 1, 4096}};
constexpr int kSteps = 20'000;  // about 40 us

// The work itself is not part of the result, so that checking a request does not cost as much as it did.
std::uint64_t part(std::uint64_t number) {
  volatile std::uint64_t worked = number;
  for (int step = 0; step < kSteps; ++step) worked = mix(worked);
  return number + 1;
}

void shape(PoolOptions& options, const Settings& settings) {
  if (options.queue_capacity < settings["parts"]) options.queue_capacity = settings["parts"];
}

class FanOut final : public SerialFlow {
 public:
  FanOut(const Intake& pool, std::uint64_t parts) : pool_(pool), parts_(parts) {}

 private:
  std::uint64_t request(std::uint64_t number) override {
    std::vector<Future<std::uint64_t>> futures;
    futures.reserve(parts_);
    for (std::uint64_t i = 0; i < parts_; ++i) futures.push_back(pool_.submit<part>(number * parts_ + i));
    std::uint64_t sum = 0;
    for (auto& future : futures) sum += mix(future.get());
    return sum;
  }
  [[nodiscard]] std::uint64_t right_answer(std::uint64_t number) const override {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < parts_; ++i) sum += mix(number * parts_ + i + 1);
    return sum;
  }

  Intake pool_;
  std::uint64_t parts_;
};

std::unique_ptr<Flow> open(Pool& pool, const FlowOptions& options) {
  return std::make_unique<FanOut>(Intake(pool, options),
                                  options.parameters.empty() ? kParameters[0].value : options.parameters[0]);
}

}  // namespace

constinit const Workload kFanOut{.name = "fan-out",
                                 .family = "dispatch",
                                 .sentence = "is a request of 8 tasks that waits for the slowest of them",
                                 .exercises = "requests that are spread over the workers",
                                 .why = "each part outweighs its hand-over",
                                 .parameters = kParameters,
                                 .expected = Expected::kNoDifference,
                                 .margin = 0.15,
                                 .shape = &shape,
                                 .open = &open};

}  // namespace twinpool::bench
