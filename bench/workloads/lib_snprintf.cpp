// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kCalls = 1'000;
constexpr std::uint64_t kLength = 11;  // of "1234.567890"

std::uint64_t print_numbers(std::uint64_t number) {
  std::uint64_t written = 0;
  char text[32];
  for (std::uint64_t i = 0; i < kCalls; ++i) {
    const double value = 1000 + static_cast<double>(mix(number * kCalls + i) % 8'000'000) / 1000;
    written += static_cast<std::uint64_t>(std::snprintf(text, sizeof text, "%f", value));
    asm volatile("" : : "r"(text) : "memory");  // the text counts as read
  }
  return mix(number) + written;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kCalls * kLength; }

}  // namespace

constinit const Workload kLibSnprintf{.name = "lib-snprintf",
                                      .family = "library",
                                      .sentence = "prints 1,000 numbers with snprintf(\"%f\")",
                                      .exercises = "what lib-ostringstream does, without anything shared",
                                      .why = "each call works on the caller's memory alone",
                                      .expected = Expected::kNoDifference,
                                      .margin = 0.1,
                                      .task = &print_numbers,
                                      .answer = &answer};

}  // namespace twinpool::bench
