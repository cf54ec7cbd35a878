// SPDX-License-Identifier: Apache-2.0
#include "bench/formats/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <set>
#include <system_error>
#include <utility>

#include "bench/cell_name.h"
#include "bench/cli.h"

namespace twinpool::bench {
namespace {

/// The results with one backend of one cell only.
BenchResults pick(const BenchResults& results, const std::string& cell_name, Backend backend) {
  BenchResults picked;
  picked.plan = results.plan;
  picked.usable_cpus = results.usable_cpus;
  for (const CellResult& cell : results.cells) {
    const BackendResult* const side = cell.side(backend);
    if (side == nullptr || name_of(cell.cell) != cell_name) continue;
    CellResult one{.cell = cell.cell, .tasks = cell.tasks};
    one.sides.push_back(*side);
    picked.cells.push_back(std::move(one));
  }
  return picked;
}

}  // namespace

std::string_view choose_summary_format(std::string_view what, const std::string& path,
                                       const std::string& name) {
  // The same names and suffixes as in the list of all formats, which says what each is for.
  for (const std::string_view one : {"json", "csv", "markdown", "junit"}) {
    const auto format = std::find_if(formats().begin(), formats().end(),
                                     [&](const Format& any) { return any.name == one; });
    if (name.empty() ? path.ends_with(format->suffix) : name == one) return one;
  }
  throw UsageError(fmt::format("{} has no format {}; it has json, csv, markdown and junit (.json .csv .md .xml)",
                               what, name.empty() ? fmt::format("for '{}'", path) : fmt::format("'{}'", name)));
}

void check_outputs(const std::vector<std::string>& paths, const std::string& format, const std::string& json,
                   const std::string& trace) {
  if (!format.empty() && paths.size() != 1) {
    throw UsageError(paths.empty() ? "--format needs --out FILE: where to write"
                                   : "--format names the format of one --out; with several, suffixes choose");
  }
  std::set<std::string> seen;
  if (!json.empty()) seen.insert(json);
  std::vector<std::string> others = paths;
  if (!trace.empty()) others.push_back(trace);
  for (const std::string& path : others) {
    if (path.empty()) throw UsageError("--out needs a file's name");
    if (!seen.insert(path).second) {
      throw UsageError(path == "-" ? "standard output can take one result only, and two were asked for"
                                   : fmt::format("two results cannot both be written to '{}'", path));
    }
  }
}

Outputs::Outputs(const std::vector<std::string>& paths, const std::string& format, const std::string& json,
                 const Plan& plan) {
  check_outputs(paths, format, json);
  if (!json.empty()) add(choose_format(json, "json"), "--json", json, plan);
  for (const std::string& path : paths) add(choose_format(path, format), "--out", path, plan);
}

void Outputs::add(const Format& format, const std::string& flag, const std::string& path, const Plan& plan) {
  if (!format.one_side) {
    files_.push_back({&format, open_output(flag, path)});
    return;
  }
  const std::size_t files = plan.cells.size() * plan.backends.size();
  if (path == "-" && files > 1) {
    throw UsageError(fmt::format(
        "--format {} makes {} files; standard output takes it with one --workload and one --backend only",
        format.name, files));
  }
  std::string stem = path;
  if (path.ends_with(format.suffix)) stem.resize(path.size() - format.suffix.size());
  for (const Cell& cell : plan.cells) {
    for (const Backend backend : plan.backends) {
      const std::string name =
          files == 1 ? path
                     : fmt::format("{}.{}.{}{}", stem, file_name_of(cell), name_of(backend), format.suffix);
      files_.push_back({&format, open_output(flag, name), name_of(cell), backend});
    }
  }
}

bool Outputs::use_standard_output() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const One& one) { return one.file->is_standard_output(); });
}

void Outputs::commit(const Report& report) {
  std::exception_ptr first;
  for (const One& one : files_) {
    try {
      if (one.cell.empty()) {
        one.file->commit(one.format->write(report));
        continue;
      }
      const BenchResults picked = pick(report.results, one.cell, one.backend);
      const std::string text = one.format->write({.results = picked, .command = report.command});
      if (!text.empty()) one.file->commit(text);  // an interrupted run has not got to all of them
    } catch (const std::system_error&) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace twinpool::bench
