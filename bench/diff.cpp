// SPDX-License-Identifier: Apache-2.0
#include "bench/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/statistics.h"
#include "bench/suite_test.h"

namespace twinpool::bench {
namespace {

using Kind = Measure::Kind;

/// Gives: nothing when a value has no logarithm, for then there is no ratio.
std::vector<double> logarithms(const std::vector<double>& values) {
  std::vector<double> logs;
  for (const double value : values) {
    if (!(value > 0) || !std::isfinite(value)) return {};
    logs.push_back(std::log(value));
  }
  return logs;
}

Shift to_ratio(Shift shift) {
  shift.estimate = std::exp(shift.estimate);
  shift.low = std::exp(shift.low);
  shift.high = std::exp(shift.high);
  return shift;
}

std::optional<Shift> ratio_between(const std::vector<double>& before, const std::vector<double>& after) {
  const auto shift = estimate_shift(logarithms(before), logarithms(after));
  return shift ? std::optional(to_ratio(*shift)) : std::nullopt;
}

/// The controls do the same work in every run, whatever its options: their speed is the machine's.
std::vector<double> control_speeds(const BenchResults& results) {
  std::vector<double> speeds;
  for (const Control* control : {&results.control_before, &results.control_after}) {
    for (const PairedValue& pair : control->pairs) {
      speeds.push_back(pair.threads);
      speeds.push_back(pair.processes);
    }
  }
  return speeds;
}

/// Never narrows: a machine that changed makes a figure less certain, whichever way it changed.
void widen(Shift& ratio, Kind kind, const Shift& machine) {
  const double slower = std::min(1.0, machine.low), faster = std::max(1.0, machine.high);
  ratio.low *= kind == Kind::kRate ? 1 / faster : slower;
  ratio.high *= kind == Kind::kRate ? 1 / slower : faster;
}

bool is_better_when_larger(Kind kind) { return kind == Kind::kRate || kind == Kind::kRatio; }

ChangeVerdict judge_ratio(const Shift& ratio, Kind kind, double margin) {
  if (ratio.low >= 1 / (1 + margin) && ratio.high <= 1 + margin) return ChangeVerdict::kSame;
  if (ratio.low <= 1 && ratio.high >= 1) return ChangeVerdict::kUnclear;
  return (ratio.estimate > 1) == is_better_when_larger(kind) ? ChangeVerdict::kBetter : ChangeVerdict::kWorse;
}

/// One cell in both runs; null: that run has not got it.
struct CellPair {
  const CellResult* before = nullptr;
  const CellResult* after = nullptr;
  std::string busy;  ///< a sentence when others used the CPUs that it needed
};

class Comparer {
 public:
  Comparer(const BenchResults& before, const BenchResults& after, double margin)
      : before_(before), after_(after), margin_(margin) {}

  Comparison run() {
    if (const auto speed = ratio_between(control_speeds(before_), control_speeds(after_)))
      comparison_.machine = speed;
    for (const CellResult& cell : before_.cells) {
      const CellResult* const same = find_cell(after_, cell);
      if (same == nullptr)
        comparison_.unmatched.push_back(fmt::format("the newer run has no cell {}", name_of(cell.cell)));
      add_cell({&cell, same, same == nullptr ? "" : busy_sentence(cell, *same)});
    }
    for (const CellResult& cell : after_.cells) {
      if (find_cell(before_, cell) != nullptr) continue;
      comparison_.unmatched.push_back(fmt::format("the older run has no cell {}", name_of(cell.cell)));
      add_cell({nullptr, &cell, ""});
    }
    judge_together();
    return std::move(comparison_);
  }

 private:
  /// Among many changes some are said to be one by chance alone.
  void judge_together() {
    std::vector<double> p_values;
    for (const Change& change : comparison_.changes) {
      if (change.p) p_values.push_back(*change.p);
    }
    const auto adjusted = adjust_holm(p_values);
    std::size_t test = 0;
    for (Change& change : comparison_.changes) {
      if (!change.p) continue;
      change.p_holm = adjusted[test++];
      const bool changed =
          change.verdict == ChangeVerdict::kBetter || change.verdict == ChangeVerdict::kWorse;
      change.holds_in_suite = changed && *change.p_holm <= kSuiteAlpha;
    }
  }

  static const CellResult* find_cell(const BenchResults& in, const CellResult& wanted) {
    const auto found = std::find_if(in.cells.begin(), in.cells.end(), [&](const CellResult& cell) {
      return name_of(cell.cell) == name_of(wanted.cell);
    });
    return found == in.cells.end() ? nullptr : &*found;
  }

  std::string busy_sentence(const CellResult& before, const CellResult& after) const {
    const bool then = find(before, before_.usable_cpus) == CellFinding::kTooNoisy;
    const bool now = find(after, after_.usable_cpus) == CellFinding::kTooNoisy;
    if (!then && !now) return "";
    return fmt::format("others used the CPUs in the {} run", then && now ? "older and in the newer"
                                                             : then      ? "older"
                                                                         : "newer");
  }

  void add_cell(const CellPair& cells) {
    for (const Measure& measure : measures()) {
      if (measure.one_a_cell()) {
        add(cells, measure, std::nullopt);
        continue;
      }
      const CellResult& any = cells.after != nullptr ? *cells.after : *cells.before;
      for (const BackendResult& side : any.sides) add(cells, measure, side.backend);
    }
  }

  static std::vector<double> values_of(const CellResult* cell, const Measure& measure,
                                       std::optional<Backend> backend) {
    if (cell == nullptr) return {};
    if (measure.kind == Kind::kRatio) {
      auto ratios = log_ratios(pairs_of(*cell, throughput_of));
      for (double& ratio : ratios) ratio = std::exp(ratio);
      return ratios;
    }
    if (measure.events != nullptr) return {measure.events(*cell)};
    const BackendResult* const side = cell->side(*backend);
    if (side == nullptr) return {};
    if (measure.values != nullptr) return measure.values(*side);
    const auto value = measure.value(*side);
    return value ? std::vector{*value} : std::vector<double>();
  }

  void add(const CellPair& cells, const Measure& measure, std::optional<Backend> backend) {
    const Cell& cell = (cells.after != nullptr ? cells.after : cells.before)->cell;
    Change change{.cell = name_of(cell),
                  .workload = std::string(cell.workload->name),
                  .measure = &measure,
                  .backend = backend};
    const auto before = values_of(cells.before, measure, backend),
               after = values_of(cells.after, measure, backend);
    if (!before.empty()) change.before = median(before);
    if (!after.empty()) change.after = median(after);
    if (!change.before && !change.after) {
      // Only one backend was run, or the trials have too few tasks for the measure.
      if (measure.kind == Kind::kRatio || measure.values != nullptr) return;
    }
    decide(change, before, after, cells.busy);
    comparison_.changes.push_back(std::move(change));
  }

  void decide(Change& change, const std::vector<double>& before, const std::vector<double>& after,
              const std::string& busy) const {
    const Measure& measure = *change.measure;
    if (!change.before || !change.after) {
      change.why = fmt::format("it was not measured in the {} run", change.before ? "newer" : "older");
      return;
    }
    if (measure.counts()) {
      const double grown = *change.after - *change.before;
      change.verdict = grown > 0   ? ChangeVerdict::kWorse
                       : grown < 0 ? ChangeVerdict::kBetter
                                   : ChangeVerdict::kSame;
      return;
    }
    change.ratio = ratio_between(before, after);
    if (!change.ratio) {
      change.why = "one of its values is 0, which has no ratio";
    } else if (measure.is_exact()) {
      change.verdict = judge_ratio(*change.ratio, measure.kind, margin_);
    } else if (!change.ratio->has_interval()) {
      change.why =
          fmt::format("{} and {} trials are too few for an interval; 4 and 4 are the fewest, 10 are better",
                      before.size(), after.size());
    } else {
      if (busy.empty()) change.p = mann_whitney(before, after).p;
      if (comparison_.machine && measure.kind != Kind::kRatio)
        widen(*change.ratio, measure.kind, *comparison_.machine);
      if (busy.empty())
        change.verdict = judge_ratio(*change.ratio, measure.kind, margin_);
      else
        change.why = busy;
    }
  }

  const BenchResults& before_;
  const BenchResults& after_;
  const double margin_;
  Comparison comparison_;
};

std::string subject_of(const Change& change) {
  return fmt::format("{} {}{}", change.cell,
                     change.backend ? fmt::format("{}.", name_of(*change.backend)) : "",
                     change.measure->name);
}

GateAnswer ask(const Gate& gate, const Change& change) {
  GateAnswer answer{.gate = gate, .change = change};
  const std::string subject = subject_of(change);
  if (gate.measure->counts()) {
    if (!change.after) {
      answer.sentence = fmt::format("{}: {}", subject, change.why);
      return answer;
    }
    const bool fires = gate.above ? *change.after > gate.limit : *change.after < gate.limit;
    answer.kind = fires ? GateAnswer::Kind::kFail : GateAnswer::Kind::kPass;
    answer.sentence = fmt::format("{} is {:.0f}", subject, *change.after);
    return answer;
  }
  if (change.verdict == ChangeVerdict::kUndecidable) {
    answer.sentence = fmt::format("{}: {}", subject, change.why);
    return answer;
  }
  const double low = change.ratio->low - 1, high = change.ratio->high - 1;
  const bool surely = gate.above ? low > gate.limit : high < gate.limit;
  const bool surely_not = gate.above ? high <= gate.limit : low >= gate.limit;
  answer.kind = surely       ? GateAnswer::Kind::kFail
                : surely_not ? GateAnswer::Kind::kPass
                             : GateAnswer::Kind::kUndecided;
  answer.sentence = fmt::format("{} changed by {:+.1f} %", subject, (change.ratio->estimate - 1) * 100);
  if (change.ratio->has_interval())
    answer.sentence += fmt::format(" [{:+.1f}, {:+.1f}]", low * 100, high * 100);
  if (answer.kind == GateAnswer::Kind::kUndecided)
    answer.sentence += ", and the limit lies within the interval";
  return answer;
}

}  // namespace

std::string_view name_of(ChangeVerdict verdict) {
  switch (verdict) {
    case ChangeVerdict::kSame:
      return "same";
    case ChangeVerdict::kBetter:
      return "better";
    case ChangeVerdict::kWorse:
      return "worse";
    case ChangeVerdict::kUnclear:
      return "not resolved";
    case ChangeVerdict::kUndecidable:
      return "no verdict";
  }
  return "unknown";
}

bool Comparison::any(GateAnswer::Kind kind) const {
  return std::any_of(gates.begin(), gates.end(),
                     [&](const GateAnswer& answer) { return answer.kind == kind; });
}

Comparison compare(const BenchResults& before, const BenchResults& after, double margin) {
  return Comparer(before, after, margin).run();
}

void ask_gates(Comparison& comparison, const std::vector<Gate>& gates) {
  for (const Gate& gate : gates) {
    const std::size_t asked = comparison.gates.size();
    for (const Change& change : comparison.changes) {
      if (change.measure == gate.measure && gate.concerns(change.workload, change.cell, change.backend))
        comparison.gates.push_back(ask(gate, change));
    }
    if (comparison.gates.size() == asked) {
      throw UsageError(
          fmt::format("--fail-if '{}' concerns nothing in these results: no cell, backend and measure fit it",
                      gate.text));
    }
  }
}

int exit_code_of(const Comparison& comparison, bool strict) {
  if (comparison.any(GateAnswer::Kind::kFail)) return kExitGate;
  return strict && comparison.any(GateAnswer::Kind::kUndecided) ? kExitUndecided : kExitOk;
}

}  // namespace twinpool::bench
