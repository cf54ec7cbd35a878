// SPDX-License-Identifier: Apache-2.0
#include "bench/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "bench/cli.h"
#include "bench/nearest_name.h"
#include "bench/plan.h"
#include "bench/units.h"
#include "bench/workloads/tails.h"

namespace twinpool::bench {
namespace {

using namespace std::chrono_literals;

/// A pool that loses workers faster than this is about its restart intensity and not about latency.
constexpr std::chrono::milliseconds kLeastCrashGap{100};

constexpr std::array kAllArrivals{Arrivals::kFixed, Arrivals::kPoisson};

/// "70%": above 0 %.
double read_share(const char* flag, const std::string& text) {
  double percent = 0;
  const char* const last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), last, percent, std::chars_format::fixed);
  if (error != std::errc() || end != last || !(percent > 0) || percent > kMostPercent) {
    throw UsageError(fmt::format(
        "{}: '{}' is no share of the capacity; write more than 0% and at most {:.0f}%, for example 70%", flag,
        text, kMostPercent));
  }
  return percent;
}

Arrivals read_arrivals(const std::string& text) {
  if (const auto arrivals = arrivals_named(text)) return *arrivals;
  std::vector<std::string> names;
  for (const Arrivals one : kAllArrivals) names.emplace_back(name_of(one));
  throw UsageError(fmt::format("--arrivals cannot be '{}'{}", text, suggest_name(text, names)));
}

std::chrono::nanoseconds read_length(const char* flag, const std::string& text) {
  const auto length = parse_duration(flag, text);
  if (!length) throw UsageError(length.error);
  return *length;
}

/// All but the rate, which is the same for every rate.
OpenLoad read_manner(const BenchOptions& options) {
  OpenLoad load;
  if (!options.arrivals.empty()) load.arrivals = read_arrivals(options.arrivals);
  if (!options.stall.empty()) load.stall = read_length("--stall", options.stall);
  if (!options.crash_every.empty()) {
    if (!options.stall.empty())
      throw UsageError("--crash-every and --stall exclude each other: each hides what the other does");
    load.crash_every = read_length("--crash-every", options.crash_every);
    if (load.crash_every < kLeastCrashGap) {
      throw UsageError(fmt::format("--crash-every must be {} or more, not {}", print_duration(kLeastCrashGap),
                                   options.crash_every));
    }
  }
  if (options.stall_every.empty()) return load;
  if (options.stall.empty())
    throw UsageError("--stall-every says how often to stall; add --stall T, for how long");
  load.stall_every = read_length("--stall-every", options.stall_every);
  if (load.stall_every < 2 * load.stall) {
    throw UsageError(fmt::format("--stall-every must be at least twice --stall, {}, not {}",
                                 print_duration(2 * load.stall), options.stall_every));
  }
  return load;
}

std::vector<OpenLoad> tails() {
  std::vector<OpenLoad> loads;
  for (const std::chrono::seconds crash_every : {0s, 1s}) {
    for (const double percent : {50.0, 80.0, 95.0})
      loads.push_back({.percent = percent, .crash_every = crash_every});
  }
  return loads;
}

/// "10%..120%" or "1k..50k/s".
OpenLoad read_ramp(const std::string& text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos) {
    throw UsageError(fmt::format(
        "--ramp is the rate at the begin of a round and that at its end, for example 10%..120%, not '{}'",
        text));
  }
  const OpenLoad end = read_rate(text.substr(dots + 2), "--ramp");
  OpenLoad load = read_rate(text.substr(0, dots), "--ramp");
  if ((load.percent > 0) != (end.percent > 0)) {
    throw UsageError(fmt::format(
        "--ramp '{}' begins and ends in different units; write both as % of the capacity or neither", text));
  }
  load.rise_to = end.rate();
  if (load.rise_to <= load.rate())
    throw UsageError(
        fmt::format("--ramp '{}' does not rise; the second rate has to be the higher one", text));
  return load;
}

/// The load of --ramp.
OpenLoad read_ramped(const BenchOptions& options) {
  if (!options.rates.empty())
    throw UsageError("--ramp and --rate exclude each other: a ramp has every rate from its begin to its end");
  if (!options.stall.empty() || !options.stall_every.empty() || !options.crash_every.empty())
    throw UsageError(
        "--ramp looks for the rate that is too much, which a --stall or --crash-every would hide; use --rate "
        "with those");
  if (!options.plant.empty()) throw UsageError("--plant slows a closed loop down; leave out --ramp");
  OpenLoad load = read_ramp(options.ramp);
  load.arrivals = read_manner(options).arrivals;
  return load;
}

/// "10k,20k,70%" split at the commas.
std::vector<std::string> split_rates(const std::vector<std::string>& lists) {
  std::vector<std::string> rates;
  for (const std::string& list : lists) {
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t comma = std::min(list.find(',', at), list.size());
      rates.push_back(list.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return rates;
}

/// With --tasks the rate says how long a round is.
void check_counted_round(const OpenLoad& load, std::uint64_t tasks, const std::string& rate) {
  if (load.stall.count() > 0 || load.crash_every.count() > 0 || load.is_ramp()) {
    const char* const flag = load.is_ramp() ? "--ramp" : load.stall.count() > 0 ? "--stall" : "--crash-every";
    throw UsageError(
        fmt::format("{} needs a round of known length; write --duration instead of --tasks", flag));
  }
  if (tasks > kMostOpenTasks)
    throw UsageError(fmt::format("--tasks can be {} at most with --rate, not {}", kMostOpenTasks, tasks));
  const double length_s = load.tasks_per_s > 0 ? static_cast<double>(tasks) / load.tasks_per_s : 0;
  if (length_s > std::chrono::duration<double>(kLongestRound).count()) {
    throw UsageError(
        fmt::format("{} tasks at {} take {}, and a round can be {} s at most; write fewer --tasks, or a "
                    "higher --rate",
                    tasks, rate, print_duration(length_s), kLongestRound.count()));
  }
}

}  // namespace

std::string_view name_of(Arrivals arrivals) { return arrivals == Arrivals::kFixed ? "fixed" : "poisson"; }

std::optional<Arrivals> arrivals_named(std::string_view name) {
  for (const Arrivals one : kAllArrivals) {
    if (name == name_of(one)) return one;
  }
  return std::nullopt;
}

std::string rate_name(const OpenLoad& load) {
  const char* const unit = load.percent > 0 ? "%" : "";
  std::string name = fmt::format("{}{}", load.rate(), unit);
  if (load.is_ramp()) name += fmt::format("..{}{}", load.rise_to, unit);
  return name;
}

OpenLoad read_rate(const std::string& text, const char* flag) {
  OpenLoad load;
  if (text.ends_with('%')) {
    load.percent = read_share(flag, text);
    return load;
  }
  const auto rate = parse_rate(flag, text);
  if (!rate) throw UsageError(rate.error + ", or 70% of the capacity");
  if (*rate > kMostRate) {
    throw UsageError(fmt::format("{} can be {} at most, which is more than one thread submits, not {}", flag,
                                 print_rate(kMostRate, "tasks", Grouping::kNone), text));
  }
  load.tasks_per_s = *rate;
  return load;
}

std::vector<OpenLoad> read_loads(const BenchOptions& options) {
  if (!options.ramp.empty()) return {read_ramped(options)};
  if (options.rates.empty()) {
    const std::array<std::pair<const char*, const std::string*>, 4> needing{
        {{"--arrivals", &options.arrivals},
         {"--stall", &options.stall},
         {"--stall-every", &options.stall_every},
         {"--crash-every", &options.crash_every}}};
    for (const auto& [flag, text] : needing) {
      if (!text->empty())
        throw UsageError(fmt::format("{} belongs to an open loop; add --rate, for example --rate 70%", flag));
    }
    return options.suite == kTailsSuite ? tails() : std::vector<OpenLoad>();
  }
  if (!options.plant.empty()) throw UsageError("--plant slows a closed loop down; leave out --rate");
  const OpenLoad manner = read_manner(options);
  std::vector<OpenLoad> loads;
  for (const std::string& text : split_rates(options.rates)) {
    OpenLoad load = manner;
    const OpenLoad rate = read_rate(text);
    load.tasks_per_s = rate.tasks_per_s;
    load.percent = rate.percent;
    if (std::find(loads.begin(), loads.end(), load) == loads.end()) loads.push_back(load);
  }
  return loads;
}

std::chrono::nanoseconds default_round_length(const OpenLoad& load) {
  if (load.is_ramp()) return kRampLength;
  return std::max<std::chrono::nanoseconds>({kOpenRoundLength, kStallsInRound * load.stall,
                                             2 * load.stall_every, kCrashesInRound * load.crash_every});
}

void check_round(const OpenLoad& load, const std::optional<std::uint64_t>& tasks,
                 std::chrono::nanoseconds round_length) {
  const double tasks_per_s = load.tasks_per_s * load.mean();
  const std::string rate = print_rate(tasks_per_s, "tasks", Grouping::kNone);
  if (tasks) {
    check_counted_round(load, *tasks, rate);
    return;
  }
  if (load.crash_every.count() > 0 && (round_length > kLongestRound || round_length <= load.crash_every)) {
    throw UsageError(
        fmt::format("a round of {} does not suit a crash every {}: it has to be longer, and {} s at most",
                    print_duration(round_length), print_duration(load.crash_every), kLongestRound.count()));
  }
  const auto holds = std::max(2 * load.stall, load.stall_every);
  if (load.stall.count() > 0 && (round_length > kLongestRound || round_length < holds)) {
    throw UsageError(
        fmt::format("a round of {} is {} for a stall of {}: a round has to hold it twice, and can be {} s at "
                    "most; write {}",
                    print_duration(round_length), round_length < holds ? "too short" : "too long",
                    print_duration(load.stall), kLongestRound.count(),
                    round_length < holds ? "a longer --duration" : "a shorter --stall, or --duration"));
  }
  if (tasks_per_s <= 0) return;
  const double count = tasks_per_s * std::chrono::duration<double>(round_length).count();
  const bool few = count < static_cast<double>(kFewestOpenTasks);
  if (few || count > static_cast<double>(kMostOpenTasks)) {
    throw UsageError(fmt::format(
        "{} {} gives {} tasks in a round of {}, and a round has {} to {}; write a {}",
        load.is_ramp() ? "--ramp, on average" : "--rate", rate, print_number(count, Grouping::kNone),
        print_duration(round_length), kFewestOpenTasks, kMostOpenTasks,
        few ? "higher rate, or a longer --duration" : "lower rate, or a shorter --duration"));
  }
}

}  // namespace twinpool::bench
