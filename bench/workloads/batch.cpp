// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"batch", "items in one task", 64, 1, 1'000'000}};
constexpr int kStepsOfItem = 200;  // about half a microsecond: too little for a task of its own

std::uint64_t batch = 64;
void set_up(const Settings& settings) { batch = settings["batch"]; }

std::uint64_t run_batch(std::uint64_t number) {
  std::uint64_t sum = 0;
  for (std::uint64_t item = 0; item < batch; ++item) {
    std::uint64_t x = number * batch + item;
    for (int step = 0; step < kStepsOfItem; ++step) x = mix(x);
    sum += x;
  }
  return sum;
}

}  // namespace

constinit const Workload kBatch{.name = "batch",
                                .family = "dispatch",
                                .sentence = "works on 64 small items in one task",
                                .exercises = "dispatch when each hand-over carries many items",
                                .why = "the cost of the hand-over is shared by the whole batch",
                                .parameters = kParameters,
                                .expected = Expected::kNoDifference,
                                .margin = 0.1,
                                .set_up = &set_up,
                                .task = &run_batch};

}  // namespace twinpool::bench
