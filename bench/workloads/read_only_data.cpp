// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"megabytes", "size of the data set in MiB", 64, 1, 16'384}};
constexpr std::size_t kLookUps = 2'000;

std::vector<std::uint64_t> data;
// Made in the process that becomes the root of the pool: loaded before the fork, as servers do it.
void set_up(const Settings& settings) {
  data.resize((settings["megabytes"] << 20) / sizeof(std::uint64_t));
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = mix(settings.seed + i);
}

std::uint64_t look_up(std::uint64_t number) {
  MixSequence random(number);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLookUps; ++i) sum += data[random.below(data.size())];
  return sum;
}

}  // namespace

constinit const Workload kReadOnlyData{
    .name = "read-only-data",
    .family = "data",
    .sentence = "looks 2,000 numbers up in a data set loaded before the pool",
    .exercises = "data that all workers read and none writes",
    .why = "forked workers share the pages until somebody writes; see the memory table for the sum of PSS",
    .parameters = kParameters,
    .expected = Expected::kNoDifference,
    .margin = 0.15,
    .set_up = &set_up,
    .task = &look_up};

}  // namespace twinpool::bench
