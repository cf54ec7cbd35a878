// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/diff.h"
#include "bench/formats/finite.h"
#include "bench/reporters/text_table.h"
#include "bench/suite_test.h"

namespace twinpool::bench {
namespace {

using Kind = GateAnswer::Kind;

/// What is always shown: the rest only where it changed beyond doubt.
constexpr std::array<std::string_view, 4> kHeadlines{"ratio", "throughput", "p99", "pss"};
/// GitHub takes 64 KiB in a comment; the text around the table needs some of it.
constexpr std::size_t kMostTableBytes = 48 << 10;

bool is_shown(const Change& change, bool all_measures) {
  if (all_measures) return true;
  if (change.verdict == ChangeVerdict::kBetter || change.verdict == ChangeVerdict::kWorse) return true;
  return std::find(kHeadlines.begin(), kHeadlines.end(), change.measure->name) != kHeadlines.end();
}

std::string print_figure(const Change& change, const std::optional<double>& figure) {
  return figure ? change.measure->print(*figure) : "-";
}

std::string print_ratio(const Change& change) {
  if (!change.ratio) return "-";
  const Shift& ratio = *change.ratio;
  if (!ratio.has_interval())
    return fmt::format("{:.3f} (n={},{})", ratio.estimate, ratio.n_base, ratio.n_next);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", ratio.estimate, ratio.low, ratio.high);
}

std::string print_verdict(const Change& change) {
  if (change.measure->kind == Measure::Kind::kRatio) {  // neither twin's gain is better as such
    if (change.verdict == ChangeVerdict::kBetter) return "processes gained";
    if (change.verdict == ChangeVerdict::kWorse) return "processes lost ground";
  }
  return std::string(name_of(change.verdict));
}

std::vector<std::string> row_of(const Change& change) {
  return {change.cell,
          change.backend ? std::string(name_of(*change.backend)) : "both",
          std::string(change.measure->name),
          print_figure(change, change.before),
          print_figure(change, change.after),
          print_ratio(change),
          print_verdict(change)};
}

const std::vector<std::string> kHeader{"cell", "backend", "measure", "old", "new", "new / old", "verdict"};

std::string print_machine(const Comparison& comparison) {
  if (!comparison.machine)
    return "The speed of the machine cannot be compared: a run has no complete control.\n";
  const Shift& speed = *comparison.machine;
  return fmt::format(
      "machine: the controls of the newer run ran {:.3f}x [{:.3f}, {:.3f}] as fast; intervals of throughputs "
      "and times "
      "are widened by that, the ratio of the twins does not depend on it\n",
      speed.estimate, speed.low, speed.high);
}

/// The reasons for "no verdict", each once.
std::vector<std::string> notes_of(const Comparison& comparison, bool all_measures) {
  std::vector<std::string> notes = comparison.unmatched;
  for (const Change& change : comparison.changes) {
    if (change.why.empty() || !is_shown(change, all_measures)) continue;
    const std::string note = fmt::format("{}: {}", change.cell, change.why);
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
  return notes;
}

std::string_view name_of_kind(Kind kind) {
  return kind == Kind::kPass ? "pass" : kind == Kind::kFail ? "FAIL" : "undecided";
}

std::string markdown_row(const std::vector<std::string>& fields) {
  std::string row = "|";
  for (const std::string& field : fields) {
    row += ' ';
    for (const char letter : field) row += letter == '|' ? std::string("\\|") : std::string(1, letter);
    row += " |";
  }
  return row + "\n";
}

std::string markdown_gates(const Comparison& comparison) {
  std::string text;
  for (const GateAnswer& answer : comparison.gates) {
    if (answer.kind != Kind::kPass && text.size() < kMostTableBytes / 4)
      text += markdown_row(
          {std::string(name_of_kind(answer.kind)), '`' + answer.gate.text + '`', answer.sentence});
  }
  if (text.empty()) return "";
  return "| gate | condition | what was found |\n|---|---|---|\n" + text + "\n";
}

nlohmann::json shift_json(const std::optional<Shift>& shift) {
  if (!shift) return nullptr;
  nlohmann::json json{{"n_before", shift->n_base}, {"n_after", shift->n_next}};
  put(json, "ratio", shift->estimate);
  if (shift->has_interval()) {
    put(json, "low", shift->low);
    put(json, "high", shift->high);
    put(json, "coverage", shift->coverage);
  }
  return json;
}

nlohmann::json change_json(const Change& change) {
  nlohmann::json json{{"cell", change.cell},
                      {"backend", nullptr},
                      {"measure", change.measure->name},
                      {"unit", change.measure->unit},
                      {"before", nullptr},
                      {"after", nullptr},
                      {"change", shift_json(change.ratio)},
                      {"p", nullptr},
                      {"p_holm", nullptr},
                      {"holds_in_suite", change.holds_in_suite},
                      {"verdict", name_of(change.verdict)}};
  if (change.backend) json["backend"] = name_of(*change.backend);
  put(json, "before", change.before);
  put(json, "after", change.after);
  put(json, "p", change.p);
  put(json, "p_holm", change.p_holm);
  if (!change.why.empty()) json["why"] = change.why;
  return json;
}

}  // namespace

std::string print_suite(const Comparison& comparison) {
  std::vector<std::string> names;
  std::size_t tests = 0;
  for (const Change& change : comparison.changes) {
    tests += change.p ? 1 : 0;
    if (change.holds_in_suite)
      names.push_back(fmt::format("{}{} {}", change.cell,
                                  change.backend ? fmt::format(" {}", name_of(*change.backend)) : "",
                                  change.measure->name));
  }
  if (tests < 2) return "";
  return fmt::format("Tested together (Holm over {} changes, {:.0f} % for the whole list), {}.\n", tests,
                     kSuiteAlpha * 100,
                     names.empty() ? "nothing changed beyond doubt"
                                   : fmt::format("these changed: {}", fmt::join(names, ", ")));
}

std::string print_comparison(const Comparison& comparison, bool all_measures) {
  using Align = TextTable::Align;
  TextTable table(
      {Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
  table.add(kHeader);
  for (const Change& change : comparison.changes) {
    if (is_shown(change, all_measures)) table.add(row_of(change));
  }
  std::string text = print_machine(comparison) + "\n" + table.str() + "\n" + print_suite(comparison);
  for (const std::string& note : notes_of(comparison, all_measures)) text += "note: " + note + "\n";
  return text;
}

std::string print_gates(const Comparison& comparison) {
  if (comparison.gates.empty()) return "";
  std::string text;
  std::size_t passed = 0, failed = 0;
  for (const GateAnswer& answer : comparison.gates) {
    passed += answer.kind == Kind::kPass ? 1 : 0;
    failed += answer.kind == Kind::kFail ? 1 : 0;
    if (answer.kind == Kind::kPass) continue;
    text += fmt::format("{}: {} ({})\n", answer.kind == Kind::kFail ? "GATE FAILED" : "gate undecided",
                        answer.sentence, answer.gate.text);
  }
  return text + fmt::format("Gates: {} passed, {} failed, {} undecided.\n", passed, failed,
                            comparison.gates.size() - passed - failed);
}

std::string print_annotations(const Comparison& comparison) {
  std::string text;
  for (const GateAnswer& answer : comparison.gates) {
    if (answer.kind == Kind::kPass) continue;
    std::string sentence = answer.sentence;  // GitHub ends the message at a line end and unescapes %25
    for (std::size_t at = 0; (at = sentence.find('%', at)) != std::string::npos; at += 3)
      sentence.replace(at, 1, "%25");
    text += fmt::format("::{} title=twinpool gate {}::{}\n", answer.kind == Kind::kFail ? "error" : "warning",
                        answer.kind == Kind::kFail ? "failed" : "undecided", sentence);
  }
  return text;
}

std::string markdown_of(const Comparison& comparison) {
  const bool failed = comparison.any(Kind::kFail);
  const char* const answer = comparison.gates.empty()           ? "no gates"
                             : failed                           ? "a gate failed"
                             : comparison.any(Kind::kUndecided) ? "gates undecided"
                                                                : "all gates passed";
  std::string text = fmt::format("### twinpool diff: {}\n\n{}\n{}", answer, print_machine(comparison),
                                 markdown_gates(comparison));
  text += markdown_row(kHeader) + "|---|---|---|--:|--:|---|---|\n";
  std::size_t left_out = 0;
  for (const Change& change : comparison.changes) {
    if (!is_shown(change, false)) continue;
    if (text.size() > kMostTableBytes)
      ++left_out;
    else
      text += markdown_row(row_of(change));
  }
  if (left_out > 0)
    text += fmt::format("\n{} more rows do not fit into a job summary; see the JSON.\n", left_out);
  text += "\n" + print_suite(comparison);
  for (const std::string& note : notes_of(comparison, false)) {
    if (text.size() < kMostTableBytes + (8 << 10)) text += fmt::format("\n- {}", note);
  }
  return text + "\n";
}

std::string csv_of(const Comparison& comparison) {
  const auto number = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? fmt::format("{}", *value) : std::string();
  };
  std::string text = "cell,backend,measure,unit,before,after,ratio,low,high,n_before,n_after,verdict\n";
  for (const Change& change : comparison.changes) {
    std::string interval = ",,,,";
    if (change.ratio) {
      const bool has = change.ratio->has_interval();
      interval =
          fmt::format("{},{},{},{},{}", number(change.ratio->estimate), has ? number(change.ratio->low) : "",
                      has ? number(change.ratio->high) : "", change.ratio->n_base, change.ratio->n_next);
    }
    text +=
        fmt::format("{},{},{},{},{},{},{},{}\n", change.cell, change.backend ? name_of(*change.backend) : "",
                    change.measure->name, change.measure->unit, number(change.before), number(change.after),
                    interval, name_of(change.verdict));
  }
  return text;
}

std::vector<TestCase> test_cases_of(const Comparison& comparison) {
  std::vector<TestCase> cases;
  for (const GateAnswer& answer : comparison.gates) {
    TestCase test{
        .classname = "twinpool.gate." + answer.change.workload,
        .name = fmt::format("{}{}: {}", answer.change.cell,
                            answer.change.backend ? fmt::format(" {}", name_of(*answer.change.backend)) : "",
                            answer.gate.text)};
    if (answer.kind != Kind::kPass) test.message = answer.sentence;
    if (answer.kind == Kind::kFail) {
      test.answer = TestCase::Answer::kFailure;
      test.type = "regression";
    } else if (answer.kind == Kind::kUndecided) {
      test.answer = TestCase::Answer::kSkipped;
    }
    cases.push_back(std::move(test));
  }
  if (!cases.empty()) return cases;
  // Without gates nothing can fail, but a report of what was compared is still wanted.
  for (const Change& change : comparison.changes) {
    if (!is_shown(change, false)) continue;
    TestCase test{.classname = "twinpool.diff." + change.workload,
                  .name = fmt::format("{}{} {}", change.cell,
                                      change.backend ? fmt::format(" {}", name_of(*change.backend)) : "",
                                      change.measure->name)};
    if (change.verdict == ChangeVerdict::kUndecidable) {
      test.answer = TestCase::Answer::kSkipped;
      test.message = change.why;
    }
    cases.push_back(std::move(test));
  }
  return cases;
}

nlohmann::json to_json(const Comparison& comparison) {
  nlohmann::json changes = nlohmann::json::array(), gates = nlohmann::json::array();
  for (const Change& change : comparison.changes) changes.push_back(change_json(change));
  for (const GateAnswer& answer : comparison.gates) {
    nlohmann::json gate{{"fail_if", answer.gate.text},
                        {"cell", answer.change.cell},
                        {"backend", nullptr},
                        {"answer", answer.kind == Kind::kFail ? "fail" : name_of_kind(answer.kind)},
                        {"sentence", answer.sentence}};
    if (answer.change.backend) gate["backend"] = name_of(*answer.change.backend);
    gates.push_back(std::move(gate));
  }
  return {{"machine_speed", shift_json(comparison.machine)},
          {"changes", changes},
          {"unmatched", comparison.unmatched},
          {"gates", gates}};
}

}  // namespace twinpool::bench
