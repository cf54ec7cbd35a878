// SPDX-License-Identifier: Apache-2.0
#include "bench/meters/memory.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "bench/kernel_file.h"
#include "bench/meters/process_tree.h"

namespace twinpool::bench {

MemoryUse& MemoryUse::operator+=(const MemoryUse& other) {
  pss_bytes += other.pss_bytes;
  uss_bytes += other.uss_bytes;
  rss_bytes += other.rss_bytes;
  pss_shmem_bytes += other.pss_shmem_bytes;
  processes += other.processes;
  return *this;
}

std::optional<MemoryUse> parse_smaps_rollup(std::string_view text) {
  std::istringstream in{std::string(text)};
  MemoryUse use{.processes = 1};
  bool has_pss = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    if (!(words >> key >> kib)) continue;  // the heading: an address range and "[rollup]"
    const std::uint64_t bytes = kib * 1024;
    if (key == "Pss:") {
      use.pss_bytes = bytes;
      has_pss = true;
    } else if (key == "Rss:") {
      use.rss_bytes = bytes;
    } else if (key == "Pss_Shmem:") {
      use.pss_shmem_bytes = bytes;
    } else if (key == "Private_Clean:" || key == "Private_Dirty:") {
      use.uss_bytes += bytes;
    }
  }
  if (!has_pss) return std::nullopt;
  return use;
}

std::optional<MemoryUse> read_memory(pid_t pid, const std::filesystem::path& proc) {
  const auto text = read_kernel_file(proc / std::to_string(pid) / "smaps_rollup");
  return text ? parse_smaps_rollup(*text) : std::nullopt;
}

MemoryUse read_tree_memory(pid_t root, const std::filesystem::path& proc) {
  MemoryUse sum;
  for (const pid_t pid : list_process_tree(root, proc)) {
    if (const auto use = read_memory(pid, proc)) sum += *use;
  }
  return sum;
}

std::optional<std::uint64_t> read_rss_bytes(pid_t pid, const std::filesystem::path& proc) {
  std::ifstream in(proc / std::to_string(pid) / "statm");
  std::uint64_t size_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(in >> size_pages >> resident_pages)) return std::nullopt;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t read_tree_rss_bytes(pid_t root, const std::filesystem::path& proc) {
  std::uint64_t sum = 0;
  for (const pid_t pid : list_process_tree(root, proc)) sum += read_rss_bytes(pid, proc).value_or(0);
  return sum;
}

}  // namespace twinpool::bench
