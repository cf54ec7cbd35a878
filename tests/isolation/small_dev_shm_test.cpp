// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

#include "tests/isolation/workers.h"
#include "threads/thread_pool.h"

/// C12: works where /dev/shm is 64 MB, as in a container.
namespace twinpool::isolation {
namespace {

constexpr int kNotPermitted = 77;

std::vector<std::uint8_t> echo(std::vector<std::uint8_t> bytes) { return bytes; }

void echo_all_sizes(Pool& pool) {
  for (const std::size_t size : {std::size_t{64} << 10, std::size_t{1} << 20, std::size_t{64} << 20}) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 >> 3);
    for (int round = 0; round < 3; ++round) {
      if (value_of(pool.submit<echo>(bytes)) != bytes) throw std::runtime_error("other bytes came back");
    }
  }
}

/// Runs `body` in a process whose /dev/shm holds 64 MB. Gives: nothing when the system does not permit one.
void with_small_dev_shm(const std::function<void()>& body) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64m") != 0) {
      std::fprintf(stderr, "no mount namespace of our own: %s\n", std::strerror(errno));
      _exit(kNotPermitted);
    }
    struct statvfs size = {};
    if (statvfs("/dev/shm", &size) != 0 || size.f_blocks * size.f_frsize != std::size_t{64} << 20) _exit(3);
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPermitted) {
    GTEST_SKIP() << "making a mount namespace takes root (CAP_SYS_ADMIN)";
  }
  EXPECT_EQ(status, 0);
}

TEST(SmallDevShm, C12_ProcessesEchoPayloadsUpTo64MebibytesWhereDevShmHas64Megabytes) {
  with_small_dev_shm([] {
    ProcessPool pool({.workers = 2});
    echo_all_sizes(pool);
  });
}

TEST(SmallDevShm, C12_ThreadsEchoPayloadsUpTo64MebibytesWhereDevShmHas64Megabytes) {
  with_small_dev_shm([] {
    threads::ThreadPool pool({.workers = 2});
    echo_all_sizes(pool);
  });
}

}  // namespace
}  // namespace twinpool::isolation
