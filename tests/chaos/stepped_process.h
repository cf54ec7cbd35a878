// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace twinpool::chaos {

/// A forked child that executes one machine instruction at a time (ptrace(2), PTRACE_SINGLESTEP).
///
/// Leaves SIGCHLD blocked, which its waiting is built on. Threads: all calls from the one that made it.
class SteppedProcess {
 public:
  enum class At {
    kStopped,  ///< before its next instruction
    kAsleep,   ///< in a futex wait that nothing has ended so far
    kEnded,    ///< gone and reaped
  };

  /// Forks a child that stops before `body` and ends after it. It dies with this process.
  explicit SteppedProcess(const std::function<void()>& body);
  SteppedProcess(const SteppedProcess&) = delete;
  SteppedProcess& operator=(const SteppedProcess&) = delete;
  ~SteppedProcess() { kill(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Lets it execute one instruction; one that was asleep, end its system call.
  At step();
  /// Lets it run on by itself.
  void let_go();
  /// Kills it where it is and reaps it. Gives: its wait status.
  int kill();
  /// Somebody else has reaped it.
  void forget() { ended_ = true; }

  /// Whether this machine lets a process trace its child; if not, `reason` says what it answered.
  static bool is_permitted(std::string& reason);

 private:
  pid_t pid_ = 0;
  int status_ = 0;
  bool ended_ = false;
  bool stepping_ = false;  // a step has been asked for and has not ended
  int signal_ = 0;         // to be delivered with the next step
};

/// Whether a task (a process, or one thread: "self/task/TID") is asleep in a futex wait.
bool sleeps_on_futex(const std::string& task);
/// Reaps a child that is about to end. Gives: false when it has not after 20 s; it has then been killed.
bool reap(pid_t pid);

}  // namespace twinpool::chaos
