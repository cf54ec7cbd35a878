// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/residue.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "bench/faults/feed.h"

namespace twinpool::bench {
namespace {

int count_entries(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

int count_memory_files() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);)
    count += line.find("/memfd:") != std::string::npos ? 1 : 0;
  return count;
}

/// A fault may have brought a limit near; what is to be counted lies above it.
void lift(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

std::set<std::string> names_in(const std::filesystem::path& folder, std::string_view beginning) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(beginning)) names.insert(std::move(name));
  }
  return names;
}

}  // namespace

Holdings read_holdings() {
  return {count_entries("/proc/self/task"), count_entries("/proc/self/fd"), count_memory_files()};
}

Holdings wait_for_rest(const Holdings& before, std::chrono::milliseconds limit) {
  lift(RLIMIT_NOFILE);
  lift(RLIMIT_AS);
  const auto deadline = Clock::now() + limit;
  while (true) {
    const Holdings now = read_holdings();
    const Holdings rest{now.threads - before.threads, now.descriptors - before.descriptors,
                        now.memory_files - before.memory_files};
    if ((rest.threads <= 0 && rest.descriptors <= 0 && rest.memory_files <= 0) || Clock::now() > deadline)
      return {std::max(rest.threads, 0), std::max(rest.descriptors, 0), std::max(rest.memory_files, 0)};
    pause_for(std::chrono::milliseconds(1));
  }
}

nlohmann::json to_json(const Holdings& holdings) {
  return {{"threads", holdings.threads},
          {"descriptors", holdings.descriptors},
          {"memory_files", holdings.memory_files}};
}

Litter read_litter() {
  std::error_code error;
  const auto here = std::filesystem::current_path(error);
  return {names_in("/dev/shm", "twinpool"), error ? std::set<std::string>() : names_in(here, "core")};
}

}  // namespace twinpool::bench
