// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/meters/process_tree.h"

namespace twinpool::bench {

/// One run of the built command, from outside. The test program becomes the reaper of whatever the command
/// leaves behind.
class CommandRun {
 public:
  explicit CommandRun(const std::vector<std::string>& arguments,
                      const std::vector<std::pair<std::string, std::string>>& environment = {},
                      const char* program = TWINPOOL_COMMAND) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ == 0) {
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      const int nothing = open("/dev/null", O_RDONLY);
      dup2(nothing, 0);
      dup2(out_, 1);
      dup2(error_, 2);
      execv(program, argv.data());
      _exit(127);
    }
  }
  CommandRun(const CommandRun&) = delete;
  CommandRun& operator=(const CommandRun&) = delete;
  ~CommandRun() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(out_);
    close(error_);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { kill(pid_, signal); }

  /// Waits for the end. Gives: the exit code, or 1000 + the signal that ended it.
  int code() {
    while (!ended_) {
      int status = 0;
      if (waitpid(pid_, &status, 0) < 0) {
        if (errno == EINTR) continue;
        throw std::runtime_error("cannot wait");
      }
      ended_ = true;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
    return code_;
  }
  [[nodiscard]] std::string out() const { return content(out_); }
  [[nodiscard]] std::string error() const { return content(error_); }

  /// Whether, within a generous time, no process is left below the test program.
  static bool nothing_left() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      if (list_process_tree(getpid()).size() == 1) return true;
      usleep(2000);
    }
    return false;
  }

 private:
  static std::string content(int fd) {
    std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
    const ssize_t got = pread(fd, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  int out_ = memfd_create("out", MFD_CLOEXEC);
  int error_ = memfd_create("error", MFD_CLOEXEC);
  pid_t pid_ = -1;
  bool ended_ = false;
  int code_ = 0;
};

}  // namespace twinpool::bench
