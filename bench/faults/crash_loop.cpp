// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

/// Fewer than RestartOptions::start_failures, so that the pool does not become degraded.
constexpr std::uint64_t kCrashes = 5;

void strike(const Scene& scene) {
  scene.page.marks[kSetUpCrashes] = kCrashes;
  write_through_null();
}

}  // namespace

/// A bad configuration has arrived: a worker crashes, and so do its first five replacements, in their set-up.
constinit const Fault kCrashLoop{
    .name = "crash-loop",
    .sentence = "crashes, and so do five replacements in their set-up",
    .strike = strike,
    .threads = expect(Answer::kProgramDied, "the first crash ends the process"),
    .processes =
        expect(Answer::kContained, "replacements are tried at growing intervals; the others work on"),
    .standard = true};

}  // namespace twinpool::bench
