// SPDX-License-Identifier: Apache-2.0
#include "bench/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace twinpool::bench {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 7> kDurationUnits{
    {{"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"m", 60e9}}};
constexpr std::array<Unit, 11> kSizeUnits{{{"", 1},
                                           {"B", 1},
                                           {"k", 1e3},
                                           {"kB", 1e3},
                                           {"M", 1e6},
                                           {"MB", 1e6},
                                           {"G", 1e9},
                                           {"GB", 1e9},
                                           {"KiB", 1024},
                                           {"MiB", 1024.0 * 1024},
                                           {"GiB", 1024.0 * 1024 * 1024}}};
constexpr std::array<Unit, 4> kCountUnits{{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}}};

/// Gives: the number times its unit, or nothing when the text is not of the grammar.
std::optional<double> parse(std::string_view text, std::span<const Unit> units) {
  if (text.empty() || text.front() < '0' || text.front() > '9')
    return std::nullopt;  // no sign, "inf", "nan", ".5"
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
  for (const Unit& unit : units) {
    if (unit.name == rest) return number * unit.factor;
  }
  return std::nullopt;
}

template <typename T>
Parsed<T> refuse(std::string_view name, std::string_view text, std::string_view why) {
  return {std::nullopt, fmt::format("{}: '{}' {}", name, text, why)};
}

/// Whole numbers only, up to 2^53: beyond, a double cannot tell neighbours apart, and no machine has so many
/// bytes or tasks.
Parsed<std::uint64_t> parse_whole(std::string_view name, std::string_view text, std::span<const Unit> units,
                                  std::string_view what, std::string_view example) {
  constexpr double kLargest = 9007199254740992.0;
  const auto value = parse(text, units);
  if (!value)
    return refuse<std::uint64_t>(name, text, fmt::format("is not a {}; write for example {}", what, example));
  if (*value > kLargest) return refuse<std::uint64_t>(name, text, fmt::format("is too large a {}", what));
  if (*value != std::floor(*value)) {
    return refuse<std::uint64_t>(name, text,
                                 fmt::format("is not a whole {}; write for example {}", what, example));
  }
  return {static_cast<std::uint64_t>(*value), {}};
}

std::string group(std::string digits, Grouping grouping) {
  if (grouping == Grouping::kNone) return digits;
  const std::string_view separator = grouping == Grouping::kComma ? "," : "\u202f";
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  std::size_t at = std::min(digits.find('.'), digits.size());
  while (at > first + 3) {
    at -= 3;
    digits.insert(at, separator);
  }
  return digits;
}

/// Three significant digits without an exponent: 0.00123, 1.23, 12.3, 123, 1230.
std::string three_digits(double value) {
  if (value == 0) return "0";
  const double magnitude = std::floor(std::log10(std::fabs(value)));
  const double step = std::pow(10.0, magnitude - 2);
  const double rounded = magnitude >= 2 ? std::round(value / step) * step : value;
  int decimals = magnitude >= 2 ? 0 : static_cast<int>(2 - magnitude);
  std::string text = fmt::format("{:.{}f}", rounded, decimals);
  // 9.999 rounds to 10.00: a digit too many.
  if (decimals > 0 && std::fabs(std::stod(text)) >= std::pow(10.0, magnitude + 1)) {
    text = fmt::format("{:.{}f}", rounded, --decimals);
  }
  return text;
}

std::string scale(double value, double base, std::span<const std::string_view> units) {
  std::size_t unit = 0;
  while (std::fabs(value) >= 999.5 && unit + 1 < units.size()) {
    value /= base;
    ++unit;
  }
  return fmt::format("{} {}", group(three_digits(value), Grouping::kNone), units[unit]);
}

}  // namespace

Parsed<std::chrono::nanoseconds> parse_duration(std::string_view name, std::string_view text) {
  using std::chrono::nanoseconds;
  constexpr double kLargest = 100.0 * 365 * 86400 * 1e9;  // a century; 2^63 ns are 292 years
  const auto value = parse(text, kDurationUnits);
  if (!value) return refuse<nanoseconds>(name, text, "is not a duration; write for example 500ms or 2s");
  if (*value < 1) return refuse<nanoseconds>(name, text, "is too short; a duration is at least 1ns");
  if (*value > kLargest)
    return refuse<nanoseconds>(name, text, "is too long; a duration is at most a hundred years");
  return {nanoseconds(std::llround(*value)), {}};
}

Parsed<std::uint64_t> parse_size(std::string_view name, std::string_view text) {
  if (text.size() > 1 && text.ends_with('K') && text.find_first_not_of("0123456789.") == text.size() - 1) {
    const std::string_view digits = text.substr(0, text.size() - 1);
    return refuse<std::uint64_t>(
        name, text, fmt::format("is ambiguous; write {0}k (times 1000) or {0}KiB (times 1024)", digits));
  }
  return parse_whole(name, text, kSizeUnits, "size", "64KiB");
}

Parsed<std::uint64_t> parse_count(std::string_view name, std::string_view text) {
  return parse_whole(name, text, kCountUnits, "count", "1000 or 10k");
}

Parsed<std::int64_t> parse_integer(std::string_view name, std::string_view text, std::int64_t least,
                                   std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
    return {value, {}};
  return {std::nullopt,
          fmt::format("{} must be a whole number from {} to {}, not '{}'", name, least, most, text)};
}

Parsed<double> parse_rate(std::string_view name, std::string_view text) {
  std::string_view number = text;
  double per_second = 1;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view per = text.substr(slash + 1);
    number = text.substr(0, slash);
    if (per == "s") {
      per_second = 1;
    } else if (per == "ms") {
      per_second = 1000;
    } else if (per == "min") {
      per_second = 1.0 / 60;
    } else {
      number = {};
    }
  }
  const auto value = parse(number, kCountUnits);
  if (!value || !std::isfinite(*value))
    return refuse<double>(name, text, "is not a rate; write for example 10k/s");
  if (*value <= 0) return refuse<double>(name, text, "is not a rate above 0; write for example 10k/s");
  return {*value * per_second, {}};
}

std::string print_duration(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  constexpr std::array<std::string_view, 4> kUnits{"ns", "us", "ms", "s"};
  if (std::fabs(seconds) >= 599.5) return fmt::format("{} min", three_digits(seconds / 60));
  if (seconds == 0) return "0 s";
  return scale(seconds * 1e9, 1000, kUnits);
}

std::string print_duration(std::chrono::nanoseconds duration) {
  return print_duration(std::chrono::duration<double>(duration).count());
}

std::string print_size(double bytes) {
  if (!std::isfinite(bytes)) return "-";
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  if (std::fabs(bytes) < 1000 && bytes == std::floor(bytes)) return fmt::format("{:.0f} B", bytes);
  return scale(bytes, 1024, kUnits);
}

std::string print_count(std::uint64_t count, Grouping grouping) {
  return group(std::to_string(count), grouping);
}

std::string print_rate(double per_second, std::string_view what, Grouping grouping) {
  if (!std::isfinite(per_second)) return "-";
  return fmt::format("{} {}/s", print_number(per_second, grouping), what);
}

std::string print_number(double value, Grouping grouping) {
  if (!std::isfinite(value)) return "-";
  return group(three_digits(value), grouping);
}

}  // namespace twinpool::bench
