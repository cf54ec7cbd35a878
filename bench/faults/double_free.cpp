// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

__attribute__((no_sanitize("address"))) void strike(const Scene& /*scene*/) {
  void* volatile block = std::malloc(64);
  void* volatile again = block;
  std::free(block);
  std::free(again);
}

}  // namespace

/// glibc finds the block in its per-thread cache and calls abort().
///
/// Source: malloc/malloc.c of glibc 2.36, _int_free: "free(): double free detected in tcache 2".
constinit const Fault kDoubleFree{
    .name = "double-free",
    .sentence = "frees a heap block twice",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the allocator calls abort(), which ends the process"),
    .processes = expect(Answer::kContained, "the process that ends is one worker")};

}  // namespace twinpool::bench
