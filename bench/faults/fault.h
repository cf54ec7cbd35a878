// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/backend.h"
#include "bench/faults/ground.h"

/// What can go wrong inside a task. One fault a file; `registry.cpp` lists them.
namespace twinpool::bench {

/// What became of the pool and its program, in one word or two; the mildest first.
enum class Answer {
  /// The program ran on, every other task was delivered, and the pool has its full strength (again).
  kContained,
  /// The same, but later tasks of the struck worker found what the fault had left in it.
  kWorkerTainted,
  /// The program ran on and every other task was delivered, but the worker never comes back from the task.
  kWorkerStuck,
  /// The program ran on, but other tasks were lost or failed, tasks of other workers were touched, or the
  /// pool
  /// stayed weaker than it was.
  kSpread,
  /// The program ended with the faulty task.
  kProgramDied,
  /// The program came to no end and was killed: at the deadline, or because it stood still.
  kProgramHung,
};
[[nodiscard]] std::string_view name_of(Answer answer);

/// What the fault's author wrote down before anything was measured: the answer of one twin, from `best` to
/// `worst`, and why. A report calls anything else a surprise.
struct Expectation {
  Answer best = Answer::kContained;
  Answer worst = Answer::kContained;
  std::string_view why;
  bool applies = true;  ///< false: this twin has not got what the fault is about; nothing is run

  [[nodiscard]] bool includes(Answer answer) const { return answer >= best && answer <= worst; }
};
constexpr Expectation expect(Answer answer, std::string_view why) { return {answer, answer, why}; }
constexpr Expectation does_not_apply(std::string_view why) {
  return {Answer::kContained, Answer::kContained, why, false};
}

/// How a faulty task ends.
enum class Ending {
  kByItself,  ///< it throws, or its worker dies, without anybody's help
  kNever,     ///< it occupies its worker until somebody acts
  kReturns,   ///< it gives its right value; what it did stays behind
};

/// A way in which a task goes wrong, for real: nothing here is simulated.
struct Fault {
  std::string_view name;
  std::string_view sentence;  ///< what the task does, for `twinpool list`
  Ending ending = Ending::kByItself;
  /// Goes wrong. Called inside a task, in a worker; comes back by an exception at most, unless
  /// Ending::kReturns.
  void (*strike)(const Scene&) = nullptr;
  Expectation threads;
  Expectation processes;
  /// What each ordinary task does beside its work: looks whether the fault reached it. Null: nothing.
  bool (*feel)(const Scene&) = nullptr;
  /// Called in the trial before the pool is made. Gives: why this machine cannot show the fault; "" when it
  /// can.
  std::string (*prepare)() = nullptr;
  /// Faulty tasks, submitted one after the other; each needs a worker of its own.
  int tasks = 1;
  /// Tasks may hang because of it, so nobody waits long for them.
  bool hangs = false;
  /// In the set that `twinpool faults` runs when no fault is named.
  bool standard = false;

  [[nodiscard]] const Expectation& expected_in(Backend backend) const {
    return backend == Backend::kThreads ? threads : processes;
  }
};

// Tasks and workers that end.
extern const Fault kThrow;
extern const Fault kExit;
extern const Fault kAbort;
extern const Fault kSegv;
extern const Fault kKill;
extern const Fault kStackOverflow;
extern const Fault kStackSmash;
extern const Fault kHeapCorruption;
extern const Fault kDoubleFree;
extern const Fault kLeak;
// Tasks that stay.
extern const Fault kEndlessLoop;
extern const Fault kDeadlock;
extern const Fault kSigstop;
extern const Fault kSlowWorker;
// What a task leaves behind.
extern const Fault kStrayWrite;
extern const Fault kStrayWriteShared;
extern const Fault kChdir;
extern const Fault kUmask;
extern const Fault kSetenv;
extern const Fault kSetlocale;
extern const Fault kDescriptorLeak;
extern const Fault kOutOfMemory;
// Locks that die with their holder.
extern const Fault kCrashWithLock;
extern const Fault kCrashWithRobustLock;
// Those around the workers.
extern const Fault kCrashLoop;
extern const Fault kSupervisorKilled;
extern const Fault kOwnerKilled;
extern const Fault kFullDevShm;

/// Gives: every fault, in the groups above. Its position is how a trial names it to its tasks.
[[nodiscard]] std::span<const Fault* const> all_faults();
/// Gives: the fault's position in all_faults(), -1 when there is none of that name.
[[nodiscard]] int find_fault(std::string_view name);
/// The names in the order of all_faults(), for suggestions.
[[nodiscard]] std::vector<std::string> fault_names();
/// Requires: a position in all_faults().
[[nodiscard]] const Fault& fault_at(int position);

}  // namespace twinpool::bench
