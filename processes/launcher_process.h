// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The launcher's own side: what runs in the process that Launcher::start forks.
namespace twinpool::processes {

/// The first words of the message that opens a pool. Its descriptors: pool socket, memfd, poke, owner's bell,
/// then the descriptors to keep, whose numbers in the owner follow this struct as int32.
struct OpenPool {
  std::int64_t restart_period_ms;
  std::int64_t backoff_first_ms;
  std::int64_t backoff_limit_ms;
  std::int32_t restart_intensity;
  std::int32_t restart_start_failures;
  std::int32_t keep_count;
};

/// Serves `control` until its other end closes or `owner_pidfd` says that the owner has ended; then ends
/// everything that it has started. Requires: a fresh fork of a program with one thread. Never returns.
[[noreturn]] void run_launcher(int control, int owner_pidfd);

}  // namespace twinpool::processes
