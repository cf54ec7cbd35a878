// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/shared_map.h"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace twinpool::bench {

void* map_shared(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "cannot map memory that all workers share");
  return memory;
}

}  // namespace twinpool::bench
