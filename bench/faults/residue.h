// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

/// What is left when a pool has ended: seen from inside its program, and from outside.
namespace twinpool::bench {

/// What this process has at one moment. Sizes of /proc/self/task, /proc/self/fd and of the mapped memory
/// files.
struct Holdings {
  int threads = 0;
  int descriptors = 0;
  int memory_files = 0;
};
/// Errors: std::system_error when /proc cannot be read.
[[nodiscard]] Holdings read_holdings();
/// What there is more than `before`, once that is nothing or `limit` has passed (an ended thread stays in
/// /proc for a moment). Lifts this process's soft limits of descriptors and address space, or it could not
/// look.
[[nodiscard]] Holdings wait_for_rest(const Holdings& before, std::chrono::milliseconds limit);
[[nodiscard]] nlohmann::json to_json(const Holdings& holdings);

/// Named shared memory of twinpool's (there should never be any) and core files in the working directory.
struct Litter {
  std::set<std::string> shared_memory;
  std::set<std::string> core_files;
};
[[nodiscard]] Litter read_litter();

/// All that a run left. Threads, descriptors and memory files are known only of a program that lived on.
struct Residue {
  int processes = 0;
  int threads = 0;
  int descriptors = 0;
  int shared_memory = 0;  ///< memory files still mapped, and names in /dev/shm
  int core_files = 0;

  [[nodiscard]] int sum() const { return processes + threads + descriptors + shared_memory + core_files; }
};

}  // namespace twinpool::bench
