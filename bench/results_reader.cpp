// SPDX-License-Identifier: Apache-2.0
#include "bench/results_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/cli.h"
#include "bench/json_node.h"
#include "bench/reporters/json.h"
#include "bench/strategies.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;

LatencySpectrum read_spectrum(const JsonNode& node) {
  try {
    return node.value().get<LatencySpectrum>();
  } catch (const std::invalid_argument& contradiction) {
    node.reject(contradiction.what());
  } catch (const json::exception&) {
    node.reject("is no list of latencies and their counts");
  }
}

OpenSample read_open_sample(const JsonNode& node) {
  OpenSample sample{.offered_tasks_per_s = node.at("offered_tasks_per_s").positive(),
                    .offered = node.at("offered").count(),
                    .cancelled = node.at("cancelled").count(),
                    .refused = node.at("refused").count(),
                    .latency = read_spectrum(node.at("latency")),
                    .service = read_spectrum(node.at("service")),
                    .late_p99_s = node.at("late_p99_s").number(),
                    .late_max_s = node.at("late_max_s").number(),
                    .stalls = static_cast<int>(node.at("stalls").integer(0, 1 << 30)),
                    .held = static_cast<int>(node.at("held").integer(0, 1 << 30)),
                    .crashes = static_cast<int>(node.at("crashes").integer(0, 1 << 30)),
                    .restarts = static_cast<int>(node.at("restarts").integer(0, 1 << 30)),
                    .repeated = node.at("repeated").count()};
  if (node.has("ramp")) {
    for (const JsonNode& step : node.at("ramp").list()) {
      sample.ramp.push_back({.offered_tasks_per_s = step.at("offered_tasks_per_s").positive(),
                             .offered = step.at("offered").count(),
                             .done = step.at("done").count(),
                             .latency = read_spectrum(step.at("latency"))});
    }
  }
  if (const JsonNode closed = node.at("closed"); !closed.is_null()) {
    sample.closed = ClosedBeside{.tasks = closed.at("tasks").count(),
                                 .wall_s = closed.at("wall_s").number(),
                                 .latency = read_spectrum(closed.at("latency"))};
  }
  return sample;
}

Sample read_sample(const JsonNode& node) {
  Sample sample;
  sample.start_up_s = node.at("start_up_s").number();
  sample.tasks = node.at("tasks").count();
  sample.wall_s = node.at("wall_s").positive();
  sample.throughput_tasks_per_s = node.at("throughput_tasks_per_s").positive();
  sample.cpu_user_s = node.at("cpu_user_s").number();
  sample.cpu_system_s = node.at("cpu_system_s").number();
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  sample.voluntary_switches = node.at("voluntary_switches").integer(0, kMost);
  sample.involuntary_switches = node.at("involuntary_switches").integer(0, kMost);
  sample.delivered = node.at("delivered").count();
  sample.failed = node.at("failed").count();
  sample.lost = node.at("lost").count();
  sample.wrong = node.at("wrong").count();
  sample.balanced = node.at("balanced").flag();
  const std::string checksum = node.at("checksum").text();
  char* end = nullptr;
  sample.checksum = std::strtoull(checksum.c_str(), &end, 16);
  if (checksum.size() != 16 || *end != '\0') node.at("checksum").reject("is not 16 hexadecimal digits");
  for (const JsonNode& one : node.at("latency_ns").list()) sample.latency_ns.push_back(one.integer(0, kMost));
  if (node.has("open_loop")) sample.open = read_open_sample(node.at("open_loop"));
  if (node.has("first_mistake")) sample.first_mistake = node.at("first_mistake").text();
  if (sample.tasks == 0) node.at("tasks").reject("is 0: nothing was measured");
  return sample;
}

std::optional<MemoryUse> read_memory_use(const JsonNode& node) {
  if (node.is_null()) return std::nullopt;
  return MemoryUse{.pss_bytes = node.at("pss_bytes").count(),
                   .uss_bytes = node.at("uss_bytes").count(),
                   .rss_bytes = node.at("rss_bytes").count(),
                   .pss_shmem_bytes = node.at("pss_shmem_bytes").count(),
                   .processes = static_cast<int>(node.at("processes").integer(0, 1 << 30))};
}

std::vector<std::string> read_sentences(const JsonNode& node) {
  std::vector<std::string> sentences;
  for (const JsonNode& one : node.list()) sentences.push_back(one.text());
  return sentences;
}

/// What the workload's registration said when the file was written.
const Workload& record_workload(const JsonNode& node, Recording& recording) {
  auto record = std::make_unique<RecordedWorkload>();
  record->name = node.at("workload").text();
  const Workload* const known = find_workload(record->name);
  record->workload.name = record->name;
  if (known != nullptr) record->workload.default_payload_bytes = known->default_payload_bytes;
  record->workload.margin = node.at("margin").positive();
  const std::string expected = node.at("expected").text();
  for (const Expected one : {Expected::kNoDifference, Expected::kThreads, Expected::kProcesses}) {
    if (expected == name_of(one)) record->workload.expected = one;
  }
  recording.workloads.push_back(std::move(record));
  return recording.workloads.back()->workload;
}

/// A default that this program does not know is taken to differ, so that the cell's name says the parameter.
std::uint64_t default_of(const Workload* known, const std::string& parameter, std::uint64_t value) {
  if (known != nullptr) {
    for (const Parameter& one : known->parameters) {
      if (one.name == parameter) return one.value;
    }
  }
  return ~value;
}

/// Files of before there were parameters have none.
std::vector<std::uint64_t> record_parameters(const JsonNode& node, RecordedWorkload& record) {
  std::vector<std::uint64_t> values;
  if (!node.has("parameters")) return values;
  const JsonNode parameters = node.at("parameters");
  if (!parameters.value().is_object()) parameters.reject("is no object");
  for (const auto& item : parameters.value().items()) record.parameter_names.push_back(item.key());
  for (const std::string& name : record.parameter_names) {
    values.push_back(parameters.at(name.c_str()).count());
    record.parameters.push_back(
        {.name = name, .sentence = {}, .value = default_of(find_workload(record.name), name, values.back())});
  }
  record.workload.parameters = record.parameters;
  return values;
}

OpenLoad read_open_load(const JsonNode& node) {
  const auto length = [&](const char* name) {
    return std::chrono::nanoseconds(std::llround(node.at(name).number() * 1e9));
  };
  OpenLoad load{.stall = length("stall_s"),
                .stall_every = length("stall_every_s"),
                .crash_every = length("crash_every_s")};
  const JsonNode percent = node.at("rate_percent");
  (percent.is_null() ? load.tasks_per_s : load.percent) =
      (percent.is_null() ? node.at("rate_tasks_per_s") : percent).positive();
  if (node.has("rise_to") && !node.at("rise_to").is_null()) load.rise_to = node.at("rise_to").positive();
  const JsonNode arrivals = node.at("arrivals");
  const auto named = arrivals_named(arrivals.text());
  if (!named) arrivals.reject(fmt::format("is '{}', which is neither fixed nor poisson", arrivals.text()));
  load.arrivals = *named;
  return load;
}

Cell read_cell_key(const JsonNode& node, Recording& recording) {
  Cell cell{.workload = &record_workload(node, recording),
            .workers = static_cast<int>(node.at("workers").integer(1, 1 << 20)),
            .window = node.at("window").count(),
            .payload_bytes = node.at("payload_bytes").count(),
            .max_shared_bytes = node.at("max_shared_bytes").count()};
  cell.parameters = record_parameters(node, *recording.workloads.back());
  if (const JsonNode priority = node.at("priority"); !priority.is_null())
    cell.priority = static_cast<int>(priority.integer(kLowestPriority, kHighestPriority));
  const JsonNode strategy = node.at("strategy");
  const auto named = strategy_named(strategy.text());
  if (!named) strategy.reject(fmt::format("is '{}', which is no strategy of this twinpool", strategy.text()));
  cell.strategy = *named;
  cell.stealing = node.at("stealing").flag();
  if (node.has("aa") && !node.at("aa").is_null()) cell.twice = node.at("aa").backend();
  if (node.has("open_loop") && !node.at("open_loop").is_null())
    cell.open = read_open_load(node.at("open_loop"));
  return cell;
}

CellResult read_cell(const JsonNode& node, Recording& recording) {
  CellResult result{.cell = read_cell_key(node, recording), .tasks = node.at("tasks").count()};
  result.foreign_cpu = node.at("foreign_cpu").number();
  if (result.cell.open) {
    const JsonNode open = node.at("open_loop");
    result.rate_tasks_per_s = open.at("rate_tasks_per_s").positive();
    if (const JsonNode capacity = open.at("capacity_tasks_per_s"); !capacity.is_null())
      result.capacity_tasks_per_s = capacity.positive();
  }
  result.problems = read_sentences(node.at("problems"));
  result.crashes = read_sentences(node.at("crashes"));
  result.complete = node.at("complete").flag();
  for (const JsonNode& one : node.at("order").list()) result.order.push_back(one.backend());
  const auto sides = node.at("backends").list();
  if (sides.empty()) node.at("backends").reject("is empty: nothing was measured");
  for (const JsonNode& one : sides) {
    BackendResult side{.backend = one.at("backend").backend()};
    if (result.side(side.backend) != nullptr) one.reject("names a backend that the cell has already");
    for (const JsonNode& sample : one.at("samples").list()) side.samples.push_back(read_sample(sample));
    // A cell in which trials crashed may have none, and says so itself.
    if (side.samples.empty() && result.complete && result.crashes.empty())
      one.at("samples").reject("is empty: nothing was measured");
    side.rest = read_memory_use(one.at("memory_at_rest"));
    side.peak = read_memory_use(one.at("memory_at_peak"));
    result.sides.push_back(std::move(side));
  }
  return result;
}

/// Files of before there was a choice have none.
void read_judging(const JsonNode& options, Plan& plan) {
  const JsonNode interval = options.at("interval");
  const auto method = interval_method_named(interval.text());
  if (!method) interval.reject(fmt::format("is '{}', which is no kind of interval", interval.text()));
  plan.judging.interval = *method;
  plan.judging.margin = options.at("margin").positive();
  if (const JsonNode precision = options.at("precision"); !precision.is_null())
    plan.precision = precision.positive();
  plan.precision_asked =
      options.has("precision_asked") ? options.at("precision_asked").flag() : plan.precision.has_value();
}

Control read_control(const JsonNode& node) {
  Control control;
  for (const JsonNode& pair : node.list()) {
    const auto values = pair.list();
    if (values.size() != 2) pair.reject("is no pair");
    control.pairs.push_back({values[0].positive(), values[1].positive()});
  }
  return control;
}

/// Whether this is a file of ours at all, and one that can be understood.
void check_kind(const JsonNode& root, const std::string& path) {
  if (!root.has("schema_version") || !root.has("kind"))
    throw UsageError(fmt::format(
        "'{}' is JSON, but no result of twinpool: write one with `twinpool bench --json FILE`", path));
  const std::int64_t schema = root.at("schema_version").integer(1, 1 << 30);
  if (schema > kSchemaVersion) {
    throw UsageError(fmt::format(
        "'{}' has schema version {}{}, and this twinpool reads up to {}; use the newer twinpool for both",
        path, schema, root.has("version") ? fmt::format(" (of twinpool {})", root.at("version").text()) : "",
        kSchemaVersion));
  }
  if (const std::string kind = root.at("kind").text(); kind != "bench")
    throw UsageError(fmt::format(
        "'{}' holds a result of `twinpool {}`, and one of `twinpool bench` is needed", path, kind));
}

/// Fields of the machine card that change by themselves.
constexpr std::array<std::string_view, 4> kPassing{"available_memory_bytes", "load_1min",
                                                   "pressure_some_avg10_percent", "hash"};

std::string differing_fields(const std::string& before, const std::string& after) {
  const json a = json::parse(before), b = json::parse(after);
  std::string names;
  for (const auto& [name, value] : a.items()) {
    if (std::find(kPassing.begin(), kPassing.end(), name) != kPassing.end()) continue;
    if (!b.contains(name) || b.at(name) != value) names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "fields that only one of them has" : names;
}

}  // namespace

Recording parse_recording(const std::string& path, std::string_view text, Cells cells) {
  const json document = parse_json_text(path, text);
  const JsonNode root(path, document, "");
  check_kind(root, path);
  Recording recording;
  recording.path = path;
  recording.version = root.at("version").text();
  recording.build_type = root.at("build_type").text();
  recording.finished_at = root.at("finished_at").text();
  recording.machine_hash = root.at("machine").at("hash").text();
  recording.machine = root.at("machine").value().dump(-1, ' ', false, json::error_handler_t::replace);
  recording.partial = root.at("partial").flag();
  recording.options = root.at("options").value().dump(-1, ' ', false, json::error_handler_t::replace);
  BenchResults& results = recording.results;
  results.wall_s = root.at("wall_s").number();
  results.plan.seed = root.at("seed").count();
  const JsonNode options = root.at("options");
  results.plan.trials = static_cast<int>(options.at("trials").integer(1, kMostTrials));
  results.plan.round_length =
      std::chrono::nanoseconds(std::llround(options.at("round_length_s").number() * 1e9));
  results.plan.input = options.at("input").text();
  results.plan.judging.seed = results.plan.seed;
  if (options.has("interval")) read_judging(options, results.plan);
  for (const JsonNode& one : options.at("backends").list()) results.plan.backends.push_back(one.backend());
  results.usable_cpus = static_cast<int>(root.at("machine").at("cpus").at("usable").integer(1, 1 << 20));
  const JsonNode noise = root.at("noise");
  results.foreign_cpu = noise.at("foreign_cpu").number();
  results.reruns = static_cast<int>(noise.at("reruns").integer(0, 1 << 30));
  results.control_before = read_control(noise.at("control_before"));
  results.control_after = read_control(noise.at("control_after"));
  for (const JsonNode& one : root.at("cells").list()) {
    CellResult cell = read_cell(one, recording);
    cell.judging = results.plan.judging;
    if (!cell.complete && cells == Cells::kComplete) continue;
    results.plan.cells.push_back(cell.cell);
    results.cells.push_back(std::move(cell));
  }
  if (results.cells.empty() && cells == Cells::kComplete)
    throw UsageError(fmt::format("'{}' holds no complete cell{}", path,
                                 recording.partial ? ": its run was interrupted" : ""));
  return recording;
}

Recording read_recording(const std::string& path, Cells cells) {
  return parse_recording(path, read_text_file(path), cells);
}

std::vector<std::string> find_obstacles(const Recording& before, const Recording& after) {
  std::vector<std::string> sentences;
  if (before.machine_hash != after.machine_hash) {
    sentences.push_back(fmt::format("'{}' and '{}' come from different machines ({})", before.path,
                                    after.path, differing_fields(before.machine, after.machine)));
  }
  if (before.build_type != after.build_type) {
    sentences.push_back(fmt::format("'{}' was measured with a {} build and '{}' with a {} build", before.path,
                                    before.build_type, after.path, after.build_type));
  }
  return sentences;
}

std::vector<std::string> find_differences(const Recording& before, const Recording& after) {
  std::vector<std::string> sentences;
  const auto add = [&](const char* what, const auto& a, const auto& b) {
    if (a != b)
      sentences.push_back(fmt::format("{}: {} in '{}', {} in '{}'", what, a, before.path, b, after.path));
  };
  const Plan &a = before.results.plan, &b = after.results.plan;
  add("trials", a.trials, b.trials);
  add("length of a round in ns", a.round_length.count(), b.round_length.count());
  add("seed", a.seed, b.seed);
  add("input", a.input, b.input);
  for (const Recording* one : {&before, &after}) {
    if (one->partial) sentences.push_back(fmt::format("the run of '{}' was interrupted", one->path));
  }
  return sentences;
}

}  // namespace twinpool::bench
