// SPDX-License-Identifier: Apache-2.0
#include "bench/option_readers.h"

#include <fmt/format.h>

#include <fstream>

#include "bench/cli.h"
#include "bench/nearest_name.h"
#include "bench/units.h"

namespace twinpool::bench {

std::uint64_t read_count(std::string_view flag, const std::string& text, std::uint64_t least,
                         std::uint64_t most) {
  if (text.starts_with('-'))
    throw UsageError(fmt::format("{} must be {} or more, not {}", flag, least, text));
  const auto count = parse_count(flag, text);
  if (!count) throw UsageError(count.error);
  if (*count < least) throw UsageError(fmt::format("{} must be {} or more, not {}", flag, least, text));
  if (*count > most) throw UsageError(fmt::format("{} can be {} at most, not {}", flag, most, text));
  return *count;
}

std::vector<Backend> read_backends(const std::string& name) {
  if (name == "both") return {kBackends.begin(), kBackends.end()};
  if (const auto backend = parse_backend(name)) return {*backend};
  auto names = backend_names();
  names.emplace_back("both");
  throw UsageError(fmt::format("unknown backend '{}'{}", name, suggest_name(name, names)));
}

std::vector<std::string> own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

}  // namespace twinpool::bench
