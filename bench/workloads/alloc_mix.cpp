// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>
#include <new>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"allocations", "allocations in one task", 2000, 1, 10'000'000}};

std::uint64_t allocations = 2000;
void set_up(const Settings& settings) { allocations = settings["allocations"]; }

std::uint64_t allocate(std::uint64_t number) {
  std::array<unsigned char*, 64> alive{};
  MixSequence random(number);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < allocations; ++i) {
    const std::uint64_t draw = random();
    unsigned char*& place = alive[draw % alive.size()];
    if (place != nullptr) sum += *place;
    std::free(place);
    const std::size_t bytes = 16 + (draw >> 8) % 2032;
    place = static_cast<unsigned char*>(std::malloc(bytes));
    if (place == nullptr) throw std::bad_alloc();
    *place = static_cast<unsigned char>(draw >> 40);
  }
  for (unsigned char* place : alive) std::free(place);
  return mix(number) + sum;
}

}  // namespace

constinit const Workload kAllocMix{.name = "alloc-mix",
                                   .family = "memory",
                                   .sentence = "allocates and frees 2,000 blocks of 16 to 2,047 bytes",
                                   .exercises = "the allocator under many workers",
                                   .why = "glibc gives each thread a cache and an arena of its own",
                                   .parameters = kParameters,
                                   .expected = Expected::kNoDifference,
                                   .margin = 0.15,
                                   .set_up = &set_up,
                                   .task = &allocate};

}  // namespace twinpool::bench
