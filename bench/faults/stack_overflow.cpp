// SPDX-License-Identifier: Apache-2.0
#include <climits>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// Not known to the compiler, which would else make a loop of the recursion or refuse it as endless.
volatile int depth_limit = INT_MAX;

__attribute__((noinline)) int descend(int depth) {
  volatile char frame[512];
  frame[depth % 512] = static_cast<char>(depth);
  if (depth == depth_limit) return 0;
  return descend(depth + 1) + frame[depth % 512];
}

void strike(const Scene& /*scene*/) { static_cast<void>(descend(0)); }

}  // namespace

/// Touches every page of the stack on its way to the guard page. The trial bounds the stack where the user
/// has not.
constinit const Fault kStackOverflow{
    .name = "stack-overflow",
    .sentence = "recurses until its stack is used up",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the guard page gives SIGSEGV, and threads live in one process"),
    .processes = expect(Answer::kContained, "the process that ends is one worker")};

}  // namespace twinpool::bench
