// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinpool::bench {

/// What came of reading a user's text: a value, or a whole sentence that says what is wrong and what to write
/// instead.
template <typename T>
struct Parsed {
  std::optional<T> value;
  std::string error;  ///< empty when there is a value

  explicit operator bool() const { return value.has_value(); }
  const T& operator*() const { return *value; }
};

/// All parsers but that of integers share one grammar: digits with an optional decimal part, then a unit,
/// with at most one blank between. No sign, no exponent, no locale. `name` is the flag that the text was
/// given to; it begins the error sentence.
///
/// Durations: ns, us (or µs), ms, s, min (or m); a unit is required, for nobody agrees on what a bare number
/// means. Above 0.
Parsed<std::chrono::nanoseconds> parse_duration(std::string_view name, std::string_view text);

/// Sizes in bytes: none or B, k M G (powers of 1000; also kB MB GB), KiB MiB GiB (powers of 1024). A whole
/// number of bytes.
Parsed<std::uint64_t> parse_size(std::string_view name, std::string_view text);

/// Counts: none, k, M, G (powers of 1000). A whole number; 0 is a count, callers refuse it where it makes no
/// sense.
Parsed<std::uint64_t> parse_count(std::string_view name, std::string_view text);

/// A bare whole number, with a minus sign where it is below 0, from `least` to `most`.
Parsed<std::int64_t> parse_integer(std::string_view name, std::string_view text, std::int64_t least,
                                   std::int64_t most);

/// Rates per second: a count and an optional "/s", "/ms" or "/min". Above 0.
Parsed<double> parse_rate(std::string_view name, std::string_view text);

/// How groups of three digits are kept apart.
enum class Grouping { kNarrowSpace, kComma, kNone };

/// The printers give three significant digits (counts are exact) and a unit that keeps the figure between 1
/// and 1000 where one exists. What is not a finite number is printed as "-".
std::string print_duration(double seconds);
std::string print_duration(std::chrono::nanoseconds duration);
std::string print_size(double bytes);
std::string print_count(std::uint64_t count, Grouping grouping = Grouping::kNarrowSpace);
/// "1 310 000 tasks/s": no unit letters, since people compare these figures digit by digit.
std::string print_rate(double per_second, std::string_view what = "tasks",
                       Grouping grouping = Grouping::kNarrowSpace);
/// "0.618": three significant digits, no unit.
std::string print_number(double value, Grouping grouping = Grouping::kNarrowSpace);

}  // namespace twinpool::bench
