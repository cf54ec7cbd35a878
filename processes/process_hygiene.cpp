// SPDX-License-Identifier: Apache-2.0
#include "processes/process_hygiene.h"

#include <sys/prctl.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <climits>

namespace twinpool::processes {

void close_descriptors_except(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned first = 3;
  for (const int fd : keep) {
    if (fd < static_cast<int>(first)) continue;
    if (static_cast<unsigned>(fd) > first) ::close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(first, UINT_MAX, 0);
}

void reset_signals() {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::sigaction(signal, &plain, nullptr);
  }
  plain.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void die_with_parent(int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
}

void set_process_name(const char* name) { ::prctl(PR_SET_NAME, name); }

}  // namespace twinpool::processes
