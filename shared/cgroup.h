// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinpool {

/// Where the kernel's pseudo files are read from.
///
/// Takes: `proc` instead of /proc, and `root`, which is put before every mount point found in mountinfo.
/// Tests point both at a
///        tree of plain files; everybody else leaves the defaults.
struct KernelFiles {
  std::filesystem::path proc = "/proc";
  std::filesystem::path root = "/";
};

/// The cgroup directories that bind this process for one controller, innermost first, up to the root of the
/// mount.
///
/// A limit binds when it is set on *any* ancestor, so a caller takes the smallest value over all of them.
/// Ancestors above the mount's root (the host's side of a container) cannot be seen from here. Source:
/// cgroups(7), "/proc/[pid]/cgroup"; proc(5), mountinfo; kernel Documentation/admin-guide/cgroup-v2.rst.
struct CgroupPath {
  bool unified =
      false;  ///< true: version 2 (file names such as cpu.max); false: version 1 (cpu.cfs_quota_us).
  std::vector<std::filesystem::path> directories;
};

/// Gives: one path for the version 1 hierarchy that carries `controller`, and one for the unified hierarchy,
/// as far as mounted.
///        A hybrid machine has both; files that a hierarchy lacks simply do not exist there.
std::vector<CgroupPath> find_cgroup_paths(std::string_view controller, const KernelFiles& files = {});

/// Gives: the first line of a file without its end, or nothing when the file cannot be read.
std::optional<std::string> read_first_line(const std::filesystem::path& file);

/// The smallest limit in bytes or counts that any level sets, for controllers that keep one number in one
/// file.
///
/// Takes: the controller's name and its file's name in version 1 and version 2 ("memory":
/// memory.limit_in_bytes, memory.max). Gives: nothing when no level sets a limit ("max", or version 1's
/// page-rounded 2^63).
std::optional<std::uint64_t> smallest_cgroup_limit(std::string_view controller, std::string_view v1_file,
                                                   std::string_view v2_file, const KernelFiles& files = {});

}  // namespace twinpool
