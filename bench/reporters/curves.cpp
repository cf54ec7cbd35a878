// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "bench/curve.h"
#include "bench/reporters/text_table.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

constexpr char kNothing[] = "-";

/// The curves of all backends that belong into one table.
using Family = std::vector<const Curve*>;

std::vector<Family> families_of(const std::vector<Curve>& curves) {
  std::vector<Family> families;
  for (const Curve& curve : curves) {
    const auto same = [&](const Family& family) {
      const Curve& first = *family.front();
      return first.workload == curve.workload && first.axis == curve.axis && first.rest == curve.rest;
    };
    const auto found = std::find_if(families.begin(), families.end(), same);
    (found == families.end() ? families.emplace_back() : *found).push_back(&curve);
  }
  return families;
}

std::string title_of(const Curve& curve) {
  return fmt::format("{} by {}{}{}", curve.workload, name_of(curve.axis), curve.rest.empty() ? "" : ", ",
                     curve.rest);
}

std::vector<std::string> figures_of(const Curve& curve, double x) {
  const auto at =
      std::find_if(curve.points.begin(), curve.points.end(), [&](const auto& point) { return point.x == x; });
  if (at == curve.points.end()) return {kNothing, kNothing};
  const bool knee = curve.knee && curve.points.begin() + static_cast<std::ptrdiff_t>(*curve.knee) == at;
  const std::string rate = curve.axis == SweepAxis::kRate ? fmt::format("{:.1f} %", at->achieved_share * 100)
                                                          : print_number(at->throughput_tasks_per_s) + "/s";
  return {knee ? rate + " <" : rate, at->p99_s > 0 ? print_duration(at->p99_s) : kNothing};
}

std::string table_of(const Family& family, const TextStyle& style) {
  std::vector<TextTable::Align> columns{TextTable::Align::kRight};
  std::vector<std::string> head{title_of(*family.front())};
  const bool rates = family.front()->axis == SweepAxis::kRate;
  for (const Curve* curve : family) {
    columns.insert(columns.end(), 2, TextTable::Align::kRight);
    head.push_back(fmt::format("{}{}", name_of(curve->backend), rates ? ", done" : ""));
    head.emplace_back("p99");
  }
  for (std::string& title : head) title = embolden(style, title);
  TextTable table(columns);
  table.add(std::move(head));
  for (const Curve::Point& point : family.front()->points) {
    std::vector<std::string> row{point.value};
    for (const Curve* curve : family) {
      for (std::string& text : figures_of(*curve, point.x)) row.push_back(std::move(text));
    }
    table.add(std::move(row));
  }
  return table.str();
}

std::string sentence_of(const Curve& curve) {
  return fmt::format("{} with {}: {}.", title_of(curve), name_of(curve.backend), curve.sentence);
}

}  // namespace

std::string print_curves(const BenchResults& results, const TextStyle& style) {
  const auto curves = find_curves(results);
  std::string text;
  for (const Family& family : families_of(curves)) text += table_of(family, style) + "\n";
  return text.empty() ? text : text + "<: the knee. p99: of the latency.\n\n";
}

std::string knee_sentences(const BenchResults& results) {
  std::string text;
  for (const Curve& curve : find_curves(results)) text += sentence_of(curve) + "\n";
  return text;
}

std::string markdown_of_curves(const BenchResults& results) {
  std::string text;
  for (const Curve& curve : find_curves(results)) {
    if (text.empty()) text = "| sweep | backend | knee | |\n|---|---|--:|---|\n";
    text += fmt::format("| {} | {} | {} | {} |\n", title_of(curve), name_of(curve.backend),
                        curve.knee ? curve.points[*curve.knee].value : "none", curve.sentence);
  }
  return text;
}

}  // namespace twinpool::bench
