// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/catalogue.h"
#include "bench/workloads/intake.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/serial_flow.h"

namespace twinpool::bench {
namespace {

class PingPong final : public SerialFlow {
 public:
  explicit PingPong(const Intake& pool) : pool_(pool) {}

 private:
  std::uint64_t request(std::uint64_t number) override { return pool_.submit<mix>(number).get(); }
  [[nodiscard]] std::uint64_t right_answer(std::uint64_t number) const override { return mix(number); }

  Intake pool_;
};

std::unique_ptr<Flow> open(Pool& pool, const FlowOptions& options) {
  return std::make_unique<PingPong>(Intake(pool, options));
}

}  // namespace

// One side always waits for the other, so a lucky wake-up on the same CPU can turn the order of the twins.
constinit const Workload kPingPong{
    .name = "ping-pong",
    .family = "dispatch",
    .sentence = "goes to a worker and back before the next one is sent",
    .exercises = "two switches between the owner and a worker",
    .why = "a switch between threads keeps the address space and its cached translations",
    .expected = Expected::kThreads,
    .margin = 0.1,
    .open = &open};

}  // namespace twinpool::bench
