// SPDX-License-Identifier: Apache-2.0
#include "bench/life/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/reporters/text_table.h"
#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench::life {
namespace {

using Row = std::vector<std::string>;

const Row kHead{"situation", "contestant", "figure", "p50", "p99", "rounds", "at most", ""};

std::string show(Unit unit, double value) {
  switch (unit) {
    case Unit::kNanoseconds:
      return print_duration(value * 1e-9);
    case Unit::kBytes:
      return print_size(value);
    case Unit::kCount:
      break;
  }
  return value == 0 ? "0" : value < 1e-4 ? "< 0.0001" : fmt::format("{:.3g}", value);
}

std::optional<Row> row_of(const Measured& one, const Figure& figure) {
  std::vector<double> all;
  std::vector<double> medians;
  for (const Samples& round : one.rounds) {
    const auto found = round.find(figure.name);
    if (found == round.end() || found->second.empty()) continue;
    all.insert(all.end(), found->second.begin(), found->second.end());
    medians.push_back(median(found->second));
  }
  if (all.empty()) return std::nullopt;
  std::sort(all.begin(), all.end());
  std::sort(medians.begin(), medians.end());
  const double middle = median(all);
  const double spread = (percentile(medians, 0.75) - percentile(medians, 0.25)) / 2;
  constexpr std::size_t kFewestForTail = 20;
  return Row{one.what.situation,
             one.what.contestant,
             figure.name,
             show(figure.unit, middle),
             all.size() >= kFewestForTail ? show(figure.unit, percentile(all, 0.99)) : "-",
             middle > 0 ? fmt::format("± {:.0f} %", 100 * spread / middle) : "-",
             figure.goal ? show(figure.unit, *figure.goal) : "",
             !figure.goal ? "" : middle <= *figure.goal ? "met" : "missed"};
}

struct Chapter {
  std::string title;
  std::vector<Row> rows;
};

std::vector<Chapter> chapters_of(const std::vector<Measured>& all) {
  std::vector<Chapter> chapters;
  for (const Measured& one : all) {
    if (chapters.empty() || chapters.back().title != one.what.chapter) chapters.push_back({one.what.chapter, {}});
    for (const Figure& figure : one.what.figures) {
      if (auto row = row_of(one, figure)) chapters.back().rows.push_back(std::move(*row));
    }
  }
  return chapters;
}

std::string failures_of(const std::vector<Measured>& all) {
  std::string text;
  for (const Measured& one : all) {
    for (const std::string& failure : one.failures) text += "A round is missing: " + failure + "\n";
  }
  return text;
}

std::string markdown_row(const Row& row) {
  std::string text = "|";
  for (const std::string& cell : row) text += " " + cell + " |";
  return text + "\n";
}

}  // namespace

std::string describe(const std::vector<Measured>& all) {
  using Align = TextTable::Align;
  std::string text;
  for (const Chapter& chapter : chapters_of(all)) {
    TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight,
                     Align::kRight, Align::kLeft});
    table.add(kHead);
    for (const Row& row : chapter.rows) table.add(row);
    text += chapter.title + "\n" + table.str() + "\n";
  }
  return text + failures_of(all);
}

std::string markdown(const std::vector<Measured>& all) {
  std::string text;
  for (const Chapter& chapter : chapters_of(all)) {
    text += "#### " + chapter.title + "\n\n" + markdown_row(kHead);
    text += "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n";
    for (const Row& row : chapter.rows) text += markdown_row(row);
    text += "\n";
  }
  return text + failures_of(all);
}

std::string json(const std::vector<Measured>& all, std::uint64_t seed) {
  nlohmann::json out{{"seed", seed}};
  for (const Measured& one : all) {
    nlohmann::json figures = nlohmann::json::array();
    for (const Figure& figure : one.what.figures) {
      constexpr const char* kUnits[] = {"ns", "bytes", "number"};
      figures.push_back({{"name", figure.name}, {"unit", kUnits[static_cast<int>(figure.unit)]}});
      if (figure.goal) figures.back()["goal"] = *figure.goal;
    }
    out["cases"].push_back({{"chapter", one.what.chapter},
                            {"situation", one.what.situation},
                            {"contestant", one.what.contestant},
                            {"figures", figures},
                            {"rounds", one.rounds},
                            {"failures", one.failures}});
  }
  return out.dump(1) + "\n";
}

}  // namespace twinpool::bench::life
