// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <cerrno>
#include <system_error>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"rounds", "pages given back in one task", 40, 1, 100'000}};
constexpr std::size_t kPage = 4096;

std::uint64_t rounds = 40;
void set_up(const Settings& settings) { rounds = settings["rounds"]; }

std::uint64_t give_back(std::uint64_t number) {
  void* const memory = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  auto* const bytes = static_cast<volatile unsigned char*>(memory);
  std::uint64_t left = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    bytes[0] = 1;
    if (madvise(memory, kPage, MADV_DONTNEED) != 0)
      throw std::system_error(errno, std::generic_category(), "madvise");
    left += bytes[0];  // a page that was given back reads as zeros
  }
  munmap(memory, kPage);
  return mix(number) + left;
}

}  // namespace

constinit const Workload kMadvise{.name = "madvise",
                                  .family = "memory",
                                  .sentence = "writes a page and gives it back with MADV_DONTNEED, 40 times",
                                  .exercises = "page faults and flushes, as allocators cause them",
                                  .why = "the flushes reach the CPUs of all threads of the address space",
                                  .parameters = kParameters,
                                  .expected = Expected::kProcesses,
                                  .margin = 0.1,
                                  .set_up = &set_up,
                                  .task = &give_back,
                                  .answer = &mix};

}  // namespace twinpool::bench
