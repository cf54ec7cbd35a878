// SPDX-License-Identifier: Apache-2.0
#include "tests/chaos/stepped_process.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

namespace twinpool::chaos {
namespace {

constexpr int kRefused = 77;  // exit status of a child that may not be traced

sigset_t child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

/// Waits for a child to stop or end. Gives: false when none has for a while.
bool wait_for_child_signal() {
  const sigset_t children = child_signal();
  const timespec a_while{.tv_sec = 0, .tv_nsec = 2'000'000};
  return ::sigtimedwait(&children, nullptr, &a_while) == SIGCHLD;
}

[[noreturn]] void run_traced(const std::function<void()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kRefused);
  ::raise(SIGSTOP);
  body();
  ::_exit(0);
}

}  // namespace

SteppedProcess::SteppedProcess(const std::function<void()>& body) {
  const sigset_t children = child_signal();
  ::pthread_sigmask(SIG_BLOCK, &children, nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork a process to step through");
  if (pid_ == 0) run_traced(body);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = !WIFSTOPPED(status_);
  if (!ended_) ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
}

SteppedProcess::At SteppedProcess::step() {
  if (ended_) return At::kEnded;
  if (!stepping_) ::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, signal_);
  stepping_ = true;
  while (::waitpid(pid_, &status_, WNOHANG) != pid_) {
    if (!wait_for_child_signal() && sleeps_on_futex(std::to_string(pid_))) return At::kAsleep;
  }
  stepping_ = false;
  ended_ = !WIFSTOPPED(status_);
  if (ended_) return At::kEnded;
  signal_ = WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
  return At::kStopped;
}

void SteppedProcess::let_go() {
  if (ended_) return;
  // Detaching needs a stop; a step that sleeps gets one by an ignored signal.
  if (stepping_) {
    ::kill(pid_, SIGSTOP);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    stepping_ = false;
    ended_ = !WIFSTOPPED(status_);
  }
  if (!ended_) ::ptrace(PTRACE_DETACH, pid_, nullptr, 0);
  ::kill(pid_, SIGCONT);
}

int SteppedProcess::kill() {
  if (ended_) return status_;
  ::kill(pid_, SIGKILL);
  do {
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
  } while (WIFSTOPPED(status_));
  ended_ = true;
  return status_;
}

bool SteppedProcess::is_permitted(std::string& reason) {
  SteppedProcess child([] {});
  if (child.step() == At::kStopped) return true;
  reason = WIFEXITED(child.status_) && WEXITSTATUS(child.status_) == kRefused
               ? "this machine does not let a process trace its child (ptrace)"
               : "this machine does not step through processes (PTRACE_SINGLESTEP)";
  return false;
}

bool sleeps_on_futex(const std::string& task) {
  std::ifstream call("/proc/" + task + "/syscall");
  long number = -1;
  std::string word;
  std::string operation;
  if (!(call >> number >> word >> operation) || number != SYS_futex) return false;
  const auto name = std::stoul(operation, nullptr, 16) & static_cast<unsigned long>(FUTEX_CMD_MASK);
  if (name != FUTEX_WAIT_BITSET) return false;
  std::ifstream stat("/proc/" + task + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto bracket = line.rfind(')');
  return bracket != std::string::npos && bracket + 2 < line.size() && line[bracket + 2] == 'S';
}

bool reap(pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return false;
    }
    ::usleep(100);
  }
  return true;
}

}  // namespace twinpool::chaos
