// SPDX-License-Identifier: Apache-2.0
#include "bench/plan_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/json_node.h"
#include "bench/nearest_name.h"

namespace twinpool::bench {
namespace {

using Text = std::string BenchOptions::*;
using List = std::vector<std::string> BenchOptions::*;

/// A flag that a plan file can set; one of `text` and `list`.
struct Key {
  std::string_view name;
  Text text = nullptr;
  List list = nullptr;
  bool of_cells = true;  ///< may differ from cell to cell

  [[nodiscard]] bool is_set(const BenchOptions& options) const {
    return text != nullptr ? !(options.*text).empty() : !(options.*list).empty();
  }
};

constexpr bool kOfTheRun = false;
constexpr std::array kKeys{
    Key{"workload", nullptr, &BenchOptions::workloads},
    Key{"suite", &BenchOptions::suite},
    Key{"param", nullptr, &BenchOptions::parameters},
    Key{"workers", nullptr, &BenchOptions::workers},
    Key{"window", &BenchOptions::window},
    Key{"payload", &BenchOptions::payload},
    Key{"priority", &BenchOptions::priority},
    Key{"strategy", &BenchOptions::strategy},
    Key{"stealing", &BenchOptions::stealing},
    Key{"plant", &BenchOptions::plant},
    Key{"aa", &BenchOptions::aa},
    Key{"rate", nullptr, &BenchOptions::rates, kOfTheRun},
    Key{"ramp", &BenchOptions::ramp, nullptr, kOfTheRun},
    Key{"arrivals", &BenchOptions::arrivals, nullptr, kOfTheRun},
    Key{"stall", &BenchOptions::stall, nullptr, kOfTheRun},
    Key{"stall-every", &BenchOptions::stall_every, nullptr, kOfTheRun},
    Key{"crash-every", &BenchOptions::crash_every, nullptr, kOfTheRun},
    Key{"sweep", nullptr, &BenchOptions::sweeps, kOfTheRun},
    Key{"load", nullptr, &BenchOptions::load, kOfTheRun},
    Key{"backend", &BenchOptions::backend, nullptr, kOfTheRun},
    Key{"trials", &BenchOptions::trials, nullptr, kOfTheRun},
    Key{"tasks", &BenchOptions::tasks, nullptr, kOfTheRun},
    Key{"duration", &BenchOptions::duration, nullptr, kOfTheRun},
    Key{"max-time", &BenchOptions::max_time, nullptr, kOfTheRun},
    Key{"seed", &BenchOptions::seed, nullptr, kOfTheRun},
    Key{"input", &BenchOptions::input, nullptr, kOfTheRun},
    Key{"interval", &BenchOptions::interval, nullptr, kOfTheRun},
    Key{"margin", &BenchOptions::margin, nullptr, kOfTheRun},
    Key{"precision", &BenchOptions::precision, nullptr, kOfTheRun},
};

const Key* find_key(std::string_view name) {
  const auto* const found =
      std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
  return found == kKeys.end() ? nullptr : found;
}

/// One value as it would be typed.
std::string read_word(const JsonNode& node, const Key& key) {
  const nlohmann::json& value = node.value();
  if (value.is_string()) {
    if (node.text().empty())
      node.reject(fmt::format("is empty; leave it out, or write what --{} takes", key.name));
    return node.text();
  }
  if (value.is_number_integer()) return value.dump();
  if (value.is_boolean() && key.name == "stealing") return node.flag() ? "on" : "off";
  node.reject(fmt::format("is {}; write a text or a whole number, as --{} takes it", node.brief(), key.name));
}

std::vector<std::string> read_words(const JsonNode& node, const Key& key) {
  if (!node.value().is_array()) return {read_word(node, key)};
  std::vector<std::string> words;
  for (const JsonNode& one : node.list()) words.push_back(read_word(one, key));
  if (words.empty())
    node.reject(fmt::format("is an empty list; leave it out, or write what --{} takes", key.name));
  return words;
}

/// {"megabytes": 64} is "megabytes=64".
std::vector<std::string> read_parameters(const JsonNode& node, const Key& key) {
  if (!node.value().is_object()) return read_words(node, key);
  std::vector<std::string> words;
  for (const auto& item : node.value().items())
    words.push_back(fmt::format("{}={}", item.key(), read_word(node.at(item.key()), key)));
  return words;
}

[[noreturn]] void reject_name(const JsonNode& object, const std::string& name, bool in_a_cell) {
  if (in_a_cell && find_key(name) != nullptr)
    object.at(name).reject("is one for the whole run; move it out of \"cells\"");
  std::vector<std::string> known;
  if (!in_a_cell) known = {"kind", "schema_version", "cells"};
  for (const Key& key : kKeys) {
    if (key.of_cells || !in_a_cell) known.emplace_back(key.name);
  }
  object.reject(fmt::format("has an unknown name \"{}\"{}", name, suggest_name(name, known)));
}

/// Sets what `object` says, over what `options` has from the outer level.
void read_options(const JsonNode& object, bool in_a_cell, const BenchOptions& typed, BenchOptions& options) {
  if (!object.value().is_object()) object.reject("is no object with the names of flags");
  for (const auto& item : object.value().items()) {
    const std::string& name = item.key();
    if (!in_a_cell && (name == "kind" || name == "schema_version" || name == "cells")) continue;
    const Key* const key = find_key(name);
    if (key == nullptr || (in_a_cell && !key->of_cells)) reject_name(object, name, in_a_cell);
    const JsonNode node = object.at(name);
    if (key->is_set(typed))
      node.reject(fmt::format("sets what --{} on the command line sets too; say it in one place", name));
    if ((name == "workload" && !typed.suite.empty()) || (name == "suite" && !typed.workloads.empty()))
      node.reject("chooses workloads, as the command line does too; say it in one place");
    if (name == "workload") options.suite.clear();
    if (name == "suite") options.workloads.clear();
    if (key->text != nullptr)
      options.*key->text = read_word(node, *key);
    else
      options.*key->list = name == "param" ? read_parameters(node, *key) : read_words(node, *key);
  }
  if (object.has("workload") && object.has("suite"))
    object.reject("has both \"workload\" and \"suite\"; a suite is a choice of workloads, so leave one out");
}

void check_kind(const JsonNode& root) {
  if (!root.value().is_object() || !root.has("kind") || root.at("kind").value() != "plan")
    root.reject(
        "is no plan of twinpool: a plan is an object with \"kind\": \"plan\" and \"schema_version\": 1");
  const JsonNode version = root.at("schema_version");
  if (version.value() != 1)
    version.reject(fmt::format("is {}, and this twinpool reads plans of version 1 only", version.brief()));
}

/// Makes the plan of one group, and says of which one a complaint is.
Plan plan_of(const PlanFile& file, const PlanFile::Group& group, const MachineRoom& room) {
  BenchOptions options = group.options;
  options.input.clear();  // belongs to the run, and not every group has a workload that reads it
  try {
    return make_plan(options, room);
  } catch (const UsageError& error) {
    throw UsageError(
        fmt::format("'{}': {}{}", file.path, group.place.empty() ? "" : group.place + ": ", error.what()));
  }
}

}  // namespace

PlanFile read_plan_file(const std::string& path, const BenchOptions& typed) {
  PlanFile file{.path = path, .groups = {}, .load = {}};
  const nlohmann::json document = parse_json_text(path, read_text_file(path));
  const JsonNode root(path, document, "");
  check_kind(root);
  BenchOptions outer = typed;
  read_options(root, false, typed, outer);
  file.load = outer.load;
  if (!root.has("cells")) {
    file.groups.push_back({outer, ""});
    return file;
  }
  for (const JsonNode& node : root.at("cells").list()) {
    file.groups.push_back({outer, node.place()});
    read_options(node, true, typed, file.groups.back().options);
  }
  if (file.groups.empty())
    root.at("cells").reject("is an empty list; name at least one group of cells, or leave it out");
  return file;
}

Plan make_plan(const PlanFile& file, const MachineRoom& room) {
  Plan plan;
  std::map<std::string, std::string> places;
  for (const PlanFile::Group& group : file.groups) {
    Plan one = plan_of(file, group, room);
    for (const Cell& cell : one.cells) {
      const auto [known, is_new] = places.emplace(name_of(cell), group.place);
      if (!is_new)
        throw UsageError(fmt::format("'{}': {} has the cell {}, which {} has too; measure it once", file.path,
                                     group.place, name_of(cell), known->second));
    }
    if (plan.cells.empty()) {
      plan = std::move(one);
    } else {
      plan.cells.insert(plan.cells.end(), one.cells.begin(), one.cells.end());
    }
  }
  plan.input = file.groups.front().options.input;
  const bool reads = std::any_of(plan.cells.begin(), plan.cells.end(),
                                 [](const Cell& cell) { return cell.workload->name == "wordcount"; });
  if (!plan.input.empty() && !reads)
    throw UsageError(
        fmt::format("'{}': input is read by workload 'wordcount' only, which no cell has", file.path));
  return plan;
}

}  // namespace twinpool::bench
