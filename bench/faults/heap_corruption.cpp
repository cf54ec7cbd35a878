// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// Too large for glibc's per-thread cache, whose entries are checked less.
constexpr std::size_t kBlockBytes = 4096;
/// Not known to the compiler, which would else see that the writes leave the block.
volatile std::size_t written = kBlockBytes + 64;

__attribute__((no_sanitize("address"))) void strike(const Scene& /*scene*/) {
  volatile char* const block = static_cast<volatile char*>(std::malloc(kBlockBytes));
  void* volatile const neighbour = std::malloc(kBlockBytes);
  if (block == nullptr || neighbour == nullptr) std::abort();
  for (std::size_t i = 0; i < written; ++i) block[i] = 0x41;
  std::free(const_cast<char*>(block));
  std::free(neighbour);
}

}  // namespace

/// Writes 64 bytes beyond its block, over the allocator's own words and the neighbour's data. glibc notices
/// when one of the blocks is freed and calls abort(); until then, whatever lay there was already wrong.
///
/// Source: malloc/malloc.c of glibc 2.36, _int_free: "free(): invalid next size".
constinit const Fault kHeapCorruption{
    .name = "heap-corruption",
    .sentence = "writes beyond the end of a heap block, then frees it",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the allocator calls abort(), and all threads share its heap"),
    .processes = expect(Answer::kContained, "each worker has a heap of its own"),
    .standard = true};

}  // namespace twinpool::bench
