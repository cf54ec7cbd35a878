// SPDX-License-Identifier: Apache-2.0
// Stands before the heap of the C library and counts what is asked of it, by anybody: operator new ends here, too.
#include <cerrno>
#include <cstddef>

#include "bench/life/allocation_counter.h"
#include "bench/trial.h"

extern "C" {
void* __libc_malloc(std::size_t bytes) noexcept;                         // NOLINT: glibc's names
void* __libc_calloc(std::size_t number, std::size_t bytes) noexcept;     // NOLINT
void* __libc_realloc(void* memory, std::size_t bytes) noexcept;          // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t bytes) noexcept;  // NOLINT
}

namespace {

/// In memory that the pool's processes share.
void count() noexcept {
  if (twinpool::bench::TrialPage* const page = twinpool::bench::trial_page()) {
    page->marks[twinpool::bench::life::kAllocations].fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) noexcept {
  count();
  return __libc_malloc(bytes);
}

void* calloc(std::size_t number, std::size_t bytes) noexcept {
  count();
  return __libc_calloc(number, bytes);
}

void* realloc(void* memory, std::size_t bytes) noexcept {
  count();
  return __libc_realloc(memory, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count();
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  count();
  *memory = __libc_memalign(alignment, bytes);
  return *memory != nullptr ? 0 : ENOMEM;
}
}
