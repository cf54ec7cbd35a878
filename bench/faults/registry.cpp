// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault.h"

namespace twinpool::bench {

std::span<const Fault* const> all_faults() {
  static constexpr const Fault* kAll[] = {&kThrow, &kExit,          &kAbort,       &kSegv,
                                          &kKill,  &kStackOverflow, &kEndlessLoop, &kLeak};
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

}  // namespace twinpool::bench
