// SPDX-License-Identifier: Apache-2.0
#include "processes/supervisor.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "processes/staff.h"

namespace twinpool::processes {
namespace {

template <typename Record>
void drain(int fd) {
  Record record;
  [[maybe_unused]] const auto got = ::read(fd, &record, sizeof record);  // level-triggered: what it said is looked up
}

[[noreturn]] void give_up(const Segment& segment, const SupervisorContext& context, int error) {
  segment.header().start_errno.store(static_cast<std::uint32_t>(error), std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto rung = ::write(context.owner_bell, &one, sizeof one);
  ::_exit(1);
}

void reap(Staff& staff) {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;)
    staff.hear(pid, status);
}

}  // namespace

void run_supervisor(const Segment& segment, const SupervisorContext& context) {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) give_up(segment, context, errno);
  std::array<pollfd, 4> watched{{{signals, POLLIN, 0},
                                 {context.owner_pidfd, POLLIN, 0},
                                 {context.poke, POLLIN, 0},
                                 {context.pool_socket, POLLRDHUP, 0}}};
  Staff staff(segment, context);
  for (;;) {
    reap(staff);
    if (segment.header().stopping.load(std::memory_order_seq_cst) != 0 && staff.empty()) ::_exit(0);
    staff.look();
    if (::poll(watched.data(), watched.size(), staff.timeout_ms()) < 0 && errno != EINTR)
      give_up(segment, context, errno);
    // The owner, or its pool, is gone; the workers follow this process.
    if (watched[1].revents != 0 || watched[3].revents != 0) ::_exit(0);
    if (watched[0].revents != 0) drain<signalfd_siginfo>(signals);
    if (watched[2].revents != 0) drain<std::uint64_t>(context.poke);
  }
}

}  // namespace twinpool::processes
