// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kCalls = 1'000;

std::uint64_t split_times(std::uint64_t number) {
  std::uint64_t sum = mix(number);
  for (std::uint64_t i = 0; i < kCalls; ++i) {
    const auto time = static_cast<std::time_t>(mix(number * kCalls + i) % 2'000'000'000);
    std::tm parts{};
    if (localtime_r(&time, &parts) != nullptr) sum += static_cast<std::uint64_t>(parts.tm_yday);
  }
  return sum;
}

}  // namespace

constinit const Workload kLibLocaltime{
    .name = "lib-localtime",
    .family = "library",
    .sentence = "splits 1,000 times into date and time with localtime_r",
    .exercises = "the lock over the time zone in the C library",
    .why = "localtime_r is safe for threads because it takes a global lock",
    .expected = Expected::kProcesses,
    .margin = 0.1,
    .task = &split_times};

}  // namespace twinpool::bench
