// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <string_view>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr const char* kVariable = "TWINPOOL_DRILL";
constexpr const char* kCalm = "calm";

std::string prepare() {
  setenv(kVariable, kCalm, 1);
  return "";
}

/// The variable is there already, so the list of variables does not move while other threads read it.
void strike(const Scene& /*scene*/) { setenv(kVariable, "struck", 1); }

bool feel(const Scene& /*scene*/) {
  const char* const value = std::getenv(kVariable);
  return value == nullptr || value != std::string_view(kCalm);
}

}  // namespace

constinit const Fault kSetenv{
    .name = "setenv",
    .sentence = "changes an environment variable",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "the environment is the process's"),
    .processes = expect(Answer::kWorkerTainted, "only the struck worker's; it stays so until it is recycled"),
    .feel = feel,
    .prepare = prepare};

}  // namespace twinpool::bench
