// SPDX-License-Identifier: Apache-2.0
#include "processes/death_cause.h"

#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <string>
#include <utility>

namespace twinpool::processes {

DeathCause cause_of(const DeathFacts& facts) {
  if (facts.by_the_pool) return DeathCause::kLimit;
  const bool killed = WIFSIGNALED(facts.status) && WTERMSIG(facts.status) == SIGKILL;
  if (killed && facts.oom_kill) return DeathCause::kMemory;
  if (facts.in_set_up) return DeathCause::kSetUp;
  return WIFSIGNALED(facts.status) ? DeathCause::kSignal : DeathCause::kExit;
}

OomKills::OomKills(const KernelFiles& files) {
  for (const CgroupPath& path : find_cgroup_paths("memory", files)) {
    if (path.unified && !path.directories.empty()) file_ = path.directories.front() / "memory.events";
  }
  before_ = read();
}

bool OomKills::more() {
  const auto now = read();
  const auto before = std::exchange(before_, now);
  return now && before && *now > *before;
}

std::optional<std::uint64_t> OomKills::read() const {
  if (file_.empty()) return std::nullopt;
  std::ifstream file(file_);
  std::string name;
  for (std::uint64_t count = 0; file >> name >> count;) {
    if (name == "oom_kill") return count;
  }
  return std::nullopt;
}

}  // namespace twinpool::processes
