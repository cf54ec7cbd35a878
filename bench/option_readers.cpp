// SPDX-License-Identifier: Apache-2.0
#include "bench/option_readers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
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

std::vector<std::uint64_t> read_counts(std::string_view flag, std::string_view list, std::uint64_t least,
                                       std::uint64_t most) {
  constexpr std::string_view kDots = "..";
  std::vector<std::uint64_t> counts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string item(list.substr(at, comma - at));
    const std::size_t dots = item.find(kDots);
    const std::uint64_t first = read_count(flag, item.substr(0, dots), least, most);
    std::uint64_t last = first;
    if (dots != std::string::npos) last = read_count(flag, item.substr(dots + kDots.size()), least, most);
    if (last < first)
      throw UsageError(
          fmt::format("{}: the range '{}' runs backwards; write {}..{}", flag, item, last, first));
    for (std::uint64_t count = first; count <= last; ++count) counts.push_back(count);
    at = comma + 1;
  }
  return counts;
}

bool read_switch(std::string_view flag, const std::string& text) {
  static const std::array<std::string, 2> kWords{"on", "off"};
  if (text == kWords[0]) return true;
  if (text == kWords[1]) return false;
  throw UsageError(fmt::format("{} cannot be '{}'{}", flag, text, suggest_name(text, kWords)));
}

std::optional<double> parse_percent(std::string_view text, double most_percent) {
  double percent = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, percent);
  if (error != std::errc() || std::string_view(end, last) != "%" || !(percent > 0) || percent > most_percent)
    return std::nullopt;
  return percent / 100;
}

double read_share(std::string_view flag, const std::string& text) {
  const auto share = parse_percent(text, 100);
  if (!share)
    throw UsageError(
        fmt::format("{} must be above 0 % and at most 100 %, for example 5%, not '{}'", flag, text));
  return *share;
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
