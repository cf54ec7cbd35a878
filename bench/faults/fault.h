// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What can go wrong inside a task. One fault a file; `registry.cpp` lists them.
namespace twinpool::bench {

/// A way in which a task goes wrong, for real: nothing here is simulated.
struct Fault {
  std::string_view name;
  std::string_view sentence;  ///< what the task does, for `twinpool list`
  /// The task ends or its worker does, without anybody's help. False: it occupies its worker until somebody
  /// acts.
  bool ends_by_itself;
  /// Goes wrong. Called inside a task, in a worker; comes back by an exception at most.
  void (*strike)();
};

extern const Fault kThrow;
extern const Fault kExit;
extern const Fault kAbort;
extern const Fault kSegv;
extern const Fault kKill;
extern const Fault kStackOverflow;
extern const Fault kEndlessLoop;
extern const Fault kLeak;

/// Gives: every fault, the mildest first. Its position is how a trial names it to its tasks.
[[nodiscard]] std::span<const Fault* const> all_faults();
/// Gives: the fault's position in all_faults(), -1 when there is none of that name.
[[nodiscard]] int find_fault(std::string_view name);
/// The names in the order of all_faults(), for suggestions.
[[nodiscard]] std::vector<std::string> fault_names();

}  // namespace twinpool::bench
