// SPDX-License-Identifier: Apache-2.0
#include "bench/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <set>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/nearest_name.h"
#include "bench/option_readers.h"
#include "bench/precision.h"
#include "bench/strategies.h"
#include "bench/units.h"
#include "shared/cgroup.h"
#include "shared/usable_cpus.h"

namespace twinpool::bench {
namespace {

/// Room in the segment beside payloads: alignment, and what the allocator keeps for itself.
constexpr std::uint64_t kSegmentSlack = std::uint64_t{64} << 20;

/// A default window holds no more payload than this: touching more says nothing new and takes long.
constexpr double kComfortableBytes = 1 << 30;

template <typename T>
T require(const Parsed<T>& parsed) {
  if (!parsed) throw UsageError(parsed.error);
  return *parsed;
}

std::vector<const Workload*> read_suite(const std::string& suite) {
  auto chosen = workloads_of_suite(suite.empty() ? "default" : suite);
  if (chosen.empty())
    throw UsageError(fmt::format("unknown suite '{}'{}", suite, suggest_name(suite, suite_names())));
  return chosen;
}

/// "NAME=VALUE". Errors: UsageError.
std::pair<std::string, std::string> split_parameter(const std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign == 0)
    throw UsageError(fmt::format("--param must be NAME=VALUE, not '{}'", text));
  return {text.substr(0, sign), text.substr(sign + 1)};
}

/// A parameter that no chosen workload has would silently do nothing.
void check_parameters(const std::vector<std::string>& typed, const std::vector<const Workload*>& chosen) {
  std::vector<std::string> known;
  for (const Workload* workload : chosen) {
    for (const Parameter& parameter : workload->parameters) known.emplace_back(parameter.name);
  }
  for (const std::string& text : typed) {
    const std::string name = split_parameter(text).first;
    if (known.empty())
      throw UsageError(fmt::format("--param {} means nothing: no chosen workload has parameters", text));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw UsageError(
          fmt::format("no chosen workload has a parameter '{}'{}", name, suggest_name(name, known)));
    }
  }
}

std::vector<std::uint64_t> read_parameters(const Workload& workload, const std::vector<std::string>& typed) {
  std::vector<std::uint64_t> values;
  for (const Parameter& parameter : workload.parameters) {
    values.push_back(parameter.value);
    for (const std::string& text : typed) {
      const auto [name, value] = split_parameter(text);
      if (name == parameter.name)
        values.back() = read_count("--param " + name, value, parameter.least, parameter.most);
    }
  }
  return values;
}

std::vector<const Workload*> read_workloads(const std::vector<std::string>& names, const std::string& suite) {
  if (!names.empty() && !suite.empty())
    throw UsageError("--suite and --workload exclude each other: a suite is a choice of workloads");
  std::vector<const Workload*> chosen;
  if (names.empty()) chosen = read_suite(suite);
  for (const std::string& name : names) {
    const Workload* const workload = find_workload(name);
    if (workload == nullptr) {
      throw UsageError(fmt::format("unknown workload '{}'{}", name, suggest_name(name, workload_names())));
    }
    if (std::find(chosen.begin(), chosen.end(), workload) == chosen.end()) chosen.push_back(workload);
  }
  return chosen;
}

std::vector<int> read_workers(const std::vector<std::string>& lists, int usable_cpus) {
  std::vector<int> workers;
  for (const std::string& list : lists) {
    for (const std::uint64_t number : read_counts("--workers", list, 1, kMaxWorkers)) {
      const auto count = static_cast<int>(number);
      if (std::find(workers.begin(), workers.end(), count) == workers.end()) workers.push_back(count);
    }
  }
  if (workers.empty()) workers.push_back(usable_cpus);
  return workers;
}

std::uint64_t read_seed(const std::string& text) {
  if (text.empty()) return kDefaultSeed;
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UsageError(fmt::format("--seed must be a whole number from 0 to {}, not '{}'",
                                 std::numeric_limits<std::uint64_t>::max(), text));
  }
  return seed;
}

/// How the tasks of every cell are handed out.
void choose_dispatch(Cell& cell, const BenchOptions& options) {
  if (!options.priority.empty()) {
    cell.priority = static_cast<int>(
        require(parse_integer("--priority", options.priority, kLowestPriority, kHighestPriority)));
  }
  if (!options.strategy.empty()) cell.strategy = read_strategy(options.strategy);
  if (options.stealing.empty()) return;
  cell.stealing = read_switch("--stealing", options.stealing);
  if (cell.strategy == Strategy::kSharedQueue) {
    throw UsageError(
        "--stealing means nothing to strategy 'shared-queue': no worker has a queue of its own; see "
        "`twinpool "
        "list strategies`");
  }
}

/// "threads:20%"
void read_plant(Cell& cell, const std::string& text) {
  if (text.empty()) return;
  const std::size_t colon = text.find(':');
  const auto backend = parse_backend(text.substr(0, colon));
  const auto share = parse_percent(colon == std::string::npos ? "" : text.substr(colon + 1), 1000);
  if (!backend || !share) {
    throw UsageError(fmt::format(
        "--plant is a backend and a share above 0 % and at most 1000 %, as threads:20%, not '{}'", text));
  }
  cell.planted[static_cast<std::size_t>(*backend)] = *share;
}

Backend read_twice(const BenchOptions& options) {
  const auto chosen = read_backends(options.aa);
  if (chosen.size() != 1)
    throw UsageError(
        fmt::format("--aa runs one backend on both sides: threads or processes, not '{}'", options.aa));
  return chosen.front();
}

/// Shared memory that a cell may need at once; more than any machine has where it does not fit the type.
double shared_need(const Cell& cell) {
  const auto payload = static_cast<double>(cell.payload_bytes);
  const double held = cell.workload->payload_is_shared ? 1.0 : static_cast<double>(cell.window);
  return payload * held * static_cast<double>(cell.workload->payload_crosses);
}

/// Chooses window and segment so that the payloads fit into half of the memory.
void fit_into_memory(Cell& cell, bool window_was_given, const MachineRoom& room) {
  const auto limit = static_cast<double>(room.available_bytes) / 2;
  const double comfortable = std::min(limit, kComfortableBytes);
  if (!window_was_given && !cell.workload->payload_is_shared && shared_need(cell) > comfortable) {
    const double each = shared_need(cell) / static_cast<double>(cell.window);
    cell.window = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(comfortable / each));
  }
  const double need = shared_need(cell);
  if (need > limit) {
    const bool many = cell.window > 1 && !cell.workload->payload_is_shared;
    throw UsageError(fmt::format(
        "--payload {} is too much for workload '{}': {}needs {} of shared memory, and half of what is "
        "available is {}; take a smaller payload{}",
        print_size(static_cast<double>(cell.payload_bytes)), cell.workload->name,
        many ? fmt::format("a window of {} ", cell.window) : "it ", print_size(need), print_size(limit),
        many ? " or --window" : ""));
  }
  const auto wanted = static_cast<std::uint64_t>(need + need / 4) + kSegmentSlack;
  cell.max_shared_bytes = std::max<std::uint64_t>(ProcessOptions{}.max_shared_bytes, wanted);
}

Cell make_cell(const Workload& workload, int workers, const BenchOptions& options, const MachineRoom& room,
               const std::optional<OpenLoad>& open) {
  Cell cell{.workload = &workload,
            .workers = workers,
            .window = default_window(open),
            .payload_bytes = workload.default_payload_bytes,
            .open = open};
  choose_dispatch(cell, options);
  cell.parameters = read_parameters(workload, options.parameters);
  read_plant(cell, options.plant);
  if (!options.aa.empty()) cell.twice = read_twice(options);
  if (!options.window.empty()) cell.window = read_count("--window", options.window, 1, kMaxQueueCapacity);
  if (!options.payload.empty() && !workload.payload.empty()) {
    cell.payload_bytes = require(parse_size("--payload", options.payload));
    if (cell.payload_bytes < workload.min_payload_bytes) {
      throw UsageError(fmt::format("--payload must be {} bytes or more for workload '{}', not {}",
                                   workload.min_payload_bytes, workload.name, options.payload));
    }
  }
  // A task's own memory is not shared, but all workers have it at once.
  const double own = static_cast<double>(cell.payload_bytes) * workers;
  if (own > static_cast<double>(room.available_bytes) / 2) {
    throw UsageError(
        fmt::format("--payload {} is too much for {} workers: half of the available memory is {}",
                    options.payload, workers, print_size(static_cast<double>(room.available_bytes) / 2)));
  }
  fit_into_memory(cell, !options.window.empty(), room);
  return cell;
}

/// What decides how many pairs there are, and what they say.
void read_judging(Plan& plan, const BenchOptions& options) {
  plan.judging.seed = plan.seed;
  if (!options.interval.empty()) {
    static const std::array<std::string, 2> kMethods{"sign", "bootstrap"};
    const auto method = interval_method_named(options.interval);
    if (!method)
      throw UsageError(fmt::format("--interval cannot be '{}'{}", options.interval,
                                   suggest_name(options.interval, kMethods)));
    plan.judging.interval = *method;
  }
  if (!options.margin.empty()) plan.judging.margin = read_share("--margin", options.margin);
  if (options.precision.empty()) return;
  plan.precision = read_share("--precision", options.precision);
  plan.precision_asked = true;
  if (plan.backends.size() != 2)
    throw UsageError("--precision is about the ratio of the two backends; leave out --backend");
  if (static_cast<std::size_t>(plan.trials) < kFewestForInterval)
    throw UsageError(
        fmt::format("--precision needs an interval, and {} trials give none: --trials {} or more",
                    plan.trials, kFewestForInterval));
}

/// How long the rounds are, unless the tasks are counted.
void choose_round_length(Plan& plan, const std::string& duration, const std::vector<OpenLoad>& loads) {
  if (duration.empty()) {
    for (const OpenLoad& load : loads)
      plan.round_length = std::max(plan.round_length, default_round_length(load));
    plan.stretched_round = std::max<std::chrono::nanoseconds>(kStretchedRound, plan.round_length);
  } else {
    plan.round_length = plan.stretched_round = require(parse_duration("--duration", duration));
    if (plan.round_length > kLongestRound) {
      throw UsageError(fmt::format("--duration is the length of one round and can be {} s at most, not {}",
                                   kLongestRound.count(), duration));
    }
  }
  for (const OpenLoad& load : loads) check_round(load, plan.tasks, plan.round_length);
}

/// The cells of one workload with one value of each sweep.
std::vector<Cell> make_cells(const Workload& workload, const BenchOptions& options, const MachineRoom& room) {
  std::vector<Cell> cells;
  const std::vector<OpenLoad> loads = read_loads(options);
  for (const int count : read_workers(options.workers, room.usable_cpus)) {
    if (loads.empty()) cells.push_back(make_cell(workload, count, options, room, std::nullopt));
    for (const OpenLoad& load : loads) cells.push_back(make_cell(workload, count, options, room, load));
  }
  return cells;
}

}  // namespace

std::size_t Plan::most_pairs() const {
  const auto first = static_cast<std::size_t>(trials);
  if (!precision) return first;
  return std::min<std::size_t>((precision_asked ? kAskedFactor : kDefaultFactor) * first, kMostTrials);
}

MachineRoom read_machine_room() {
  MachineRoom room{.usable_cpus = usable_cpus(),
                   .available_bytes = std::numeric_limits<std::uint64_t>::max()};
  std::ifstream file("/proc/meminfo");
  std::string name, rest;
  for (std::uint64_t kilobytes = 0; file >> name >> kilobytes && std::getline(file, rest);) {
    if (name == "MemAvailable:") room.available_bytes = kilobytes * 1024;
  }
  if (const auto limit = smallest_cgroup_limit("memory", "memory.limit_in_bytes", "memory.max")) {
    room.available_bytes = std::min(room.available_bytes, *limit);
  }
  return room;
}

Plan make_plan(const BenchOptions& options, const MachineRoom& room) {
  Plan plan;
  plan.backends = read_backends(options.backend.empty() ? "both" : options.backend);
  if (plan.backends.size() != 2 && !options.aa.empty())
    throw UsageError("--aa fills both sides with one backend; leave out --backend");
  const auto chosen = read_workloads(options.workloads, options.suite);
  check_parameters(options.parameters, chosen);
  if (!options.tasks.empty() && !options.duration.empty()) {
    throw UsageError(
        "--tasks and --duration exclude each other: one fixes the work of a round, the other its length");
  }
  if (!options.tasks.empty()) plan.tasks = read_count("--tasks", options.tasks, 1, kMostTasks);
  if (!options.trials.empty())
    plan.trials = static_cast<int>(read_count("--trials", options.trials, 1, kMostTrials));
  plan.seed = read_seed(options.seed);
  read_judging(plan, options);
  plan.input = options.input;
  plan.load = options.load;
  if (!options.max_time.empty()) {
    plan.max_time_s =
        std::chrono::duration<double>(require(parse_duration("--max-time", options.max_time))).count();
  }
  plan.sweeps = read_sweeps(options);
  const auto takes_payload = [](const Workload* workload) { return !workload->payload.empty(); };
  const bool payload_swept = std::any_of(plan.sweeps.begin(), plan.sweeps.end(), [](const Sweep& sweep) {
    return sweep.axis == SweepAxis::kPayload;
  });
  if ((!options.payload.empty() || payload_swept) &&
      std::none_of(chosen.begin(), chosen.end(), takes_payload)) {
    throw UsageError(fmt::format("--payload means nothing to workload '{}'", chosen.front()->name));
  }
  if (!options.input.empty() &&
      std::find(chosen.begin(), chosen.end(), find_workload("wordcount")) == chosen.end()) {
    throw UsageError("--input is read by workload 'wordcount' only, which was not chosen");
  }
  const auto variants = expand_sweeps(options, plan.sweeps);
  std::vector<OpenLoad> loads;
  for (const BenchOptions& variant : variants) {
    for (const OpenLoad& load : read_loads(variant)) loads.push_back(load);
  }
  choose_round_length(plan, options.duration, loads);
  if (options.trials.empty()) {
    if (!loads.empty())
      plan.trials = kOpenLoopTrials;
    else if (plan.backends.size() == 2 && !plan.precision)
      plan.precision = kDefaultPrecision;
  }
  std::set<std::string> known;  // a sweep of what means nothing to a workload makes one cell again and again
  for (const Workload* workload : chosen) {
    for (const BenchOptions& variant : variants) {
      for (const Cell& cell : make_cells(*workload, variant, room)) {
        if (known.insert(name_of(cell)).second) plan.cells.push_back(cell);
      }
    }
  }
  if (!plan.sweeps.empty() && plan.cells.size() > kMostSweptCells) {
    throw UsageError(
        fmt::format("--sweep makes {} cells, and {} are the most; sweep fewer values or workloads",
                    plan.cells.size(), kMostSweptCells));
  }
  return plan;
}

}  // namespace twinpool::bench
