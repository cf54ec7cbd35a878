// SPDX-License-Identifier: Apache-2.0
#include "bench/gate.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "bench/cli.h"
#include "bench/nearest_name.h"

namespace twinpool::bench {
namespace {

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

[[noreturn]] void reject(const std::string& text, const std::string& why) {
  throw UsageError(fmt::format("--fail-if '{}': {}", text, why));
}

const Measure* read_measure(const std::string& text, const std::string& name) {
  if (const Measure* const measure = find_measure(name)) return measure;
  std::vector<std::string> names;
  for (const Measure& measure : measures()) names.emplace_back(measure.name);
  reject(text, fmt::format("unknown measure '{}'{}", name, suggest_name(name, names)));
}

double read_limit(const Gate& gate, std::string limit) {
  const bool percent = limit.ends_with('%');
  if (percent) limit = trim(limit.substr(0, limit.size() - 1));
  const std::string digits = limit.starts_with('+') ? limit.substr(1) : limit;
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      !std::isfinite(number))
    reject(gate.text, fmt::format("'{}' is no limit; write one as -5% or, of a count, as 0", limit));
  if (gate.measure->counts() == percent) {
    reject(gate.text, percent ? fmt::format("{} is a count: write the limit without %, as {}>0",
                                            gate.measure->name, gate.measure->name)
                              : fmt::format("the limit of {} is a change: write it in per cent, as {}%",
                                            gate.measure->name, limit));
  }
  if (percent && number <= -100) reject(gate.text, "nothing can change by -100 % or less");
  if (!percent && number < 0) reject(gate.text, "a count cannot be below 0");
  return percent ? number / 100 : number;
}

}  // namespace

bool Gate::concerns(const std::string& workload, const std::string& cell_name,
                    std::optional<Backend> which) const {
  if (backend && which != backend) return false;
  return cell.empty() || fnmatch(cell.c_str(), workload.c_str(), 0) == 0 ||
         fnmatch(cell.c_str(), cell_name.c_str(), 0) == 0;
}

Gate read_gate(const std::string& text) {
  Gate gate{.text = text};
  const std::size_t sign = text.find_last_of("<>");
  if (sign == std::string::npos)
    reject(text, "write it as MEASURE<LIMIT or MEASURE>LIMIT, for example throughput<-5%");
  gate.above = text[sign] == '>';
  std::string what = text.substr(0, sign);
  if (const std::size_t colon = what.rfind(':');
      colon != std::string::npos) {  // cell names have colons, measures none
    gate.cell = trim(what.substr(0, colon));
    what = what.substr(colon + 1);
    if (gate.cell.empty())
      reject(text, "nothing stands before the ':'; write a workload or a pattern such as lib-*");
  }
  what = trim(what);
  if (const std::size_t dot = what.find('.'); dot != std::string::npos) {
    const std::string name = what.substr(0, dot);
    gate.backend = parse_backend(name);
    if (!gate.backend)
      reject(text, fmt::format("unknown backend '{}'{}", name, suggest_name(name, backend_names())));
    what = what.substr(dot + 1);
  }
  gate.measure = read_measure(text, what);
  if (gate.backend && gate.measure->one_a_cell())
    reject(text, fmt::format("{} belongs to both backends together; leave out '{}.'", what,
                             name_of(*gate.backend)));
  gate.limit = read_limit(gate, trim(text.substr(sign + 1)));
  return gate;
}

}  // namespace twinpool::bench
