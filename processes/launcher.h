// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "processes/segment.h"
#include "shared/options.h"

namespace twinpool::processes {

/// What a pool's supervisor is given beside segment and options.
struct PoolDescriptors {
  int poke = -1;        ///< eventfd: the owner asks the supervisor to look
  int owner_bell = -1;  ///< eventfd: asks the owner to look
  int board = -1;       ///< the scoreboard's memory
};

/// A tiny process, forked while the program was young, that forks the supervisors of all its process pools.
///
/// Fork is safe only from a process with one thread and cheap only from a small one; a program that has pools
/// has neither for long. The launcher stays as it was: it runs no user code, owns no segment, and does
/// nothing but start supervisors on request, reap what they leave, and end everything when the program ends.
/// Workers see the program's memory as it was when the launcher was started (copy-on-write), and the
/// functions that were registered by then.
///
/// A pool starts one by itself when the program still has one thread. A program that makes its pools later
/// calls `auto launcher = Launcher::start();` first thing in main and keeps it as long as it makes pools.
/// Threads: `start` while the process has one thread; everything else from any thread.
class Launcher {
 public:
  /// The running launcher, or a new one.
  ///
  /// Errors: throws std::logic_error when there is none and the process already has more than one thread;
  ///         std::system_error when the system refuses.
  static std::shared_ptr<Launcher> start();

  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  ~Launcher();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// How many functions were registered when it was forked: its workers know the first so many of the
  /// registry.
  [[nodiscard]] std::uint32_t known_tasks() const { return known_tasks_; }

  /// Asks for a supervisor over `segment`. The messages to and from it go over the returned socket (see
  /// LauncherReport); closing the socket, or its writing half, ends supervisor and workers, and the launcher
  /// closes its end when all of them are reaped.
  ///
  /// Errors: throws std::system_error when the launcher is gone or a descriptor in `options.processes.keep_descriptors`
  /// is bad.
  Descriptor open_pool(const Segment& segment, const PoolOptions& options, const PoolDescriptors& descriptors);

 private:
  Launcher() = default;

  pid_t pid_ = 0;
  pid_t owner_ = 0;  // a fork of the program inherits this object, not the launcher
  Descriptor pidfd_;
  Descriptor control_;
  std::uint32_t known_tasks_ = 0;
};

/// What the launcher says on a pool's socket.
struct LauncherReport {
  enum Kind : std::uint32_t {
    kStarted = 1,  ///< a supervisor runs
    kGone,         ///< it has ended, and all its workers are dead and reaped
    kFailed,       ///< it could not be forked; `value` is errno
  };
  Kind kind;
  std::int32_t value;  ///< kStarted: its pid; kGone: its wait status
};

/// What the owner says on a pool's socket: start a supervisor again. Any other message is ignored.
struct LauncherRequest {
  static constexpr std::uint32_t kStart = 1;
  std::uint32_t kind = kStart;
};

}  // namespace twinpool::processes
