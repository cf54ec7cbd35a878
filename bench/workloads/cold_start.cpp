// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "bench/backend.h"
#include "bench/workloads/catalogue.h"
#include "bench/workloads/intake.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/serial_flow.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {
    {"megabytes", "memory of the program beside the pool, in MiB", 32, 0, 16'384}};

std::vector<unsigned char> beside;
void set_up(const Settings& settings) { beside.assign(settings["megabytes"] << 20, 1); }

class ColdStart final : public SerialFlow {
 public:
  explicit ColdStart(const FlowOptions& options) : flow_(options) {
    options_.workers = options.workers;
  }

 private:
  std::uint64_t request(std::uint64_t number) override {
    const auto pool = make_pool(flow_.backend, options_);
    return Intake(*pool, flow_).submit<mix>(number).get();
  }
  [[nodiscard]] std::uint64_t right_answer(std::uint64_t number) const override { return mix(number); }

  FlowOptions flow_;
  PoolOptions options_;
};

std::unique_ptr<Flow> open(Pool&, const FlowOptions& options) { return std::make_unique<ColdStart>(options); }

}  // namespace

constinit const Workload kColdStart{
    .name = "cold-start",
    .family = "life",
    .sentence = "makes a pool, takes one result from it and ends it",
    .exercises = "from nothing to the first result, beside a program with memory of its own",
    .why = "a thread starts in microseconds; a fork copies page tables and sets up a segment",
    .parameters = kParameters,
    .expected = Expected::kThreads,
    .margin = 0.1,
    .set_up = &set_up,
    .open = &open};

}  // namespace twinpool::bench
