// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How a thread that waits makes itself useful, where it is a worker that something below it may wait for.
namespace twinpool {

/// Runs one waiting task that the calling thread's own task has submitted. Gives: false when there was none.
using Help = bool (*)() noexcept;

/// Set by a worker of the thread twin in its own thread (C16); null in all others.
inline constinit thread_local Help help_while_waiting = nullptr;

/// Helps until `done()` or nothing is left to help with. Gives: done().
template <typename Done>
bool help_until(Done&& done) {
  while (!done()) {
    if (help_while_waiting == nullptr || !help_while_waiting()) return done();
  }
  return true;
}

}  // namespace twinpool
