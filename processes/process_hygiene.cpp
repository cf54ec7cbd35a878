// SPDX-License-Identifier: Apache-2.0
#include "processes/process_hygiene.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

namespace twinpool::processes {
namespace {

/// The memory of argv's strings; empty when it cannot be told.
std::span<char> own_command_line() {
  std::FILE* const file = std::fopen("/proc/self/stat", "re");
  if (file == nullptr) return {};
  std::array<char, 2048> text{};
  const std::size_t got = std::fread(text.data(), 1, text.size() - 1, file);
  std::fclose(file);
  // Field 2, the name, may hold anything; the fields after its bracket are counted from 3. See proc(5).
  const char* at = static_cast<const char*>(::memrchr(text.data(), ')', got));
  constexpr int kArgStart = 48;
  for (int field = 2; at != nullptr && field < kArgStart; ++field) {
    at = std::strchr(at, ' ');
    if (at != nullptr) ++at;
  }
  if (at == nullptr) return {};
  char* behind = nullptr;
  const std::uintptr_t first = std::strtoull(at, &behind, 10);
  const std::uintptr_t last = std::strtoull(behind, nullptr, 10);
  if (first == 0 || last <= first) return {};
  return {reinterpret_cast<char*>(first), last - first};  // NOLINT: an address is what the kernel tells
}

}  // namespace

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

void set_process_name(const std::string& name) { ::prctl(PR_SET_NAME, name.c_str()); }

void set_process_title(const std::string& title) {
  const std::span<char> room = own_command_line();
  if (room.size() < 2) return;
  // The last byte stays zero: the kernel takes anything else for a sign that the text goes on behind.
  const std::size_t kept = std::min(title.size(), room.size() - 1);
  std::copy_n(title.begin(), kept, room.begin());
  std::fill(room.begin() + static_cast<std::ptrdiff_t>(kept), room.end(), '\0');
}

}  // namespace twinpool::processes
