// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <cerrno>
#include <system_error>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"toggles", "changes of protection in one task", 40, 1, 100'000}};
constexpr std::size_t kPage = 4096;
constexpr std::size_t kMapBytes = 16 * kPage;

std::uint64_t toggles = 40;
void set_up(const Settings& settings) { toggles = settings["toggles"]; }

std::uint64_t toggle(std::uint64_t number) {
  void* const memory = mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  auto* const bytes = static_cast<volatile unsigned char*>(memory);
  std::uint64_t failures = 0;
  for (std::uint64_t i = 0; i < toggles; ++i) {
    bytes[(i % 16) * kPage] = 1;  // what is not in a TLB need not be flushed from it
    if (mprotect(memory, kMapBytes, PROT_READ) != 0) ++failures;
    if (mprotect(memory, kMapBytes, PROT_READ | PROT_WRITE) != 0) ++failures;
  }
  munmap(memory, kMapBytes);
  return mix(number) + failures;
}

}  // namespace

constinit const Workload kMprotect{
    .name = "mprotect",
    .family = "memory",
    .sentence = "takes the right to write from 64 KiB and gives it back, 40 times",
    .exercises = "flushing page table entries from the CPUs",
    .why = "each change interrupts every CPU that runs another thread of the same address space",
    .parameters = kParameters,
    .expected = Expected::kProcesses,
    .margin = 0.1,
    .set_up = &set_up,
    .task = &toggle,
    .answer = &mix};

}  // namespace twinpool::bench
