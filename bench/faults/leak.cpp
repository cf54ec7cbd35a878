// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <system_error>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr rlim_t kHeadroomBytes = rlim_t{64} << 20;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

struct Block {
  Block* next;
  std::byte filling[kBlockBytes - sizeof(Block*)];
};

/// What the kernel counts against RLIMIT_DATA, a little too high (the stack is in it).
rlim_t data_bytes() {
  std::ifstream statm("/proc/self/statm");
  rlim_t size = 0, resident = 0, shared = 0, text = 0, library = 0, data = 0;
  statm >> size >> resident >> shared >> text >> library >> data;
  return data * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

/// Puts the limit near, so that the machine is never in danger.
void limit_memory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0)
    throw std::system_error(errno, std::generic_category(), "getrlimit");
  const rlim_t wanted = data_bytes() + kHeadroomBytes;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= wanted) return;
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_DATA, &limit) != 0)
    throw std::system_error(errno, std::generic_category(), "setrlimit");
}

/// noexcept on purpose: see kLeak.
void leak() noexcept {
  Block* volatile leaked = nullptr;
  while (true) {
    Block* const block = new Block;
    std::memset(block->filling, 0x5a, sizeof block->filling);
    block->next = leaked;
    leaked = block;
  }
}

void strike(const Scene& /*scene*/) {
  limit_memory();
  leak();
}

}  // namespace

/// Allocates and touches memory until its process may have no more: 64 MiB beyond what the process has when
/// the leak begins, as RLIMIT_DATA. The limit is a process's, so threads share it and a worker process has
/// its own.
///
/// A leak does not end in a tidy std::bad_alloc at the task's own `new`. It ends where the next allocation
/// happens to be - most often in code that cannot fail - or by the OOM killer. So the allocation that meets
/// the limit is in a noexcept function, and the exception becomes std::terminate: SIGABRT. A bad_alloc that
/// does reach the task's boundary is an exception like any other, and `throw` shows what becomes of those.
constinit const Fault kLeak{
    .name = "leak",
    .sentence = "allocates until a memory limit of 64 MiB is met",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the limit is the process's, and all threads share it"),
    .processes = expect(Answer::kContained, "each worker has a limit of its own, and dies alone"),
    .standard = true};

}  // namespace twinpool::bench
