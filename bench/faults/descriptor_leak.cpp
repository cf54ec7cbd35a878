// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

constexpr rlim_t kHeadroom = 64;

int open_one() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

void strike(const Scene& /*scene*/) {
  const int lowest = open_one();
  if (lowest < 0) throw std::system_error(errno, std::generic_category(), "cannot open /dev/null");
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_cur, static_cast<rlim_t>(lowest) + kHeadroom);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw std::system_error(errno, std::generic_category(), "setrlimit");
  while (open_one() >= 0) {
  }
}

bool feel(const Scene& /*scene*/) {
  const int fd = open_one();
  if (fd < 0) return true;
  close(fd);
  return false;
}

}  // namespace

/// Opens files and forgets them, until open() gives EMFILE: 64 beyond the first free number, as
/// RLIMIT_NOFILE. Limit and table are a process's, so threads share them and a worker process has its own.
constinit const Fault kDescriptorLeak{
    .name = "descriptor-leak",
    .sentence = "opens files until no descriptor is left",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "the table of descriptors is the process's"),
    .processes =
        expect(Answer::kWorkerTainted, "only the struck worker's; it stays full until it is recycled"),
    .feel = feel,
    .standard = true};

}  // namespace twinpool::bench
