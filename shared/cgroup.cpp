// SPDX-License-Identifier: Apache-2.0
#include "shared/cgroup.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace twinpool {
namespace {

struct CgroupMount {
  std::string root;         // the directory of the hierarchy that is visible at the mount point
  std::string mount_point;  // where it is visible
};

/// Undoes mountinfo's octal escapes (\040 for a blank, \134 for a backslash).
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && is_octal(i + 1) && is_octal(i + 2) && is_octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool lists_word(std::string_view comma_separated, std::string_view word) {
  while (!comma_separated.empty()) {
    const std::size_t comma = comma_separated.find(',');
    if (comma_separated.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) break;
    comma_separated.remove_prefix(comma + 1);
  }
  return false;
}

/// The mounts of the unified hierarchy (no controller given) or of the version 1 hierarchy with that
/// controller.
std::vector<CgroupMount> find_mounts(std::string_view controller, const KernelFiles& files) {
  std::vector<CgroupMount> mounts;
  std::ifstream mountinfo(files.proc / "self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash));
    std::istringstream back(line.substr(dash + 3));
    std::string id, parent, device, root, mount_point, type, source, options;
    front >> id >> parent >> device >> root >> mount_point;
    back >> type >> source >> options;
    const bool wanted =
        controller.empty() ? type == "cgroup2" : type == "cgroup" && lists_word(options, controller);
    if (wanted) mounts.push_back({unescape(root), unescape(mount_point)});
  }
  return mounts;
}

/// This process's directory within the hierarchy, from lines "id:controllers:path"; the unified one has no
/// controllers.
std::optional<std::string> find_own_path(std::string_view controller, const KernelFiles& files) {
  std::ifstream cgroup(files.proc / "self/cgroup");
  for (std::string line; std::getline(cgroup, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (controller.empty() ? line.starts_with("0::") : lists_word(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// The part of `path` below `root`; nothing when `path` lies elsewhere.
std::optional<std::string> below(const std::string& path, const std::string& root) {
  if (root == "/") return path;
  if (path == root) return "/";
  if (path.starts_with(root + "/")) return path.substr(root.size());
  return std::nullopt;
}

std::vector<std::filesystem::path> walk_up(const std::filesystem::path& mount_point, std::string_view inner) {
  std::vector<std::filesystem::path> directories{mount_point};
  std::filesystem::path at = mount_point;
  for (const std::filesystem::path& part : std::filesystem::path(inner).relative_path()) {
    if (part.empty() || part == ".") continue;
    // A path with ".." means that the process sits outside its cgroup namespace's root; nothing below the
    // mount is ours.
    if (part == "..") return {mount_point};
    at /= part;
    directories.push_back(at);
  }
  std::reverse(directories.begin(), directories.end());
  return directories;
}

std::optional<CgroupPath> find_one(std::string_view controller, const KernelFiles& files) {
  const std::vector<CgroupMount> mounts = find_mounts(controller, files);
  const std::optional<std::string> own = find_own_path(controller, files);
  if (mounts.empty() || !own) return std::nullopt;
  const auto place = [&](const CgroupMount& mount) {
    return files.root / std::filesystem::path(mount.mount_point).relative_path();
  };
  for (const CgroupMount& mount : mounts) {
    if (const auto inner = below(*own, mount.root)) {
      return CgroupPath{controller.empty(), walk_up(place(mount), *inner)};
    }
  }
  // Some container runtimes show the host's path in /proc but mount only the container's own directory: that
  // directory binds.
  return CgroupPath{controller.empty(), {place(mounts.front())}};
}

}  // namespace

std::vector<CgroupPath> find_cgroup_paths(std::string_view controller, const KernelFiles& files) {
  std::vector<CgroupPath> paths;
  if (auto v1 = find_one(controller, files)) paths.push_back(std::move(*v1));
  if (auto v2 = find_one("", files)) paths.push_back(std::move(*v2));
  return paths;
}

std::optional<std::string> read_first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<std::uint64_t> smallest_cgroup_limit(std::string_view controller, std::string_view v1_file,
                                                   std::string_view v2_file, const KernelFiles& files) {
  // Version 1 writes "no limit" as the largest multiple of the page size below 2^63; nothing real comes near
  // 2^62.
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
  std::optional<std::uint64_t> smallest;
  for (const CgroupPath& path : find_cgroup_paths(controller, files)) {
    for (const std::filesystem::path& directory : path.directories) {
      const auto line = read_first_line(directory / (path.unified ? v2_file : v1_file));
      if (!line) continue;
      std::uint64_t value = 0;
      const auto parsed = std::from_chars(line->data(), line->data() + line->size(), value);
      if (parsed.ec != std::errc{} || value >= kNoLimit) continue;  // "max"
      if (!smallest || value < *smallest) smallest = value;
    }
  }
  return smallest;
}

}  // namespace twinpool
