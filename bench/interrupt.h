// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace twinpool::bench {

/// While it lives, SIGINT and SIGTERM do not end the program: they wait until somebody asks. Waits put
/// `descriptor()` among what they poll, so a signal ends the wait at once.
///
/// Threads: for a program with one thread; one Interrupt at a time.
class Interrupt {
 public:
  /// Errors: std::system_error.
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  /// Signals are again what they were. One that came and was not asked about is dropped.
  ~Interrupt();

  /// The signal that came since the program began measuring, 0: none. Once one came it stays.
  int signal();

  /// The living one's descriptor, -1 when there is none.
  static int descriptor();
  /// The living one's signal(), 0 when there is none.
  static int pending();

 private:
  int descriptor_ = -1;
  int signal_ = 0;
  sigset_t before_{};
};

}  // namespace twinpool::bench
