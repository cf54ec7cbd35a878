// SPDX-License-Identifier: Apache-2.0
#include "bench/growth/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/reporters/text_table.h"
#include "bench/statistics.h"
#include "bench/units.h"

namespace twinpool::bench::growth {
namespace {

using Row = std::vector<std::string>;

/// "412 ns ± 3 %".
std::string cost_of(std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  const double middle = median(ns);
  const double spread = (percentile(ns, 0.75) - percentile(ns, 0.25)) / 2;
  return fmt::format("{} ± {:2.0f} %", print_duration(middle * 1e-9), 100 * spread / middle);
}

/// The exponent of each round's step.
std::vector<double> exponents(const std::vector<double>& before, const std::vector<double>& after, double growth) {
  std::vector<double> all;
  for (std::size_t i = 0; i < before.size(); ++i) all.push_back(std::log(after[i] / before[i]) / std::log(growth));
  return all;
}

std::string judgement_of(const std::vector<double>& exponents, double most) {
  if (median(exponents) <= most) return "";
  const auto interval = sign_interval(exponents);
  return interval && interval->low > most ? "worse than linear" : "undecided";
}

std::string show_exponent(double exponent) { return fmt::format("{:.2f}", exponent + 0.0); }

std::vector<Row> rows_of(const Series& series, const Costs& costs) {
  std::vector<Row> rows{{series.name}};
  for (const Backend backend : kBackends) {
    for (const std::string& text : {std::string(name_of(backend)), std::string("exponent"), std::string()})
      rows.front().push_back(text);
  }
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    const std::size_t value = series.values[i];
    Row row{std::to_string(value)};
    for (const Backend backend : kBackends) {
      const auto& column = costs.at(series.name).at(backend);
      row.push_back(cost_of(column.at(value)));
      if (i == 0) {
        row.insert(row.end(), {"", ""});
        continue;
      }
      const std::size_t before = series.values[i - 1];
      const double growth = static_cast<double>(value) / static_cast<double>(before);
      const auto steps = exponents(column.at(before), column.at(value), growth);
      row.insert(row.end(), {show_exponent(median(steps)), judgement_of(steps, series.most_exponent)});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string title_of(const Series& series) {
  return fmt::format("Growing {} ({}); each step's exponent at most {}", series.name, series.conditions,
                     series.most_exponent);
}

/// Over all steps of all series.
std::string verdict_of(const std::vector<Series>& all, const Costs& costs) {
  int worse = 0;
  int undecided = 0;
  for (const Series& series : all) {
    for (const Row& row : rows_of(series, costs)) {
      worse += static_cast<int>(std::count(row.begin(), row.end(), "worse than linear"));
      undecided += static_cast<int>(std::count(row.begin(), row.end(), "undecided"));
    }
  }
  return fmt::format("Goal \"no step worse than linear\": {} ({} worse, {} undecided).",
                     worse > 0 ? "missed" : undecided > 0 ? "undecided" : "met", worse, undecided);
}

}  // namespace

std::string describe(const std::vector<Series>& all, const Costs& costs) {
  using Align = TextTable::Align;
  std::string text;
  for (const Series& series : all) {
    TextTable table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kRight, Align::kRight,
                     Align::kLeft});
    for (const Row& row : rows_of(series, costs)) table.add(row);
    text += title_of(series) + "\n" + table.str() + "\n";
  }
  return text + verdict_of(all, costs) + "\n";
}

std::string markdown(const std::vector<Series>& all, const Costs& costs) {
  std::string text;
  for (const Series& series : all) {
    text += title_of(series) + ":\n\n";
    bool head = true;
    for (const Row& row : rows_of(series, costs)) {
      text += "|";
      for (const std::string& cell : row) text += " " + cell + " |";
      text += "\n";
      if (std::exchange(head, false)) text += "| ---: | ---: | ---: | --- | ---: | ---: | --- |\n";
    }
    text += "\n";
  }
  return text + verdict_of(all, costs) + "\n";
}

std::string json(const std::vector<Series>& all, const Costs& costs, std::uint64_t seed) {
  nlohmann::json out{{"seed", seed}, {"unit", "ns a task"}};
  for (const Series& series : all) {
    nlohmann::json rounds;
    for (const Backend backend : kBackends) {
      for (const std::size_t value : series.values)
        rounds[std::string(name_of(backend))][std::to_string(value)] = costs.at(series.name).at(backend).at(value);
    }
    out["series"].push_back({{"name", series.name},
                             {"conditions", series.conditions},
                             {"most_exponent", series.most_exponent},
                             {"rounds", rounds}});
  }
  return out.dump(1) + "\n";
}

std::string plot_data(const std::vector<Series>& all, const Costs& costs) {
  std::string text;
  for (const Series& series : all) {
    text += "# " + series.name + "\n";
    for (const std::size_t value : series.values) {
      text += std::to_string(value);
      for (const Backend backend : kBackends)
        text += fmt::format("\t{:.1f}", median(costs.at(series.name).at(backend).at(value)));
      text += "\n";
    }
    text += "\n\n";
  }
  return text;
}

}  // namespace twinpool::bench::growth
