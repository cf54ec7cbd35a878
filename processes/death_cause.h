// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "shared/cgroup.h"
#include "shared/scoreboard.h"

namespace twinpool::processes {

/// What the supervisor knows of a worker's death.
struct DeathFacts {
  int status = 0;  ///< as waitpid told it
  bool by_the_pool = false;
  bool in_set_up = false;
  bool oom_kill = false;  ///< the kernel has killed somebody here for memory since the last death
};
/// Pure.
[[nodiscard]] DeathCause cause_of(const DeathFacts& facts);

/// The kernel's count of processes that it killed for memory, in this process's own cgroup (memory.events,
/// cgroup version 2).
class OomKills {
 public:
  explicit OomKills(const KernelFiles& files = {});
  /// Whether there were more since the last call, or since this was made. False where nobody counts.
  [[nodiscard]] bool more();

 private:
  [[nodiscard]] std::optional<std::uint64_t> read() const;

  std::filesystem::path file_;
  std::optional<std::uint64_t> before_;
};

}  // namespace twinpool::processes
