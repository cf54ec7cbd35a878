// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// The launcher's own side: what runs in the process that Launcher::start forks.
namespace twinpool::processes {

/// How many descriptors come with the message that opens a pool, before those to keep: pool socket, memfd, poke,
/// owner's bell, scoreboard. Its text is WorkerOptions; `processes.keep_descriptors` are the numbers that the others have in
/// the owner.
inline constexpr std::size_t kPoolDescriptors = 5;

/// Serves `control` until its other end closes or `owner_pidfd` says that the owner has ended; then ends
/// everything that it has started. Requires: a fresh fork of a program with one thread. Never returns.
[[noreturn]] void run_launcher(int control, int owner_pidfd);

}  // namespace twinpool::processes
