// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr mode_t kCalm = 022;
constexpr mode_t kStruck = 0;

std::string prepare() {
  umask(kCalm);
  return "";
}

void strike(const Scene& /*scene*/) { umask(kStruck); }

/// umask() cannot be asked without being changed, so the kernel's own report is read.
///
/// Source: proc(5), /proc/[pid]/status, "Umask".
bool feel(const Scene& /*scene*/) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "Umask:") continue;
    status >> word;
    return std::strtoul(word.c_str(), nullptr, 8) != kCalm;
  }
  return false;
}

}  // namespace

constinit const Fault kUmask{
    .name = "umask",
    .sentence = "changes which permissions new files get",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "the umask is the process's"),
    .processes = expect(Answer::kWorkerTainted, "only the struck worker's; it stays so until it is recycled"),
    .feel = feel,
    .prepare = prepare};

}  // namespace twinpool::bench
