// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace twinpool::bench {

/// The fields of /proc/PID/stat that the meters need. Times are in clock ticks.
struct ProcessStat {
  pid_t pid = 0;
  char state = '?';  ///< 'Z': a zombie, which has no memory any more but still its CPU times
  pid_t parent = 0;
  std::uint64_t minor_faults = 0, reaped_minor_faults = 0;
  std::uint64_t major_faults = 0, reaped_major_faults = 0;
  std::uint64_t user_ticks = 0, system_ticks = 0;
  std::uint64_t reaped_user_ticks = 0, reaped_system_ticks = 0;  ///< of children that it has waited for
};

/// Gives:  nothing when the text is not such a line. The command's name may hold blanks and parentheses.
/// Source: proc(5), /proc/[pid]/stat.
std::optional<ProcessStat> parse_process_stat(std::string_view text);

/// Gives: nothing when there is no such process.
std::optional<ProcessStat> read_process_stat(pid_t pid, const std::filesystem::path& proc = "/proc");

/// Lists a process and all its descendants, the root first, parents before their children.
///
/// Gives:  an empty list when the root is gone. Processes that end or start during the scan may or may not be
/// listed; a
///         process whose parent died in between belongs to its new parent (the nearest subreaper) and is
///         found below that one.
/// Threads: safe from any thread.
std::vector<ProcessStat> read_process_tree(pid_t root, const std::filesystem::path& proc = "/proc");

/// Gives: the same, the numbers alone.
std::vector<pid_t> list_process_tree(pid_t root, const std::filesystem::path& proc = "/proc");

}  // namespace twinpool::bench
