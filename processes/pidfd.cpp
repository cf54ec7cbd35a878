// SPDX-License-Identifier: Apache-2.0
#include "processes/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace twinpool::processes {

Descriptor open_pidfd(pid_t pid) {
  const auto fd = ::syscall(SYS_pidfd_open, pid, 0);  // close-on-exec by itself
  if (fd < 0)
    throw std::system_error(errno, std::generic_category(),
                            "open process " + std::to_string(pid) + " (pidfd_open)");
  return Descriptor(static_cast<int>(fd));
}

bool has_ended(const Descriptor& pidfd) { return wait_ended(pidfd, std::chrono::milliseconds{0}); }

bool wait_ended(const Descriptor& pidfd, std::chrono::milliseconds limit) {
  if (!pidfd.open()) return true;
  pollfd watched{pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&watched, 1, static_cast<int>(limit.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace twinpool::processes
