// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <system_error>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr rlim_t kHeadroomBytes = rlim_t{256} << 20;
constexpr std::size_t kBlockBytes = std::size_t{8} << 20;

/// Gives: null when there was no room. Never touched: address space and no memory is used up.
void* take(std::size_t bytes) {
  void* const block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? nullptr : block;
}

void strike(const Scene& /*scene*/) {
  std::ifstream statm("/proc/self/statm");
  rlim_t pages = 0;
  statm >> pages;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur =
      std::min(limit.rlim_cur, pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + kHeadroomBytes);
  if (setrlimit(RLIMIT_AS, &limit) != 0) throw std::system_error(errno, std::generic_category(), "setrlimit");
  void* last = nullptr;
  while (void* const block = take(kBlockBytes)) last = block;
  // Small needs can still be met, so that the program goes on.
  if (last != nullptr) munmap(last, kBlockBytes);
}

bool feel(const Scene& /*scene*/) {
  void* const block = take(2 * kBlockBytes);
  if (block == nullptr) return true;
  munmap(block, 2 * kBlockBytes);
  return false;
}

}  // namespace

/// Takes and keeps blocks of 8 MiB until the process may have no more, 256 MiB beyond what it had, as
/// RLIMIT_AS; then goes on as if nothing had happened. Whoever else needs 16 MiB is refused them. (`leak` is
/// the other end of it: the process that runs out and does not survive it.)
constinit const Fault kOutOfMemory{
    .name = "out-of-memory",
    .sentence = "keeps memory until no large block is left",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "the address space is the process's"),
    .processes =
        expect(Answer::kWorkerTainted, "only the struck worker's; it stays full until it is recycled"),
    .feel = feel};

}  // namespace twinpool::bench
