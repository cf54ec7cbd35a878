// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// As a library does that thinks it is the whole program: with destructors of statics, in a program whose
/// other threads still run.
void strike(const Scene& /*scene*/) { std::exit(3); }

}  // namespace

constinit const Fault kExit{
    .name = "exit",
    .sentence = "calls exit(3)",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "exit ends the process, and threads live in one"),
    .processes = expect(Answer::kContained, "the process that ends is one worker"),
    .standard = true};

}  // namespace twinpool::bench
