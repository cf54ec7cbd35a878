// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/backend.h"

/// What several commands read from their options in the same way.
namespace twinpool::bench {

/// A whole number from `least` to `most`. Errors: UsageError that names the flag, the limit and what was
/// typed.
[[nodiscard]] std::uint64_t read_count(std::string_view flag, const std::string& text, std::uint64_t least,
                                       std::uint64_t most);
/// A list of such numbers and of ranges of them, in the order typed: "1,2,4", "1..4" or "1,4..6".
/// Errors: as above, and a range that runs backwards.
[[nodiscard]] std::vector<std::uint64_t> read_counts(std::string_view flag, std::string_view list,
                                                     std::uint64_t least, std::uint64_t most);
/// "on" or "off". Errors: UsageError that suggests the nearest word.
[[nodiscard]] bool read_switch(std::string_view flag, const std::string& text);
/// A share such as "5%", above 0 % and at most `most_percent`, as a fraction; nothing for any other text.
[[nodiscard]] std::optional<double> parse_percent(std::string_view text, double most_percent);
/// The same, at most 100 %. Errors: UsageError that names the flag.
[[nodiscard]] double read_share(std::string_view flag, const std::string& text);
/// "threads", "processes" or "both". Errors: UsageError that suggests the nearest name.
[[nodiscard]] std::vector<Backend> read_backends(const std::string& name);
/// This program's own command line, for reports.
[[nodiscard]] std::vector<std::string> own_command_line();

}  // namespace twinpool::bench
