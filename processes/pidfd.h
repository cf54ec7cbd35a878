// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>

#include "processes/segment.h"

/// Processes by descriptor: unlike a number it never comes to mean another process (pidfd_open(2)).
namespace twinpool::processes {

/// Errors: throws std::system_error; ESRCH when there is no such process any more.
Descriptor open_pidfd(pid_t pid);
/// Whether the process has ended (it may still be a zombie). A closed descriptor: true.
[[nodiscard]] bool has_ended(const Descriptor& pidfd);
/// Waits at most `limit` for the process to end. Gives: whether it has.
bool wait_ended(const Descriptor& pidfd, std::chrono::milliseconds limit);
}  // namespace twinpool::processes
