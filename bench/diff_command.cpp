// SPDX-License-Identifier: Apache-2.0
#include "bench/diff_command.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdlib>
#include <memory>

#include "bench/formats/outputs.h"
#include "bench/option_readers.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/terminal.h"
#include "bench/trend.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

struct DiffFlags {
  std::vector<std::string> files;
  GateFlags gates;
  std::vector<std::string> out;
  std::string format;
  bool all = false;
  bool quiet = false;
};

std::string write_diff_json(const Comparison& comparison, const std::vector<Recording>& runs) {
  nlohmann::json document = to_json(comparison);
  document["schema_version"] = kSchemaVersion;
  document["kind"] = "diff";
  document["version"] = kVersion;
  document["command"] = own_command_line();
  for (const Recording& run : runs) {
    document["runs"].push_back({{"path", run.path},
                                {"version", run.version},
                                {"finished_at", run.finished_at},
                                {"machine_hash", run.machine_hash}});
  }
  return print_document(document);
}

std::string write(std::string_view format, const Comparison& comparison, const std::vector<Recording>& runs) {
  if (format == "json") return write_diff_json(comparison, runs);
  if (format == "csv") return csv_of(comparison);
  if (format == "markdown")
    return markdown_of(comparison) + (runs.size() > 2 ? "\n```\n" + print_trend(runs) + "```\n" : "");
  return write_junit_document("twinpool diff", test_cases_of(comparison),
                              {{"base", runs.front().path}, {"new", runs.back().path}}, 0);
}

/// Errors: UsageError where the runs should not be compared, unless the user insists.
std::string check_comparable(const std::vector<Recording>& runs, bool force) {
  std::string warnings;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const auto obstacles = find_obstacles(runs.front(), runs[i]);
    if (!obstacles.empty() && !force)
      throw UsageError(obstacles.front() +
                       ", so their figures do not compare; --force compares them all the same");
    for (const std::string& sentence : obstacles) warnings += "warning: " + sentence + "\n";
    for (const std::string& sentence : find_differences(runs.front(), runs[i]))
      warnings += "warning: " + sentence + "\n";
  }
  return warnings;
}

int run_diff(const DiffFlags& flags) {
  if (flags.files.size() < 2)
    throw UsageError("diff needs two files or more: twinpool diff BASE.json NEW.json");
  const auto gates = read_gates(flags.gates);
  const double margin = read_margin(flags.gates);
  check_outputs(flags.out, flags.format, "");
  std::vector<std::pair<std::string_view, std::unique_ptr<OutputFile>>> outputs;
  for (const std::string& path : flags.out)
    outputs.emplace_back(choose_summary_format("a comparison", path, flags.format),
                         open_output("--out", path));
  std::vector<Recording> runs;
  for (const std::string& path : flags.files) runs.push_back(read_recording(path));
  const std::string warnings = check_comparable(runs, flags.gates.force);
  Comparison comparison = compare(runs.front().results, runs.back().results, margin);
  if (comparison.unmatched.size() >= runs.front().results.cells.size() + runs.back().results.cells.size())
    throw UsageError(
        fmt::format("'{}' and '{}' have no cell in common", runs.front().path, runs.back().path));
  ask_gates(comparison, gates);

  bool data_to_stdout = false;
  for (const std::string& path : flags.out) data_to_stdout = data_to_stdout || path == "-";
  std::FILE* const out = data_to_stdout ? stderr : stdout;
  std::string text = warnings;
  if (!flags.quiet) {
    text += fmt::format("old: {}  {}\nnew: {}  {}\n", runs.front().path, runs.front().finished_at,
                        runs.back().path, runs.back().finished_at);
    text += print_comparison(comparison, flags.all);
    if (runs.size() > 2) text += "\n" + print_trend(runs) + "\n";
  }
  text += print_gates(comparison);
  fmt::print(out, "{}", spell(detect_style(out, ColorChoice::kNever, false), std::move(text)));
  annotate(comparison, out);
  for (const auto& [format, file] : outputs) file->commit(write(format, comparison, runs));
  return exit_code_of(comparison, flags.gates.strict);
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<DiffFlags>();
  app.add_option("FILES", flags->files, "Results of `twinpool bench --json FILE`, the oldest first")
      ->type_name("BASE.json NEW.json");
  add_gate_flags(app, flags->gates);
  app.add_option("--out", flags->out,
                 "Write the comparison to this file; .json .csv .md .xml; - is standard output")
      ->type_name("FILE");
  app.add_option("--format", flags->format, "json, csv, markdown or junit (by the suffix of --out)")
      ->type_name("NAME");
  app.add_flag("-a,--all", flags->all, "Show every measure, not only the headlines and what changed");
  app.add_flag("-q,--quiet", flags->quiet, "The answers of the gates only");
  return [flags] { return run_diff(*flags); };
}

}  // namespace

void add_gate_flags(CLI::App& app, GateFlags& flags) {
  app.add_option("--fail-if", flags.fail_if,
                 "A gate, as 'throughput<-5%', 'noop: threads.p99>+10%' or 'lost>0'; repeat for more")
      ->type_name("GATE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--margin", flags.margin,
                 fmt::format("A smaller change does not matter ({:.3g}%)", kDefaultMargin * 100))
      ->type_name("P%");
  app.add_flag("--strict", flags.strict, "A gate that is undecided fails too, with exit code 6");
  app.add_flag("--force", flags.force, "Compare results of different machines or builds all the same");
}

std::vector<Gate> read_gates(const GateFlags& flags) {
  if (flags.strict && flags.fail_if.empty())
    throw UsageError("--strict is about gates, and in bench about --precision; add --fail-if GATE");
  std::vector<Gate> gates;
  for (const std::string& text : flags.fail_if) gates.push_back(read_gate(text));
  return gates;
}

double read_margin(const GateFlags& flags) {
  return flags.margin.empty() ? kDefaultMargin : read_share("--margin", flags.margin);
}

void annotate(const Comparison& comparison, std::FILE* out) {
  const char* const github = std::getenv("GITHUB_ACTIONS");
  if (github != nullptr && std::string_view(github) == "true")
    fmt::print(out, "{}", print_annotations(comparison));
}

constinit const Command kDiffCommand{
    .name = "diff",
    .sentence = "Compares results of `twinpool bench`, and fails where something became worse than it may",
    .examples =
        "Examples:\n"
        "  twinpool diff base.json new.json\n"
        "  twinpool diff base.json new.json --fail-if 'ratio<-10%' --fail-if 'lost>0'\n"
        "  twinpool diff base.json new.json --fail-if 'noop: threads.throughput<-5%' --strict --out "
        "gates.xml\n"
        "  twinpool diff monday.json tuesday.json today.json    a trend; gates compare the first and the "
        "last\n"
        "A gate is [CELL:][BACKEND.]MEASURE<LIMIT or >LIMIT. Measures: ratio throughput per-cpu start-up p50 "
        "p90 p99 pss\n"
        "pss-rest uss, whose limits are changes in per cent, and the counts lost failed wrong crashes "
        "problems.\n"
        "It fires only when the whole interval of the change is beyond its limit: exit code 3.",
    .set_up = &set_up};

}  // namespace twinpool::bench
