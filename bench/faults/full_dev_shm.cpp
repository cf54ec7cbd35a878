// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr const char* kFolder = "/dev/shm";
constexpr const char* kFile = "/dev/shm/filling";
constexpr const char* kSize = "size=64k";

/// Appends until nothing more fits. Gives: errno of the write that was refused, 0 when the file cannot be
/// opened.
int fill() {
  const int fd = open(kFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  char block[4096];
  std::memset(block, 0x5a, sizeof block);
  ssize_t got = 0;
  while ((got = write(fd, block, sizeof block)) > 0) {
  }
  const int error = errno;
  close(fd);
  return got < 0 ? error : 0;
}

/// In a mount namespace of the trial's own, so that nobody else sees it; it goes with the trial's last
/// process.
std::string prepare() {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return fmt::format(
        "a mount namespace of its own was refused ({}), and a shared /dev/shm is not to be filled",
        std::strerror(errno));
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", kFolder, "tmpfs", MS_NOSUID | MS_NODEV, kSize) != 0)
    return fmt::format("a small {} of its own was refused ({})", kFolder, std::strerror(errno));
  return fill() == ENOSPC ? "" : fmt::format("{} could not be filled", kFolder);
}

void strike(const Scene& /*scene*/) {
  if (fill() != ENOSPC) throw std::runtime_error("/dev/shm was not full");
}

}  // namespace

/// The pool is made, and all of its memory, while /dev/shm is full to the last page; the faulty task makes
/// sure of that and goes on. In containers /dev/shm often has 64 MiB and is full soon.
constinit const Fault kFullDevShm{
    .name = "full-dev-shm",
    .sentence = "finds /dev/shm full, as it was when the pool was made",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kContained, "threads share by pointer"),
    .processes = expect(Answer::kContained, "shared memory is a memfd, which needs no /dev/shm"),
    .prepare = prepare};

}  // namespace twinpool::bench
