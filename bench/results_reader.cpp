// SPDX-License-Identifier: Apache-2.0
#include "bench/results_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/cli.h"
#include "bench/reporters/json.h"
#include "bench/strategies.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;

/// More than any run writes; a mistyped /dev/zero or core file should not fill the memory.
constexpr std::size_t kMostBytes = std::size_t{512} << 20;

/// A value and where it stands, so that every complaint can say so.
class Node {
 public:
  Node(const std::string& file, const json& value, std::string place)
      : file_(&file), value_(&value), place_(std::move(place)) {}

  [[noreturn]] void reject(const std::string& what) const {
    throw UsageError(fmt::format("'{}': {} {}", *file_, place_.empty() ? "it" : place_, what));
  }
  [[nodiscard]] Node at(const char* name) const {
    if (!value_->is_object()) reject("is no object");
    const auto found = value_->find(name);
    if (found == value_->end()) reject(fmt::format("has no \"{}\"", name));
    return {*file_, *found, place_.empty() ? name : fmt::format("{}.{}", place_, name)};
  }
  [[nodiscard]] bool is_null() const { return value_->is_null(); }
  [[nodiscard]] bool has(const char* name) const { return value_->is_object() && value_->contains(name); }
  [[nodiscard]] std::vector<Node> list() const {
    if (!value_->is_array()) reject("is no list");
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < value_->size(); ++i)
      nodes.emplace_back(*file_, (*value_)[i], fmt::format("{}[{}]", place_, i));
    return nodes;
  }
  [[nodiscard]] std::string text() const {
    if (!value_->is_string()) reject("is no text");
    return value_->get<std::string>();
  }
  [[nodiscard]] bool flag() const {
    if (!value_->is_boolean()) reject("is neither true nor false");
    return value_->get<bool>();
  }
  /// A finite number of 0 or more.
  [[nodiscard]] double number() const {
    if (!value_->is_number() || !std::isfinite(value_->get<double>()))
      reject(fmt::format("is {}, which is no finite number", brief()));
    if (value_->get<double>() < 0) reject(fmt::format("is {}, and must not be below 0", brief()));
    return value_->get<double>();
  }
  [[nodiscard]] double positive() const {
    const double value = number();
    if (value <= 0) reject("is 0, and must be above 0");
    return value;
  }
  [[nodiscard]] std::uint64_t count() const {
    if (!value_->is_number_unsigned())
      reject(fmt::format("is {}, which is no whole number of 0 or more", brief()));
    return value_->get<std::uint64_t>();
  }
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const {
    if (!value_->is_number_integer() || value_->get<double>() < static_cast<double>(least) ||
        value_->get<double>() > static_cast<double>(most))
      reject(fmt::format("is {}, which is no whole number from {} to {}", brief(), least, most));
    return value_->get<std::int64_t>();
  }
  [[nodiscard]] Backend backend() const {
    const auto backend = parse_backend(text());
    if (!backend) reject(fmt::format("is '{}', which is no backend", text()));
    return *backend;
  }
  [[nodiscard]] const json& value() const { return *value_; }

 private:
  [[nodiscard]] std::string brief() const {
    const std::string all = value_->dump(-1, ' ', false, json::error_handler_t::replace);
    return all.size() > 40 ? all.substr(0, 37) + "..." : all;
  }
  const std::string* file_;
  const json* value_;
  std::string place_;
};

Sample read_sample(const Node& node) {
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
  for (const Node& one : node.at("latency_ns").list()) sample.latency_ns.push_back(one.integer(0, kMost));
  if (node.has("first_mistake")) sample.first_mistake = node.at("first_mistake").text();
  if (sample.tasks == 0) node.at("tasks").reject("is 0: nothing was measured");
  return sample;
}

std::optional<MemoryUse> read_memory_use(const Node& node) {
  if (node.is_null()) return std::nullopt;
  return MemoryUse{.pss_bytes = node.at("pss_bytes").count(),
                   .uss_bytes = node.at("uss_bytes").count(),
                   .rss_bytes = node.at("rss_bytes").count(),
                   .pss_shmem_bytes = node.at("pss_shmem_bytes").count(),
                   .processes = static_cast<int>(node.at("processes").integer(0, 1 << 30))};
}

std::vector<std::string> read_sentences(const Node& node) {
  std::vector<std::string> sentences;
  for (const Node& one : node.list()) sentences.push_back(one.text());
  return sentences;
}

/// What the workload's registration said when the file was written.
const Workload& record_workload(const Node& node, Recording& recording) {
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
std::vector<std::uint64_t> record_parameters(const Node& node, RecordedWorkload& record) {
  std::vector<std::uint64_t> values;
  if (!node.has("parameters")) return values;
  const Node parameters = node.at("parameters");
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

Cell read_cell_key(const Node& node, Recording& recording) {
  Cell cell{.workload = &record_workload(node, recording),
            .workers = static_cast<int>(node.at("workers").integer(1, 1 << 20)),
            .window = node.at("window").count(),
            .payload_bytes = node.at("payload_bytes").count(),
            .max_shared_bytes = node.at("max_shared_bytes").count()};
  cell.parameters = record_parameters(node, *recording.workloads.back());
  if (const Node priority = node.at("priority"); !priority.is_null())
    cell.priority = static_cast<int>(priority.integer(kLowestPriority, kHighestPriority));
  const Node strategy = node.at("strategy");
  const auto named = strategy_named(strategy.text());
  if (!named) strategy.reject(fmt::format("is '{}', which is no strategy of this twinpool", strategy.text()));
  cell.strategy = *named;
  cell.stealing = node.at("stealing").flag();
  return cell;
}

CellResult read_cell(const Node& node, Recording& recording) {
  CellResult result{.cell = read_cell_key(node, recording), .tasks = node.at("tasks").count()};
  result.foreign_cpu = node.at("foreign_cpu").number();
  result.problems = read_sentences(node.at("problems"));
  result.crashes = read_sentences(node.at("crashes"));
  result.complete = node.at("complete").flag();
  for (const Node& one : node.at("order").list()) result.order.push_back(one.backend());
  const auto sides = node.at("backends").list();
  if (sides.empty()) node.at("backends").reject("is empty: nothing was measured");
  for (const Node& one : sides) {
    BackendResult side{.backend = one.at("backend").backend()};
    if (result.side(side.backend) != nullptr) one.reject("names a backend that the cell has already");
    for (const Node& sample : one.at("samples").list()) side.samples.push_back(read_sample(sample));
    // A cell in which trials crashed may have none, and says so itself.
    if (side.samples.empty() && result.complete && result.crashes.empty())
      one.at("samples").reject("is empty: nothing was measured");
    side.rest = read_memory_use(one.at("memory_at_rest"));
    side.peak = read_memory_use(one.at("memory_at_peak"));
    result.sides.push_back(std::move(side));
  }
  return result;
}

Control read_control(const Node& node) {
  Control control;
  for (const Node& pair : node.list()) {
    const auto values = pair.list();
    if (values.size() != 2) pair.reject("is no pair");
    control.pairs.push_back({values[0].positive(), values[1].positive()});
  }
  return control;
}

json parse_text(const std::string& path, std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    throw UsageError(fmt::format("'{}' is empty", path));
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    if (error.byte >= text.size())
      throw UsageError(fmt::format(
          "'{}' breaks off after {} bytes, in the middle of its JSON; copy it again, or measure again", path,
          text.size()));
    throw UsageError(fmt::format("'{}' is not JSON: it cannot be read from byte {} on", path, error.byte));
  } catch (const json::exception&) {  // a number that no double can hold
    throw UsageError(fmt::format("'{}' holds a number that is too large to be one", path));
  }
}

/// Whether this is a file of ours at all, and one that can be understood.
void check_kind(const Node& root, const std::string& path) {
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

Recording parse_recording(const std::string& path, std::string_view text) {
  const json document = parse_text(path, text);
  const Node root(path, document, "");
  check_kind(root, path);
  Recording recording;
  recording.path = path;
  recording.version = root.at("version").text();
  recording.build_type = root.at("build_type").text();
  recording.finished_at = root.at("finished_at").text();
  recording.machine_hash = root.at("machine").at("hash").text();
  recording.machine = root.at("machine").value().dump(-1, ' ', false, json::error_handler_t::replace);
  recording.partial = root.at("partial").flag();
  BenchResults& results = recording.results;
  results.wall_s = root.at("wall_s").number();
  results.plan.seed = root.at("seed").count();
  const Node options = root.at("options");
  results.plan.trials = static_cast<int>(options.at("trials").integer(1, kMostTrials));
  results.plan.round_length =
      std::chrono::nanoseconds(std::llround(options.at("round_length_s").number() * 1e9));
  results.plan.input = options.at("input").text();
  for (const Node& one : options.at("backends").list()) results.plan.backends.push_back(one.backend());
  results.usable_cpus = static_cast<int>(root.at("machine").at("cpus").at("usable").integer(1, 1 << 20));
  const Node noise = root.at("noise");
  results.foreign_cpu = noise.at("foreign_cpu").number();
  results.reruns = static_cast<int>(noise.at("reruns").integer(0, 1 << 30));
  results.control_before = read_control(noise.at("control_before"));
  results.control_after = read_control(noise.at("control_after"));
  for (const Node& one : root.at("cells").list()) {
    CellResult cell = read_cell(one, recording);
    if (!cell.complete) continue;
    results.plan.cells.push_back(cell.cell);
    results.cells.push_back(std::move(cell));
  }
  if (results.cells.empty())
    throw UsageError(fmt::format("'{}' holds no complete cell{}", path,
                                 recording.partial ? ": its run was interrupted" : ""));
  return recording;
}

Recording read_recording(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) throw UsageError(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  std::string text;
  std::array<char, 1 << 16> block;
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block.data(), got);
    if (text.size() > kMostBytes)
      throw UsageError(fmt::format("'{}' is larger than any result of twinpool", path));
  }
  if (std::ferror(file.get()) != 0)
    throw UsageError(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  return parse_recording(path, text);
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
