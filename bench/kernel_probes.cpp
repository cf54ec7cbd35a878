// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_probes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "bench/meters/memory.h"

namespace twinpool::bench {
namespace {

int map_and_write(int fd) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  // Growing a file past the limit raises SIGXFSZ, which would end the program.
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < page) return EFBIG;
  if (ftruncate(fd, static_cast<off_t>(page)) != 0) return errno;
  void* memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return errno;
  *static_cast<volatile char*>(memory) = 1;
  munmap(memory, page);
  return 0;
}

int probe_memfd() {
  const int fd = memfd_create("twinpool-doctor", MFD_CLOEXEC);
  if (fd < 0) return errno;
  const int error = map_and_write(fd);
  close(fd);
  return error;
}

int probe_pidfd() {
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

int probe_smaps_rollup() {
  errno = 0;
  if (read_memory(getpid())) return 0;
  return errno != 0 ? errno : ENOENT;
}

/// Attaches to a child for real: seccomp profiles and Yama (ptrace_scope 3) each forbid it in their own way.
int probe_ptrace() {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (;;) pause();
  }
  const int error = ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0 ? 0 : errno;
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace

KernelProbes probe_kernel() { return {probe_memfd(), probe_pidfd(), probe_smaps_rollup(), probe_ptrace()}; }

}  // namespace twinpool::bench
