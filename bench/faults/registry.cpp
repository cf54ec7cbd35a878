// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"

namespace twinpool::bench {

std::span<const Fault* const> all_faults() {
  static constexpr const Fault* kAll[] = {&kThrow,          &kExit,
                                          &kAbort,          &kSegv,
                                          &kKill,           &kStackOverflow,
                                          &kStackSmash,     &kHeapCorruption,
                                          &kDoubleFree,     &kLeak,
                                          &kEndlessLoop,    &kDeadlock,
                                          &kSigstop,        &kSlowWorker,
                                          &kStrayWrite,     &kStrayWriteShared,
                                          &kChdir,          &kUmask,
                                          &kSetenv,         &kSetlocale,
                                          &kDescriptorLeak, &kOutOfMemory,
                                          &kCrashWithLock,  &kCrashWithRobustLock,
                                          &kCrashLoop,      &kSupervisorKilled,
                                          &kOwnerKilled,    &kFullDevShm};
  return kAll;
}

int find_fault(std::string_view name) {
  int position = 0;
  for (const Fault* fault : all_faults()) {
    if (fault->name == name) return position;
    ++position;
  }
  return -1;
}

std::vector<std::string> fault_names() {
  std::vector<std::string> names;
  for (const Fault* fault : all_faults()) names.emplace_back(fault->name);
  return names;
}

const Fault& fault_at(int position) { return *all_faults()[static_cast<std::size_t>(position)]; }

std::string_view name_of(Answer answer) {
  switch (answer) {
    case Answer::kContained:
      return "contained";
    case Answer::kWorkerTainted:
      return "worker tainted";
    case Answer::kWorkerStuck:
      return "worker stuck";
    case Answer::kSpread:
      return "spread";
    case Answer::kProgramDied:
      return "program died";
    case Answer::kProgramHung:
      return "program hung";
  }
  return "unknown";
}

}  // namespace twinpool::bench
