// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

/// What the kernel says that this program holds, to be compared before and after a pool.
namespace twinpool::conformance {

struct Resources {
  std::set<int> threads;              ///< /proc/self/task
  std::set<std::string> descriptors;  ///< "7 -> /memfd:..." from /proc/self/fd
  std::set<int> processes;            ///< all descendants, zombies included
  std::size_t shared_mappings = 0;    ///< shared mappings in /proc/self/maps

  bool operator==(const Resources&) const = default;
};

Resources held_now();

/// What `after` holds more or other than `before`, for a failing test's message.
std::string difference(const Resources& before, const Resources& after);

/// Descendants of `root`, zombies included, without `root`.
std::set<int> descendants_of(int root);

/// Whether a process is there: not ended, not a zombie.
bool is_alive(int pid);

}  // namespace twinpool::conformance
