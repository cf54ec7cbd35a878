// SPDX-License-Identifier: Apache-2.0
#include "bench/lives.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "bench/absolute_sleep.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

[[noreturn]] void run_one(Checkpoint& head, const std::function<void()>& live) {
  try {
    live();
  } catch (const std::exception& error) {
    const std::string sentence = error.what();
    std::copy_n(sentence.begin(), std::min(sentence.size(), head.error.size() - 1), head.error.begin());
    _exit(1);
  }
  _exit(0);  // the trial's own clean-up is the trial's
}

int wait_for(pid_t pid, rusage& usage) {
  int status = 0;
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot wait for the program");
  }
  return status;
}

}  // namespace

Lives run_lives(SharedCheckpoint& checkpoint, std::int64_t give_up_ns, const std::function<void()>& live) {
  Checkpoint& head = checkpoint.head();
  Lives lives;
  while (true) {
    const int crashes = head.crashes.load();
    head.submitted = head.taken.load();
    const pid_t pid = fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "cannot fork the program");
    if (pid == 0) run_one(head, live);
    rusage usage{};
    const int status = wait_for(pid, usage);
    lives.used += from_rusage(usage);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return lives;
    if (head.error.front() != '\0') throw std::runtime_error(head.error.data());
    if (!WIFSIGNALED(status) || head.crashes.load() == crashes)
      throw std::runtime_error("the program died, and not of a crash on purpose");
    ++lives.restarts;
    lives.repeated += head.submitted.load() - std::min(head.submitted.load(), head.taken.load());
    if (now_ns() >= give_up_ns) return lives;
  }
}

}  // namespace twinpool::bench
