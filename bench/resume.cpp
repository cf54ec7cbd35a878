// SPDX-License-Identifier: Apache-2.0
#include "bench/resume.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/machine_card.h"
#include "bench/reporters/json.h"
#include "bench/results_reader.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;

constexpr char kAdvice[] = "; resume with what the run began with, or measure anew without --resume";

template <typename T>
void require_same(const std::string& path, std::string_view what, const T& there, const T& here) {
  if (there != here)
    throw UsageError(fmt::format("cannot resume '{}': its {} is {}, and this run's is {}{}", path, what,
                                 there, here, kAdvice));
}

std::string brief(const json& options, const std::string& name) {
  const std::string text = options.contains(name) ? options.at(name).dump() : "not recorded";
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

/// Names the first cell that differs rather than two long lists.
void require_same_cells(const std::string& path, const json& there, const Plan& plan, const json& here) {
  require_same(path, "number of cells", there.size(), here.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    for (const auto& [name, value] : here[i].items()) {
      if (there[i].is_object() && there[i].value(name, json()) == value) continue;
      throw UsageError(
          fmt::format("cannot resume '{}': options.cells[{}].{} is {} there, and {} in this run's {}{}", path,
                      i, name, brief(there[i], name), value.dump(), name_of(plan.cells[i]), kAdvice));
    }
  }
}

void require_same_options(const Recording& recording, const Plan& plan) {
  const json there = json::parse(recording.options), here = options_json(plan);
  for (const auto& [name, value] : here.items()) {
    if (name == "cells") continue;
    if (!there.contains(name) || there.at(name) != value)
      require_same(recording.path, "option " + name, brief(there, name), brief(here, name));
  }
  if (!there.contains("cells") || !there.at("cells").is_array())
    throw UsageError(
        fmt::format("'{}' does not say what was still to be measured: it was written before there was "
                    "--resume; measure anew",
                    recording.path));
  require_same_cells(recording.path, there.at("cells"), plan, here.at("cells"));
}

}  // namespace

BenchResults resume_from(const std::string& path, const Plan& plan) {
  Recording recording = read_recording(path, Cells::kAll);
  if (!recording.partial)
    throw UsageError(
        fmt::format("nothing to resume: '{}' is the result of a run that came to its end", path));
  require_same(path, "version", recording.version, std::string(kVersion));
  require_same(path, "build type", recording.build_type, std::string(kBuildType));
  require_same(path, "machine", recording.machine_hash, read_machine_card().hash());
  require_same(path, "seed", recording.results.plan.seed, plan.seed);
  require_same_options(recording, plan);
  BenchResults results = std::move(recording.results);
  if (results.cells.size() > plan.cells.size())
    throw UsageError(
        fmt::format("'{}': cells has more entries than options.cells; it is no result of twinpool", path));
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    CellResult& cell = results.cells[i];
    const bool last = i + 1 == results.cells.size();
    if (name_of(cell.cell) != name_of(plan.cells[i]) || (!cell.complete && !last))
      throw UsageError(
          fmt::format("'{}': cells[{}] does not follow the order of options.cells; it was changed", path, i));
    cell.cell = plan.cells[i];  // the file's workloads end with the recording
  }
  if (!results.cells.empty() && results.cells.back().tasks == 0)
    results.cells.pop_back();  // nothing was measured in it
  return results;
}

}  // namespace twinpool::bench
