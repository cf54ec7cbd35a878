// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) { std::abort(); }

}  // namespace

/// What a failed assertion, a corrupted heap and an exception out of a noexcept function end in.
constinit const Fault kAbort{
    .name = "abort",
    .sentence = "calls abort()",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "a fatal signal ends the process, and threads live in one"),
    .processes = expect(Answer::kContained, "the process that ends is one worker")};

}  // namespace twinpool::bench
