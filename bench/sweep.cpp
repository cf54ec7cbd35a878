// SPDX-License-Identifier: Apache-2.0
#include "bench/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "bench/cli.h"
#include "bench/nearest_name.h"
#include "bench/option_readers.h"
#include "bench/plan.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

constexpr std::array kAxes{SweepAxis::kWorkers, SweepAxis::kPayload, SweepAxis::kWindow, SweepAxis::kRate};
constexpr std::string_view kDots = "..";
constexpr std::uint64_t kRateValues = 8;
constexpr double kPayloadFactor = 4;
constexpr double kWindowFactor = 2;

/// One value of an axis. A rate is per second, or per cent of the capacity.
struct Value {
  double number = 0;
  bool percent = false;
};

std::string flag_of(SweepAxis axis) { return fmt::format("--sweep {}", name_of(axis)); }

template <typename T>
double number_of(const Parsed<T>& parsed) {
  if (!parsed) throw UsageError(parsed.error);
  return static_cast<double>(*parsed);
}

Value read_value(SweepAxis axis, const std::string& text) {
  switch (axis) {
    case SweepAxis::kWorkers:
      return {static_cast<double>(read_count(flag_of(axis), text, 1, kMaxWorkers))};
    case SweepAxis::kWindow:
      return {static_cast<double>(read_count(flag_of(axis), text, 1, kMaxQueueCapacity))};
    case SweepAxis::kPayload:
      return {number_of(parse_size(flag_of(axis), text))};
    case SweepAxis::kRate:
      break;
  }
  const OpenLoad load = read_rate(text);
  return {load.rate(), load.percent > 0};
}

std::string write_value(SweepAxis axis, const Value& value) {
  if (axis != SweepAxis::kRate) return fmt::format("{:.0f}", value.number);
  return fmt::format("{}{}", value.number, value.percent ? "%" : "");
}

/// Between the ends: whole numbers, and rates with three digits, as nobody wants to read 13.894954943731374
/// %.
double tidy(SweepAxis axis, double number) {
  if (axis != SweepAxis::kRate) return std::round(number);
  const double step = std::pow(10.0, std::floor(std::log10(number)) - 2);
  return std::stod(fmt::format("{:.6g}", std::round(number / step) * step));
}

/// What stands between FIRST and LAST, and how it was asked for.
struct Steps {
  char sign = ':';  ///< ':' so many values, '*' a factor, '+' a distance
  double size = 0;
};

Steps default_steps(SweepAxis axis) {
  switch (axis) {
    case SweepAxis::kWorkers:
      return {'+', 1};
    case SweepAxis::kPayload:
      return {'*', kPayloadFactor};
    case SweepAxis::kWindow:
      return {'*', kWindowFactor};
    case SweepAxis::kRate:
      break;
  }
  return {':', kRateValues};
}

Steps read_steps(SweepAxis axis, char sign, const std::string& text, bool percent) {
  if (sign == ':') return {sign, static_cast<double>(read_count(flag_of(axis), text, 2, kMostSweptCells))};
  if (sign == '+') {
    const Value distance = read_value(axis, text);
    if (distance.percent != percent || distance.number <= 0)
      throw UsageError(
          fmt::format("{}: '+{}' is no distance between two of its values", flag_of(axis), text));
    return {sign, distance.number};
  }
  double factor = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), factor, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(factor > 1))
    throw UsageError(fmt::format("{}: '*{}' is no factor above 1", flag_of(axis), text));
  return {sign, factor};
}

/// From first to last, both among them.
std::vector<double> walk(SweepAxis axis, double first, double last, const Steps& steps) {
  std::vector<double> numbers;
  const auto add = [&](double number) {
    if (numbers.size() == kMostSweptCells) {
      throw UsageError(
          fmt::format("{} has more than {} values; take larger steps", flag_of(axis), kMostSweptCells));
    }
    if (numbers.empty() || number > numbers.back()) numbers.push_back(number);
  };
  if (steps.sign == ':') {
    const bool factors = axis != SweepAxis::kWorkers;
    const double count = steps.size - 1;
    for (double i = 0; i < count; ++i) {
      add(tidy(axis,
               factors ? first * std::pow(last / first, i / count) : first + (last - first) * i / count));
    }
  } else {
    for (double at = first; at < last; at = steps.sign == '*' ? at * steps.size : at + steps.size)
      add(at == first ? first : std::min(last, tidy(axis, at)));
  }
  add(last);
  return numbers;
}

Sweep read_range(SweepAxis axis, const std::string& text, std::size_t dots) {
  std::string last_text = text.substr(dots + kDots.size());
  const std::size_t sign = last_text.find_first_of(":*+");
  const Value first = read_value(axis, text.substr(0, dots)),
              last = read_value(axis, last_text.substr(0, sign));
  if (first.percent != last.percent)
    throw UsageError(
        fmt::format("{}: '{}' mixes a share of the capacity with tasks per second", flag_of(axis), text));
  if (first.number >= last.number) {
    throw UsageError(fmt::format("{}: '{}' does not rise; write {}..{}", flag_of(axis), text,
                                 write_value(axis, last), write_value(axis, first)));
  }
  const Steps steps = sign == std::string::npos
                          ? default_steps(axis)
                          : read_steps(axis, last_text[sign], last_text.substr(sign + 1), first.percent);
  const bool factors = steps.sign == '*' || (steps.sign == ':' && axis != SweepAxis::kWorkers);
  if (factors && first.number <= 0)
    throw UsageError(
        fmt::format("{}: no factor leads away from 0; begin with 1, or step by +D", flag_of(axis)));
  Sweep sweep{.axis = axis, .values = {}, .geometric = factors};
  for (const double number : walk(axis, first.number, last.number, steps))
    sweep.values.push_back(write_value(axis, {number, first.percent}));
  return sweep;
}

Sweep read_list(SweepAxis axis, const std::string& text) {
  std::vector<Value> values;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    values.push_back(read_value(axis, text.substr(at, comma - at)));
    if (values.back().percent != values.front().percent)
      throw UsageError(
          fmt::format("{}: '{}' mixes a share of the capacity with tasks per second", flag_of(axis), text));
    at = comma + 1;
  }
  std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) { return a.number < b.number; });
  Sweep sweep{
      .axis = axis, .values = {}, .geometric = axis != SweepAxis::kWorkers && values.front().number > 0};
  for (const Value& value : values) {
    const std::string one = write_value(axis, value);
    if (sweep.values.empty() || sweep.values.back() != one) sweep.values.push_back(one);
  }
  return sweep;
}

bool is_set(SweepAxis axis, const BenchOptions& options) {
  switch (axis) {
    case SweepAxis::kWorkers:
      return !options.workers.empty();
    case SweepAxis::kPayload:
      return !options.payload.empty();
    case SweepAxis::kWindow:
      return !options.window.empty();
    case SweepAxis::kRate:
      break;
  }
  return !options.rates.empty();
}

void set(SweepAxis axis, const std::string& value, BenchOptions& options) {
  switch (axis) {
    case SweepAxis::kWorkers:
      options.workers = {value};
      break;
    case SweepAxis::kPayload:
      options.payload = value;
      break;
    case SweepAxis::kWindow:
      options.window = value;
      break;
    case SweepAxis::kRate:
      options.rates = {value};
      break;
  }
}

}  // namespace

std::string_view name_of(SweepAxis axis) {
  switch (axis) {
    case SweepAxis::kWorkers:
      return "workers";
    case SweepAxis::kPayload:
      return "payload";
    case SweepAxis::kWindow:
      return "window";
    case SweepAxis::kRate:
      return "rate";
  }
  return "unknown";
}

Sweep read_sweep(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  std::vector<std::string> names;
  for (const SweepAxis axis : kAxes) {
    names.emplace_back(name_of(axis));
    if (name != names.back()) continue;
    if (equals == std::string::npos) break;
    const std::string values = text.substr(equals + 1);
    const std::size_t dots = values.find(kDots);
    return dots == std::string::npos ? read_list(axis, values) : read_range(axis, values, dots);
  }
  if (equals == std::string::npos)
    throw UsageError(
        fmt::format("--sweep must be NAME=FIRST..LAST, for example workers=1..8, not '{}'", text));
  throw UsageError(fmt::format("--sweep cannot change '{}'{}", name, suggest_name(name, names)));
}

std::vector<Sweep> read_sweeps(const BenchOptions& options) {
  std::vector<Sweep> sweeps;
  for (const std::string& text : options.sweeps) {
    Sweep sweep = read_sweep(text);
    if (is_set(sweep.axis, options)) {
      throw UsageError(
          fmt::format("{} and --{} exclude each other", flag_of(sweep.axis), name_of(sweep.axis)));
    }
    const auto same = [&](const Sweep& other) { return other.axis == sweep.axis; };
    if (std::any_of(sweeps.begin(), sweeps.end(), same))
      throw UsageError(fmt::format("{} was given twice", flag_of(sweep.axis)));
    sweeps.push_back(std::move(sweep));
  }
  return sweeps;
}

std::vector<BenchOptions> expand_sweeps(const BenchOptions& options, const std::vector<Sweep>& sweeps) {
  std::vector<BenchOptions> all{options};
  for (const Sweep& sweep : sweeps) {
    if (all.size() * sweep.values.size() > kMostSweptCells) {
      throw UsageError(fmt::format("--sweep makes more than {} cells, which are the most; sweep fewer values",
                                   kMostSweptCells));
    }
    std::vector<BenchOptions> more;
    for (const BenchOptions& one : all) {
      for (const std::string& value : sweep.values) {
        more.push_back(one);
        set(sweep.axis, value, more.back());
      }
    }
    all = std::move(more);
  }
  return all;
}

}  // namespace twinpool::bench
