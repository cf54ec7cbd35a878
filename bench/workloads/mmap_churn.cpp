// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <cerrno>
#include <system_error>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"maps", "mappings in one task", 40, 1, 100'000},
                                     {"touch", "pages of each that are written", 0, 0, 16}};
constexpr std::size_t kPage = 4096;
constexpr std::size_t kMapBytes = 16 * kPage;

std::uint64_t maps = 40;
std::uint64_t touch = 0;
void set_up(const Settings& settings) {
  maps = settings["maps"];
  touch = settings["touch"];
}

std::uint64_t churn(std::uint64_t number) {
  std::uint64_t sum = mix(number);
  for (std::uint64_t i = 0; i < maps; ++i) {
    void* const memory = mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    auto* const bytes = static_cast<volatile unsigned char*>(memory);
    for (std::uint64_t page = 0; page < touch; ++page) {
      bytes[page * kPage] = 1;
      sum += bytes[page * kPage];
    }
    munmap(memory, kMapBytes);
  }
  return sum;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + maps * touch; }

}  // namespace

constinit const Workload kMmapChurn{.name = "mmap-churn",
                                    .family = "memory",
                                    .sentence = "maps and unmaps 64 KiB, 40 times",
                                    .exercises = "the lock over an address space",
                                    .why = "threads share one address space and the kernel's lock over it",
                                    .parameters = kParameters,
                                    .expected = Expected::kProcesses,
                                    .margin = 0.1,
                                    .set_up = &set_up,
                                    .task = &churn,
                                    .answer = &answer};

}  // namespace twinpool::bench
