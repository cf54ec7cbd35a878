// SPDX-License-Identifier: Apache-2.0
#include "bench/trend.h"

#include <algorithm>

#include "bench/cell_name.h"
#include "bench/reporters/text_table.h"

namespace twinpool::bench {
namespace {

/// The cells of all runs, in the order in which they first appear.
std::vector<std::string> cells_of(const std::vector<Recording>& runs) {
  std::vector<std::string> names;
  for (const Recording& run : runs) {
    for (const CellResult& cell : run.results.cells) {
      if (std::string name = name_of(cell.cell); std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    }
  }
  return names;
}

const CellResult* find_cell(const Recording& run, const std::string& name) {
  for (const CellResult& cell : run.results.cells) {
    if (name_of(cell.cell) == name) return &cell;
  }
  return nullptr;
}

}  // namespace

std::string print_trend(const std::vector<Recording>& runs) {
  using Align = TextTable::Align;
  std::vector<Align> columns(2 + runs.size(), Align::kRight);
  columns[0] = columns[1] = Align::kLeft;
  TextTable table(columns);
  std::vector<std::string> paths{"cell", ""}, dates{"", ""};
  for (const Recording& run : runs) {
    paths.push_back(run.path);
    dates.push_back(run.finished_at);
  }
  table.add(paths);
  table.add(dates);
  for (const std::string& name : cells_of(runs)) {
    std::vector<std::string> ratio{name, "processes / threads"};
    for (const Recording& run : runs) {
      const CellResult* const cell = find_cell(run, name);
      ratio.push_back(print_ratio(cell != nullptr ? ratio_of(*cell, throughput_of) : std::nullopt));
    }
    table.add(ratio);
    for (const Backend backend : kBackends) {
      std::vector<std::string> row{"", std::string(name_of(backend))};
      for (const Recording& run : runs) {
        const CellResult* const cell = find_cell(run, name);
        row.push_back(cell != nullptr ? print_throughput(*cell, backend) : "-");
      }
      table.add(row);
    }
  }
  return table.str();
}

}  // namespace twinpool::bench
