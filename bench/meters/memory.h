// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace twinpool::bench {

/// Memory of one process, or the sum over several.
///
/// PSS counts a page that n processes share as 1/n in each, so its sum over a tree is what the tree takes:
/// the headline. USS (private clean and dirty pages) is what would be freed if this process died. The sum of
/// RSS counts shared pages more than once and is shown only to explain that.
struct MemoryUse {
  std::uint64_t pss_bytes = 0;
  std::uint64_t uss_bytes = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t pss_shmem_bytes = 0;  ///< the part of PSS in shared memory (memfd, tmpfs)
  int processes = 0;                  ///< how many processes were summed

  MemoryUse& operator+=(const MemoryUse& other);
};

/// Gives:  nothing when the text is not a smaps_rollup.
/// Source: kernel Documentation/ABI/testing/procfs-smaps_rollup.
std::optional<MemoryUse> parse_smaps_rollup(std::string_view text);

/// Reads /proc/PID/smaps_rollup. Costs 20 us to several ms and holds the process's memory lock meanwhile, so
/// it belongs in moments at rest or in a pass of its own, not in a timed round.
///
/// Gives: nothing when the process is gone (or a zombie), or may not be looked at.
std::optional<MemoryUse> read_memory(pid_t pid, const std::filesystem::path& proc = "/proc");

/// Gives: the sum over a process and its descendants, without those that cannot be read; `processes` says how
/// many could.
MemoryUse read_tree_memory(pid_t root, const std::filesystem::path& proc = "/proc");

/// Gives: the resident set by /proc/PID/statm: some 10 us, cheap enough during rounds; nothing when the
/// process is gone.
std::optional<std::uint64_t> read_rss_bytes(pid_t pid, const std::filesystem::path& proc = "/proc");

/// Gives: the sum over a process and its descendants.
std::uint64_t read_tree_rss_bytes(pid_t root, const std::filesystem::path& proc = "/proc");

}  // namespace twinpool::bench
