// SPDX-License-Identifier: Apache-2.0
#include "bench/interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace twinpool::bench {
namespace {

Interrupt* living = nullptr;

sigset_t caught_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = caught_signals();
  sigprocmask(SIG_BLOCK, &signals, &before_);
  descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) {
    const int error = errno;
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    throw std::system_error(error, std::generic_category(), "cannot make a signalfd");
  }
  living = this;
}

Interrupt::~Interrupt() {
  signal();
  const sigset_t signals = caught_signals();
  const timespec at_once{};
  while (sigtimedwait(&signals, nullptr, &at_once) > 0) {
  }
  living = nullptr;
  close(descriptor_);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int Interrupt::signal() {
  signalfd_siginfo info;
  while (read(descriptor_, &info, sizeof info) == sizeof info) signal_ = static_cast<int>(info.ssi_signo);
  return signal_;
}

int Interrupt::descriptor() { return living == nullptr ? -1 : living->descriptor_; }

int Interrupt::pending() { return living == nullptr ? 0 : living->signal(); }

}  // namespace twinpool::bench
