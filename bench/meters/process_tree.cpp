// SPDX-License-Identifier: Apache-2.0
#include "bench/meters/process_tree.h"

#include <charconv>
#include <map>
#include <sstream>
#include <string>
#include <system_error>

#include "bench/kernel_file.h"

namespace twinpool::bench {

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // The name stands in parentheses and is the process's own choice; only the *last* one closes it.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  ProcessStat stat;
  std::istringstream front{std::string(text.substr(0, open))};
  std::istringstream back{std::string(text.substr(close + 1))};
  long skipped = 0;
  if (!(front >> stat.pid)) return std::nullopt;
  if (!(back >> stat.state >> stat.parent)) return std::nullopt;
  for (int field = 5; field <= 8; ++field) back >> skipped;  // pgrp, session, tty_nr, tpgid (may be -1)
  back >> skipped;                                           // flags
  back >> stat.minor_faults >> stat.reaped_minor_faults >> stat.major_faults >> stat.reaped_major_faults;
  back >> stat.user_ticks >> stat.system_ticks >> stat.reaped_user_ticks >> stat.reaped_system_ticks;
  if (!back) return std::nullopt;
  return stat;
}

std::optional<ProcessStat> read_process_stat(pid_t pid, const std::filesystem::path& proc) {
  const auto text = read_kernel_file(proc / std::to_string(pid) / "stat");
  return text ? parse_process_stat(*text) : std::nullopt;
}

std::vector<ProcessStat> read_process_tree(pid_t root, const std::filesystem::path& proc) {
  const auto top = read_process_stat(root, proc);
  if (!top) return {};
  std::multimap<pid_t, ProcessStat> children;
  std::error_code error;
  for (std::filesystem::directory_iterator at(proc, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    pid_t pid = 0;
    const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed != std::errc{} || stop != name.data() + name.size() || pid == root) continue;
    if (const auto stat = read_process_stat(pid, proc)) children.emplace(stat->parent, *stat);
  }
  std::vector<ProcessStat> tree{*top};
  // Each process is reached from its one parent only; the entries taken are removed, so that pids which
  // changed hands during the scan can form no circle.
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const auto [first, last] = children.equal_range(tree[i].pid);
    for (auto child = first; child != last; ++child) tree.push_back(child->second);
    children.erase(first, last);
  }
  return tree;
}

std::vector<pid_t> list_process_tree(pid_t root, const std::filesystem::path& proc) {
  std::vector<pid_t> pids;
  for (const ProcessStat& stat : read_process_tree(root, proc)) pids.push_back(stat.pid);
  return pids;
}

}  // namespace twinpool::bench
