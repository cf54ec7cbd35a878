// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace twinpool::bench::life {

/// Counts the system calls of this process and of all threads and processes that it makes from then on.
///
/// The kernel counts, at its tracepoint raw_syscalls:sys_enter (perf_event_open(2), inherited): nobody is stopped.
/// Threads: make it before the first thread.
class CallCounter {
 public:
  /// The number of the tracepoint; none where tracefs cannot be read (it needs root, and a kernel with tracing). Where
  /// tracefs is not mounted, a child looks at one that it mounts for itself alone.
  [[nodiscard]] static std::optional<std::uint64_t> tracepoint();

  /// Errors: std::system_error.
  explicit CallCounter(std::uint64_t tracepoint);
  CallCounter(const CallCounter&) = delete;
  CallCounter& operator=(const CallCounter&) = delete;
  ~CallCounter();

  /// So far, with this call itself as the last. Errors: std::system_error.
  [[nodiscard]] std::uint64_t read() const;

 private:
  int fd_ = -1;
};

}  // namespace twinpool::bench::life
