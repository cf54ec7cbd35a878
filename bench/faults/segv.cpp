// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) { write_through_null(); }

}  // namespace

constinit const Fault kSegv{
    .name = "segv",
    .sentence = "writes through a null pointer",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "a fatal signal ends the process, and threads live in one"),
    .processes = expect(Answer::kContained, "the process that ends is one worker"),
    .standard = true};

}  // namespace twinpool::bench
