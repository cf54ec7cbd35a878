// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/cell_name.h"
#include "bench/reporters/open_loop.h"
#include "bench/reporters/text_table.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

using Align = TextTable::Align;
using fmt::terminal_color;
constexpr char kNothing[] = "-";

std::string rate_with_spread(const BackendResult& side) {
  const auto rate = median_of(side, throughput_of);
  if (!rate) return kNothing;
  const auto spread = spread_of(side, throughput_of);
  return print_number(*rate) + "/s" + (spread ? fmt::format(" ±{:3.0f} %", *spread * 100) : "");
}

std::string finding_text(const TextStyle& style, CellFinding finding) {
  const std::string_view name = name_of(finding);
  switch (finding) {
    case CellFinding::kThreads:
      return paint(style, terminal_color::blue, name);
    case CellFinding::kProcesses:
      return paint(style, terminal_color::yellow, name);
    case CellFinding::kTooNoisy:
    case CellFinding::kTooFewPairs:
      return paint(style, terminal_color::magenta, name);
    default:
      return std::string(name);
  }
}

std::string expectation_text(const TextStyle& style, std::string_view text) {
  return text == "surprise" ? paint(style, terminal_color::magenta, text) : std::string(text);
}

template <typename Is>
bool any_cell(const BenchResults& results, Is is) {
  return std::any_of(results.cells.begin(), results.cells.end(), is);
}

/// Which cells a table is about.
enum class Loops { kAll, kClosed, kOpen, kStalled };
bool belongs(const CellResult& cell, Loops loops) {
  const auto& open = cell.cell.open;
  switch (loops) {
    case Loops::kClosed:
      return !open;
    case Loops::kOpen:
      return open.has_value();
    case Loops::kStalled:
      return open && open->stall.count() > 0;
    case Loops::kAll:
      break;
  }
  return true;
}

/// One table: a head, and a row of texts for each cell that has samples.
template <typename RowOf>
std::string table_of(const BenchResults& results, const TextStyle& style, std::vector<Align> columns,
                     std::vector<std::string> head, Loops loops, RowOf row_of) {
  TextTable table(std::move(columns));
  for (std::string& title : head) title = embolden(style, title);
  table.add(std::move(head));
  for (const CellResult& cell : results.cells) {
    const bool any = std::any_of(cell.sides.begin(), cell.sides.end(),
                                 [](const auto& side) { return !side.samples.empty(); });
    if (any && belongs(cell, loops)) row_of(table, cell);
  }
  return table.str();
}

/// "3.1 %"; more than the figure itself is no figure.
std::string print_smallest_effect(const CellResult& cell) {
  const auto smallest = smallest_effect_of(cell);
  if (!smallest) return kNothing;
  return *smallest > 1 ? "> 100 %" : fmt::format("{:.1f} %", std::max(0.1, *smallest * 100));
}

std::string throughput_table(const BenchResults& results, const TextStyle& style) {
  std::vector<Align> columns{Align::kLeft};
  std::vector<std::string> head{"tasks per second"};
  for (const Backend backend : results.plan.backends) {
    columns.push_back(Align::kRight);
    head.emplace_back(name_of(backend));
  }
  const bool both = results.plan.backends.size() == 2;
  if (both) {
    columns.insert(columns.end(), {Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
    head.insert(head.end(), {"processes ÷ threads", "per CPU-s", "sees", "verdict", ""});
  }
  return table_of(results, style, columns, head, Loops::kClosed,
                  [&](TextTable& table, const CellResult& cell) {
                    std::vector<std::string> row{label_of(cell.cell, results.plan)};
                    for (const BackendResult& side : cell.sides) row.push_back(rate_with_spread(side));
                    if (both) {
                      const CellFinding finding = find(cell, results.usable_cpus);
                      const auto per_cpu = ratio_of(cell, per_cpu_second_of);
                      row.push_back(print_ratio(ratio_of(cell, throughput_of)));
                      row.push_back(per_cpu ? fmt::format("{:.2f}x", per_cpu->ratio) : kNothing);
                      row.push_back(print_smallest_effect(cell));
                      row.push_back(finding_text(style, finding));
                      row.push_back(expectation_text(style, compare_with_expectation(cell, finding)));
                    }
                    table.add(std::move(row));
                  });
}

/// The tables below have a line for each cell and backend, so that the twins stand above each other.
template <typename ColumnsOf>
std::string backend_table(const BenchResults& results, const TextStyle& style, std::vector<std::string> head,
                          Loops loops, ColumnsOf columns_of_side) {
  std::vector<Align> columns{Align::kLeft, Align::kLeft};
  columns.resize(head.size(), Align::kRight);
  return table_of(results, style, columns, head, loops, [&](TextTable& table, const CellResult& cell) {
    bool first = true;
    for (const BackendResult& side : cell.sides) {
      std::vector<std::string> row{first ? label_of(cell.cell, results.plan) : "",
                                   std::string(name_of(side.backend))};
      for (std::string& text : columns_of_side(cell, side)) row.push_back(std::move(text));
      table.add(std::move(row));
      first = false;
    }
  });
}

/// p50, p90, p99, p99.9, max and n.
std::vector<std::string> latency_columns(const std::optional<Percentiles>& latency) {
  if (!latency) return {kNothing, kNothing, kNothing, kNothing, kNothing, "0"};
  return {print_duration(latency->p50), print_duration(latency->p90),
          print_duration(latency->p99), latency->p999 ? print_duration(*latency->p999) : kNothing,
          print_duration(latency->max), print_count(latency->n)};
}

std::string latency_table(const BenchResults& results, const TextStyle& style) {
  return backend_table(
      results, style, {"latency", "", "p50", "p90", "p99", "p99.9", "max", "n"}, Loops::kClosed,
      [](const CellResult&, const BackendResult& side) { return latency_columns(latency_of(side)); });
}

std::string open_loop_table(const BenchResults& results, const TextStyle& style) {
  return backend_table(results, style,
                       {"open loop", "", "offered", "done", "p50", "p90", "p99", "p99.9", "max", "n",
                        "service p99", "late p99", "most"},
                       Loops::kOpen, [](const CellResult& cell, const BackendResult& side) {
                         const auto share = achieved_share(side);
                         std::vector<std::string> row{
                             print_offered_rate(cell),
                             share ? fmt::format("{:.1f} %", *share * 100) : kNothing};
                         for (std::string& text : latency_columns(latency_of(side)))
                           row.push_back(std::move(text));
                         const auto service = service_of(side);
                         const auto late = median_of(side, late_p99_of);
                         row.push_back(service ? print_duration(service->p99) : kNothing);
                         row.push_back(late ? print_duration(*late) : kNothing);
                         row.push_back(print_duration(late_max_of(side)));
                         return row;
                       });
}

std::string open_loop_ratios(const BenchResults& results, const TextStyle& style) {
  if (results.plan.backends.size() < 2) return "";
  return "\n" + table_of(results, style,
                         {Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft},
                         {"latency, processes ÷ threads", "p50", "p99", "verdict", ""}, Loops::kOpen,
                         [&](TextTable& table, const CellResult& cell) {
                           const CellFinding finding = find(cell, results.usable_cpus);
                           table.add({label_of(cell.cell, results.plan), print_ratio(ratio_of(cell, p50_of)),
                                      print_ratio(ratio_of(cell, p99_of)), finding_text(style, finding),
                                      expectation_text(style, compare_with_expectation(cell, finding))});
                         });
}

std::string open_loop_tables(const BenchResults& results, const TextStyle& style) {
  std::string text = open_loop_table(results, style) + open_loop_ratios(results, style);
  if (any_cell(results, [](const CellResult& cell) { return belongs(cell, Loops::kStalled); })) {
    text +=
        "\n" + backend_table(results, style, {"closed loop", "", "p50", "p90", "p99", "p99.9", "max", "n"},
                             Loops::kStalled, [](const CellResult&, const BackendResult& side) {
                               return latency_columns(closed_latency_of(side));
                             });
  }
  return text + "\n";
}

/// The kernel tells user from system time by its ticks, which are as long as half a round: only many together
/// say it.
template <typename Of>
double mean_over(const BackendResult& side, Of of) {
  double sum = 0;
  for (const Sample& sample : side.samples) sum += of(sample);
  return sum / static_cast<double>(side.samples.size());
}

/// The median over all samples of a quantity that only this table shows.
template <typename Of>
double median_over(const BackendResult& side, Of of) {
  std::vector<double> all;
  for (const Sample& sample : side.samples) all.push_back(of(sample));
  return median(all);
}

std::string cpu_table(const BenchResults& results, const TextStyle& style) {
  return backend_table(
      results, style,
      {"CPU", "", "user", "system", "tasks/CPU-s", "parallelism", "waits/task", "interruptions/s", "foreign"},
      Loops::kAll, [&](const CellResult& cell, const BackendResult& side) -> std::vector<std::string> {
        if (side.samples.empty()) return std::vector<std::string>(7, kNothing);
        const auto parallelism = effective_parallelism(cell, side, results.usable_cpus);
        return {print_duration(mean_over(side, [](const Sample& s) { return s.cpu_user_s; })),
                print_duration(mean_over(side, [](const Sample& s) { return s.cpu_system_s; })),
                print_number(*median_of(side, per_cpu_second_of)),
                parallelism ? fmt::format("{:.2f}", *parallelism) : kNothing,
                fmt::format("{:.2f}", median_over(side,
                                                  [](const Sample& s) {
                                                    return static_cast<double>(s.voluntary_switches) /
                                                           static_cast<double>(s.tasks);
                                                  })),
                print_number(median_over(
                    side,
                    [](const Sample& s) { return static_cast<double>(s.involuntary_switches) / s.wall_s; })),
                cell.complete ? fmt::format("{:.0f} %", cell.foreign_cpu * 100) : kNothing};
      });
}

std::string memory_table(const BenchResults& results, const TextStyle& style) {
  const auto size = [](const std::optional<MemoryUse>& use, std::uint64_t MemoryUse::*part, int shares) {
    return use ? print_size(static_cast<double>((*use).*part) / shares) : std::string(kNothing);
  };
  return backend_table(results, style,
                       {"memory and start-up", "", "PSS at rest", "PSS at peak", "peak/worker", "USS at rest",
                        "USS at peak", "first result"},
                       Loops::kAll,
                       [&](const CellResult& cell, const BackendResult& side) -> std::vector<std::string> {
                         const auto start_up = median_of(side, start_up_of);
                         return {size(side.rest, &MemoryUse::pss_bytes, 1),
                                 size(side.peak, &MemoryUse::pss_bytes, 1),
                                 size(side.peak, &MemoryUse::pss_bytes, cell.cell.workers),
                                 size(side.rest, &MemoryUse::uss_bytes, 1),
                                 size(side.peak, &MemoryUse::uss_bytes, 1),
                                 start_up ? print_duration(*start_up) : kNothing};
                       });
}

}  // namespace

std::string label_of(const Cell& cell, const Plan& plan) {
  // What differs between the cells of one workload tells them apart.
  const auto several = [&](auto Cell::*part) {
    return std::any_of(plan.cells.begin(), plan.cells.end(), [&](const Cell& other) {
      return other.workload->name == cell.workload->name && other.*part != cell.*part;
    });
  };
  const bool sizes = std::any_of(plan.cells.begin(), plan.cells.end(),
                                 [&](const Cell& other) { return other.workers != cell.workers; });
  std::string label(cell.workload->name);
  if (sizes) label += fmt::format(" w={}", cell.workers);
  if (several(&Cell::payload_bytes)) label += " " + print_size(static_cast<double>(cell.payload_bytes));
  if (several(&Cell::window)) label += fmt::format(" window={}", cell.window);
  if (cell.open && several(&Cell::open)) label += " " + rate_name(*cell.open);
  // What else a plan file may vary from cell to cell.
  const bool ambiguous = std::count_if(plan.cells.begin(), plan.cells.end(), [&](const Cell& other) {
                           return other.workload == cell.workload && other.workers == cell.workers &&
                                  other.payload_bytes == cell.payload_bytes && other.window == cell.window &&
                                  other.open == cell.open;
                         }) > 1;
  return ambiguous ? name_of(cell) : label;
}

std::string print_tables(const BenchResults& results, const TextStyle& style) {
  static constexpr char kLegend[] =
      "±: half the distance of the quartiles. [low, high]: 95 % interval of the median over the pairs. per "
      "CPU-s: the same ratio by\n"
      "tasks for each second of own CPU. sees: the smallest difference that four of five such runs would "
      "find. latency: submitted until\n"
      "settled. parallelism: own CPU / (time x min(workers, CPUs)). PSS: memory of all processes together, "
      "shared pages counted once.\n"
      "USS: the private part. Peak: a window of results held.\n";
  static constexpr char kOpenLegend[] =
      "open loop: latency counts from the intended start, so waiting for a stalled or full pool is in it; "
      "service: "
      "from submission.\nlate: how late the generator itself was. closed loop: as many tasks as workers in "
      "flight, "
      "with the same stall.\n";
  const bool open = any_cell(results, [](const CellResult& cell) { return cell.cell.open.has_value(); });
  const bool closed = any_cell(results, [](const CellResult& cell) { return !cell.cell.open; });
  std::string text;
  if (closed) text += throughput_table(results, style) + "\n" + latency_table(results, style) + "\n";
  if (open) text += open_loop_tables(results, style);
  return text + fmt::format("{}\n{}\n{}{}", cpu_table(results, style), memory_table(results, style), kLegend,
                            open ? kOpenLegend : "");
}

}  // namespace twinpool::bench
