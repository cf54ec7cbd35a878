// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr int kCopies = 20'000;

std::shared_ptr<const std::uint64_t> shared;
void set_up(const Settings&) { shared = std::make_shared<const std::uint64_t>(1); }

std::uint64_t copy_pointer(std::uint64_t number) {
  std::uint64_t sum = mix(number);
  for (int i = 0; i < kCopies; ++i) {
    const std::shared_ptr<const std::uint64_t> copy = shared;
    asm volatile("" : : "r"(copy.get()) : "memory");  // else the pair of additions is optimized away
    sum += *copy;
  }
  return sum;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kCopies; }

}  // namespace

constinit const Workload kLibSharedPtr{
    .name = "lib-shared-ptr",
    .family = "library",
    .sentence = "copies one global shared_ptr 20,000 times",
    .exercises = "the reference count of an object that all use",
    .why = "single-threaded processes count without atomic operations and each on its own copy",
    .expected = Expected::kProcesses,
    .margin = 0.1,
    .set_up = &set_up,
    .task = &copy_pointer,
    .answer = &answer};

}  // namespace twinpool::bench
