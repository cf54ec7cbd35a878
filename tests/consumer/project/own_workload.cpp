// SPDX-License-Identifier: Apache-2.0
// The command `twinpool` with a workload of one's own: no main() here, twinpool::main has it.
#include <twinpool/bench/workload.h>

static std::uint64_t count_bits(std::uint64_t number) {
  std::uint64_t bits = 0;
  for (std::uint64_t n = number; n != 0; n &= n - 1) ++bits;
  return bits;
}

static constexpr twinpool::bench::Workload kBits{.name = "bits",
                                                 .sentence = "counts the bits of its number",
                                                 .exercises = "a program that links twinpool::main",
                                                 .expected = twinpool::bench::Expected::kThreads,
                                                 .task = &count_bits,
                                                 .answer = &count_bits};

TWINPOOL_WORKLOADS(&kBits);
