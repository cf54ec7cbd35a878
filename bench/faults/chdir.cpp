// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "bench/faults/fault.h"

namespace twinpool::bench {
namespace {

void strike(const Scene& /*scene*/) {
  if (chdir("/proc") != 0) throw std::system_error(errno, std::generic_category(), "cannot go to /proc");
}

bool feel(const Scene& scene) {
  struct stat folder {};
  return stat(".", &folder) != 0 || folder.st_dev != scene.ground.folder_device ||
         folder.st_ino != scene.ground.folder;
}

}  // namespace

constinit const Fault kChdir{
    .name = "chdir",
    .sentence = "changes the working directory",
    .ending = Ending::kReturns,
    .strike = strike,
    .threads = expect(Answer::kSpread, "the working directory is the process's"),
    .processes = expect(Answer::kWorkerTainted, "only the struck worker's; it stays so until it is recycled"),
    .feel = feel,
    .standard = true};

}  // namespace twinpool::bench
