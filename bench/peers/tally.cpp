// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/tally.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace twinpool::bench::peers {

Tally& Tally::instance() {
  static Tally* const tally = [] {
    void* const memory =
        ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of the tally");
    return static_cast<Tally*>(memory);  // all zero: what its members begin as
  }();
  return *tally;
}

Tally::Line& Tally::line() noexcept {
  // A fork inherits the line of the thread that forked: that thread is the driver, which never counts.
  constinit thread_local Line* mine = nullptr;
  if (mine == nullptr) {
    const std::size_t index = taken_.fetch_add(1, std::memory_order_relaxed);
    if (index >= kLines) std::abort();
    mine = &lines_[index];
  }
  return *mine;
}

std::uint64_t Tally::sum() const noexcept {
  const std::size_t used = std::min(taken_.load(std::memory_order_acquire), kLines);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < used; ++i) sum += lines_[i].number.load(std::memory_order_acquire);
  return sum;
}

}  // namespace twinpool::bench::peers
