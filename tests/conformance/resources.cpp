// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/resources.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

namespace twinpool::conformance {
namespace {

namespace fs = std::filesystem;

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct ProcessLine {
  char state = '?';
  int parent = 0;
};

/// The fields after the command name, which may itself hold blanks and brackets. Nothing when it has ended.
std::optional<ProcessLine> read_stat(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos || bracket + 4 >= line.size()) return std::nullopt;
  return ProcessLine{line[bracket + 2], std::atoi(line.c_str() + bracket + 4)};
}

std::set<int> numbers_in(const fs::path& folder) {
  std::set<int> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (const auto value = number(entry.path().filename())) found.insert(*value);
  }
  return found;
}

std::set<std::string> descriptors_now() {
  std::set<std::string> found;
  for (const int descriptor : numbers_in("/proc/self/fd")) {
    std::error_code gone;
    const auto target = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), gone);
    if (!gone) found.insert(std::to_string(descriptor) + " -> " + target.string());
  }
  return found;
}

std::size_t shared_mappings_now() {
  std::size_t count = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto blank = line.find(' ');
    if (blank != std::string::npos && line.size() > blank + 4 && line[blank + 4] == 's') ++count;
  }
  return count;
}

}  // namespace

std::set<int> descendants_of(int root) {
  std::multimap<int, int> children;
  for (const int pid : numbers_in("/proc")) {
    if (const auto line = read_stat(pid)) children.emplace(line->parent, pid);
  }
  std::set<int> found;
  std::vector<int> open{root};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = begin; child != end; ++child) {
      if (found.insert(child->second).second) open.push_back(child->second);
    }
  }
  return found;
}

bool is_alive(int pid) {
  const auto line = read_stat(pid);
  return line && line->state != 'Z' && line->state != 'X';
}

Resources held_now() {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer starts a thread of its own beside the program's first; have it there before anything is
  // compared.
  static const bool warmed = [] {
    std::thread([] {}).join();
    return true;
  }();
  static_cast<void>(warmed);
#endif
  return Resources{.threads = numbers_in("/proc/self/task"),
                   .descriptors = descriptors_now(),
                   .processes = descendants_of(getpid()),
                   .shared_mappings = shared_mappings_now()};
}

std::string difference(const Resources& before, const Resources& after) {
  std::string text;
  for (const int thread : after.threads) {
    if (!before.threads.contains(thread)) text += "thread " + std::to_string(thread) + "; ";
  }
  for (const auto& descriptor : after.descriptors) {
    if (!before.descriptors.contains(descriptor)) text += "descriptor " + descriptor + "; ";
  }
  for (const int process : after.processes) {
    if (!before.processes.contains(process)) text += "process " + std::to_string(process) + "; ";
  }
  text += std::to_string(before.shared_mappings) + " shared mappings before, " +
          std::to_string(after.shared_mappings) + " after";
  return text;
}

}  // namespace twinpool::conformance
