// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "bench/crash_cost.h"
#include "bench/diff_command.h"
#include "bench/fault_report.h"
#include "bench/formats/outputs.h"
#include "bench/interrupt.h"
#include "bench/option_readers.h"
#include "bench/partial_file.h"
#include "bench/plan.h"
#include "bench/plan_file.h"
#include "bench/plan_report.h"
#include "bench/plugin.h"
#include "bench/precision.h"
#include "bench/reporters/curves.h"
#include "bench/reporters/environment.h"
#include "bench/reporters/progress.h"
#include "bench/reporters/table.h"
#include "bench/reporters/verdict.h"
#include "bench/resume.h"
#include "bench/runner.h"
#include "bench/trace/trace_option.h"

namespace twinpool::bench {
namespace {

struct BenchFlags {
  BenchOptions options;
  std::string json;
  std::vector<std::string> out;
  std::string format;
  std::string baseline;
  std::string plan_file;
  std::string resume;
  bool plan_only = false;
  GateFlags gates;
  TraceFlags trace;
  std::string color = "auto";
  bool quiet = false;
  bool no_progress = false;
  bool ascii = false;
};

/// Trials run elsewhere and open the file again and again, so it has to be a file, and to be readable, before
/// anything begins.
void check_input(const std::string& path) {
  if (path.empty()) return;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw UsageError(fmt::format("cannot read --input '{}': {}", path, std::strerror(errno)));
  struct stat status {};
  fstat(fd, &status);
  char byte = 0;
  const bool readable = S_ISREG(status.st_mode) && read(fd, &byte, 1) == 1;
  close(fd);
  if (!S_ISREG(status.st_mode)) throw UsageError(fmt::format("--input '{}' is not a file", path));
  if (!readable) throw UsageError(fmt::format("--input '{}' is empty or cannot be read", path));
}

/// What the results are held against; read before the work, so that a mistake is found then.
struct Baseline {
  std::optional<Recording> recording;
  std::vector<Gate> gates;
  double margin = kDefaultMargin;
};

Baseline read_baseline(const BenchFlags& flags, const Plan& plan) {
  Baseline baseline;
  // With --precision, --strict has something to be strict about without a gate too.
  GateFlags gates = flags.gates;
  gates.strict = gates.strict && !(plan.precision_asked && gates.fail_if.empty());
  baseline.gates = read_gates(gates);
  baseline.margin = plan.judging.margin;
  if (flags.baseline.empty()) {
    if (!baseline.gates.empty()) throw UsageError("--fail-if compares with a baseline; add --baseline FILE");
    return baseline;
  }
  baseline.recording = read_recording(flags.baseline);
  return baseline;
}

/// The newer run goes through its own JSON, so that it is held to what any reader of it would see.
std::optional<Comparison> compare_with(const Baseline& baseline, const BenchFlags& flags,
                                       const BenchResults& results, std::string& text) {
  const bool complete = std::any_of(results.cells.begin(), results.cells.end(),
                                    [](const CellResult& cell) { return cell.complete; });
  if (!baseline.recording || !complete) return std::nullopt;
  const Recording now =
      parse_recording("this run", write_json({.results = results, .command = own_command_line()}));
  std::vector<std::string> doubts = find_obstacles(*baseline.recording, now);
  const bool comparable = doubts.empty() || flags.gates.force;
  for (const std::string& sentence : find_differences(*baseline.recording, now)) doubts.push_back(sentence);
  for (const std::string& sentence : doubts) text += "warning: " + sentence + "\n";
  Comparison comparison = compare(baseline.recording->results, now.results, baseline.margin);
  ask_gates(comparison, baseline.gates);
  if (!comparable) {  // what was measured is not thrown away, but no gate can rest on it
    for (GateAnswer& answer : comparison.gates) {
      if (answer.gate.measure->counts()) continue;
      answer.kind = GateAnswer::Kind::kUndecided;
      answer.sentence += ", but the baseline is of another machine or build (--force decides all the same)";
    }
  }
  return comparison;
}

struct Findings {
  const BenchResults& results;
  const std::optional<DrillResults>& crash;
  std::optional<Comparison> comparison = {};
  std::string warnings = {};
};

void report(const Findings& findings, const BenchFlags& flags, ColorChoice colour, Outputs& outputs,
            TraceOutput& trace) {
  const BenchResults& results = findings.results;
  // Standard output is one thing: the report for people, or the data.
  std::FILE* const out = outputs.use_standard_output() || trace.is_standard_output() ? stderr : stdout;
  const TextStyle style = detect_style(out, colour, flags.ascii);
  const bool measured = std::any_of(results.cells.begin(), results.cells.end(), [](const CellResult& cell) {
    return std::any_of(cell.sides.begin(), cell.sides.end(),
                       [](const auto& side) { return !side.samples.empty(); });
  });
  std::string text = environment_line(results.plan) + "\n" + noise_line(results) + "\n\n";
  if (measured && !flags.quiet) text += print_tables(results, style) + "\n" + print_curves(results, style);
  text += print_verdict(results);
  if (findings.crash) text += describe_crash(*findings.crash);
  if (findings.comparison) {
    text += "\n" + findings.warnings;
    if (!flags.quiet) text += print_comparison(*findings.comparison, false);
    text += print_gates(*findings.comparison);
  }
  if (results.partial()) {
    text += measured ? "What was measured until the interruption is printed above.\n"
                     : "Nothing was measured before that.\n";
  }
  text += trace.describe();
  fmt::print(out, "{}", spell(style, std::move(text)));
  if (findings.comparison) annotate(*findings.comparison, out);
  outputs.commit({.results = results,
                  .command = own_command_line(),
                  .crash = findings.crash ? &*findings.crash : nullptr,
                  .comparison = findings.comparison ? &*findings.comparison : nullptr});
  trace.commit();
}

Plan read_plan(const BenchFlags& flags) {
  BenchOptions options = flags.options;
  options.margin = flags.gates.margin;
  if (!flags.plan_file.empty()) {
    const PlanFile file = read_plan_file(flags.plan_file, options);
    load_workloads_for_command(file.load);
    return make_plan(file, read_machine_room());
  }
  load_workloads_for_command(options.load);
  return make_plan(options, read_machine_room());
}

/// An interrupted run is taken up where it was left, and written to the same file unless told otherwise.
std::string choose_json(const BenchFlags& flags) {
  return flags.json.empty() && !flags.resume.empty() ? without_partial_suffix(flags.resume) : flags.json;
}

/// A partial file that a run left that was killed is overwritten by the next one; that should be no surprise.
void warn_of_partial_file(const std::string& path, const BenchFlags& flags) {
  if (path.empty() || flags.resume == path || access(path.c_str(), F_OK) != 0) return;
  fmt::print(
      stderr,
      "note: an interrupted run left '{}'; --resume {} would go on with it, and this run will overwrite it\n",
      path, path);
}

int run_bench(const BenchFlags& flags) {
  const ColorChoice colour = read_color(flags.color);
  const Plan plan = read_plan(flags);
  check_input(plan.input);
  if (flags.plan_only) {
    fmt::print("{}", print_plan(plan));
    return kExitOk;
  }
  const Baseline baseline = read_baseline(flags, plan);
  RunnerOptions runner;
  if (!flags.resume.empty()) runner.earlier = resume_from(flags.resume, plan);
  const std::string json = choose_json(flags);
  check_outputs(flags.out, flags.format, json, flags.trace.path);
  Outputs outputs(flags.out, flags.format, json, plan);
  TraceOutput trace(flags.trace, plan.cells.size() * plan.backends.size());
  runner.trace = trace.trace();
  ProgressKind kind = can_redraw(stderr) ? ProgressKind::kRedrawn : ProgressKind::kLines;
  if (flags.quiet || flags.no_progress) kind = ProgressKind::kNone;
  const auto progress = make_progress(kind);
  PartialFile partial(*progress, json.empty() || json == "-" ? "" : partial_path(json), own_command_line());
  warn_of_partial_file(partial.path(), flags);
  std::optional<BenchResults> results;
  std::optional<DrillResults> crash;
  // What was measured is reported and written also when what comes after it fails.
  std::optional<CommandError> failed;
  {
    const Interrupt interrupt;
    try {
      results = run_plan(plan, partial, runner);
      if (!results->partial()) crash = drill_crash(plan);
    } catch (const UnfitMachine& refusal) {
      throw UnfitError(fmt::format("a pool could not be started: {}", refusal.what()));
    } catch (const DrillFailure& failure) {
      failed = CommandError(failure.unfit ? kExitUnfit : kExitInternal, failure.what());
    }
  }
  Findings findings{.results = *results, .crash = crash};
  try {
    findings.comparison = compare_with(baseline, flags, *results, findings.warnings);
  } catch (const UsageError& error) {
    failed = error;
  }
  report(findings, flags, colour, outputs, trace);
  partial.discard();
  if (flags.resume == partial.path()) unlink(flags.resume.c_str());  // all of it is in the JSON now
  if (failed) throw CommandError(*failed);
  if (results->partial()) return kExitSignal + results->signal;
  const auto any = [&](auto CellResult::*list) {
    return std::any_of(results->cells.begin(), results->cells.end(),
                       [&](const CellResult& cell) { return !(cell.*list).empty(); });
  };
  if (any(&CellResult::problems)) return kExitWrong;
  if (any(&CellResult::crashes)) return kExitInternal;
  const int gate = findings.comparison ? exit_code_of(*findings.comparison, flags.gates.strict) : kExitOk;
  if (gate == kExitOk && flags.gates.strict && !every_cell_is_precise(*results)) return kExitUndecided;
  return gate;
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  BenchOptions& options = flags->options;
  app.add_option("--workload", options.workloads,
                 "Workloads to run (those of the suite); see `twinpool list workloads`")
      ->type_name("NAME...")
      ->delimiter(',');
  app.add_option("--suite", options.suite, "default, quick, full or tails: which workloads to run (default)")
      ->type_name("NAME");
  app.add_option("--load", options.load,
                 "A library of your own workloads, for example ./libmine.so; repeatable")
      ->type_name("FILE")
      ->expected(1);
  app.add_option("--param", options.parameters, "Sets a workload's parameter; repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1);
  app.add_option("--max-time", options.max_time,
                 "Length of the whole run: fewer trials where they do not fit")
      ->type_name("T");
  app.add_option("--precision", options.precision,
                 fmt::format("More pairs, {} times --trials ({}) at most, until the interval is within this "
                             "share of the ratio",
                             kAskedFactor, kDefaultTrials))
      ->type_name("P%");
  app.add_option("--interval", options.interval,
                 "sign or bootstrap: how the interval of the median is found (sign)")
      ->type_name("NAME");
  app.add_flag("--plan", flags->plan_only, "Say what would be run and how long that takes, and run nothing");
  app.add_option("--plan-file", flags->plan_file, "What to run, as JSON with the names of these flags")
      ->type_name("FILE");
  app.add_option("--resume", flags->resume,
                 "Go on with the interrupted run that wrote this JSON; needs the options that it began with")
      ->type_name("FILE");
  app.add_option("--backend", options.backend, "threads, processes or both (both)")->type_name("NAME");
  app.add_option("-w,--workers", options.workers,
                 "Numbers of workers, one set of cells each, as 1,2,4 or 1..4 (usable CPUs)")
      ->type_name("N[,N|..N]");
  app.add_option("-n,--tasks", options.tasks, "Tasks of one round (as many as fit into its length)")
      ->type_name("N");
  app.add_option(
         "-d,--duration", options.duration,
         fmt::format("Length of one round of the slower backend ({}ms, and up to {}ms where tasks are slow)",
                     kRoundLength.count(), kStretchedRound.count()))
      ->type_name("T");
  app.add_option("--window", options.window, "Unfinished tasks at a time (64, fewer where payloads are huge)")
      ->type_name("N");
  app.add_option("-p,--payload", options.payload, "Size of a task's payload, for example 1MiB (by workload)")
      ->type_name("SIZE");
  app.add_option("--priority", options.priority, "Priority of every task, -20 to 19 (none is given)")
      ->type_name("P");
  app.add_option("--strategy", options.strategy,
                 "Who gets a task (shared-queue); see `twinpool list strategies`")
      ->type_name("NAME");
  app.add_option("--stealing", options.stealing, "Whether idle workers take from the queues of others (on)")
      ->type_name("on|off");
  app.add_option(
         "-r,--trials", options.trials,
         fmt::format(
             "Fresh processes of each backend in each cell, in pairs ({}, and up to {} until the interval is "
             "within {:.3g}%; in an open loop {}; {} give an interval)",
             kDefaultTrials, kDefaultFactor * kDefaultTrials, kDefaultPrecision * 100, kOpenLoopTrials,
             kFewestForInterval))
      ->type_name("N");
  app.add_option("--json", flags->json, "Write every sample to this file; - is standard output")
      ->type_name("FILE");
  app.add_option("--out", flags->out,
                 "Write the results to this file in the format of its suffix (see `twinpool list formats`); "
                 "repeat for more")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--format", flags->format, "The format of the one --out, whatever its suffix")
      ->type_name("NAME");
  app.add_option("--baseline", flags->baseline, "Compare with these results, as `twinpool diff` does")
      ->type_name("FILE");
  add_gate_flags(app, flags->gates);
  add_trace_flags(app, flags->trace);
  app.add_option("--plant", options.plant,
                 "Makes one backend do this much more work for each task that counts, to try out gates")
      ->type_name("BACKEND:P%");
  app.add_option("--aa", options.aa,
                 "An A/A test: one backend on both sides, so that every difference is a false alarm")
      ->type_name("BACKEND");
  app.add_option("--rate", options.rates,
                 "Open loop: tasks come in at this rate, as 20k (per second), 500/ms, or 70% of the capacity")
      ->type_name("R[,R]");
  app.add_option("--ramp", options.ramp,
                 "Open loop whose rate rises during each round, and which rate is too much, as 10%..120%")
      ->type_name("R..R");
  app.add_option("--arrivals", options.arrivals, "How they are spread: fixed or poisson (fixed)")
      ->type_name("NAME");
  app.add_option("--stall", options.stall,
                 "Hold all workers up for so long in the middle of a round, and a closed loop beside it")
      ->type_name("T");
  app.add_option("--stall-every", options.stall_every, "Stall again and again (once a round)")
      ->type_name("T");
  app.add_option(
         "--crash-every", options.crash_every,
         "A task of an open loop crashes its worker this often; a program that dies of it is started again")
      ->type_name("T");
  app.add_option("--sweep", options.sweeps,
                 "Cells for each value of workers, payload, window or rate, as window=1..1024, and where the "
                 "curve has "
                 "its knee; :N values, *F or +D steps; repeat for all combinations")
      ->type_name("NAME=A..B")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--seed", options.seed, "Decides payloads, arrivals and the order of the rounds (42)")
      ->type_name("N");
  app.add_option("--input", options.input, "The text that wordcount reads (generated)")->type_name("FILE");
  app.add_flag("-q,--quiet", flags->quiet, "No tables and no progress, the verdict only");
  app.add_option("--color", flags->color, "auto, always or never (auto)")->type_name("WHEN");
  app.add_flag("--no-progress", flags->no_progress, "No progress on standard error");
  app.add_flag("--ascii", flags->ascii, "ASCII signs only");
  return [flags] { return run_bench(*flags); };
}

}  // namespace

constinit const Command kBenchCommand{
    .name = "bench",
    .sentence = "Runs the same work on both backends and says how they differ",
    .examples =
        "Examples:\n"
        "  twinpool bench                                       the default suite, about a minute\n"
        "  twinpool bench --suite full --max-time 5m            every workload, in five minutes\n"
        "  twinpool bench --load ./libmine.so --workload mine   one of your own\n"
        "  twinpool bench --workload noop echo --workers 1..4   two workloads, four sizes of pool\n"
        "  twinpool bench --workload sort --strategy round-robin --stealing off\n"
        "  twinpool bench --workload echo --payload 1MiB --trials 60 --json echo.json\n"
        "  twinpool bench --out bench.md --out bench.google.json --baseline base.json --fail-if "
        "'ratio<-10%'\n"
        "  twinpool bench --precision 3% --max-time 10m         as many pairs as that takes, if it can be "
        "had\n"
        "  twinpool bench --plan-file nightly.json --json r.json; later, after an interruption: --resume "
        "r.json\n"
        "  twinpool bench --workload noop --rate 70% --stall 200ms   an open loop; a closed one hides the "
        "stall\n"
        "  twinpool bench --workload sort --sweep rate=10%..95%      where latency begins to grow\n"
        "  twinpool bench --workload wordcount --input /usr/share/common-licenses/GPL-3",
    .set_up = &set_up};

}  // namespace twinpool::bench
