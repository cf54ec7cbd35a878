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
#include "bench/fault_report.h"
#include "bench/interrupt.h"
#include "bench/option_readers.h"
#include "bench/plan.h"
#include "bench/plugin.h"
#include "bench/reporters/environment.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/progress.h"
#include "bench/reporters/table.h"
#include "bench/reporters/verdict.h"
#include "bench/runner.h"

namespace twinpool::bench {
namespace {

struct BenchFlags {
  BenchOptions options;
  std::string json;
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

void report(const BenchResults& results, const std::optional<DrillResults>& crash, const BenchFlags& flags,
            ColorChoice colour, OutputFile* json) {
  // Standard output is one thing: the report for people, or the data.
  std::FILE* const out = json != nullptr && json->is_standard_output() ? stderr : stdout;
  const TextStyle style = detect_style(out, colour, flags.ascii);
  const bool measured = std::any_of(results.cells.begin(), results.cells.end(), [](const CellResult& cell) {
    return std::any_of(cell.sides.begin(), cell.sides.end(),
                       [](const auto& side) { return !side.samples.empty(); });
  });
  std::string text = environment_line(results.plan) + "\n" + noise_line(results) + "\n\n";
  if (measured && !flags.quiet) text += print_tables(results, style) + "\n";
  text += print_verdict(results);
  if (crash) text += describe_crash(*crash);
  if (results.partial()) {
    text += measured ? "What was measured until the interruption is printed above.\n"
                     : "Nothing was measured before that.\n";
  }
  fmt::print(out, "{}", spell(style, std::move(text)));
  if (json == nullptr) return;
  nlohmann::json document = make_report(results, own_command_line());
  document["crash"] = crash ? to_json(*crash) : nlohmann::json();
  // What a crashing program wrote last need not be UTF-8.
  json->commit(document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

int run_bench(const BenchFlags& flags) {
  const ColorChoice colour = read_color(flags.color);
  load_workloads_for_command(flags.options.load);
  const Plan plan = make_plan(flags.options, read_machine_room());
  check_input(plan.input);
  const auto json = open_output("--json", flags.json);
  ProgressKind kind = can_redraw(stderr) ? ProgressKind::kRedrawn : ProgressKind::kLines;
  if (flags.quiet || flags.no_progress) kind = ProgressKind::kNone;
  std::optional<BenchResults> results;
  std::optional<DrillResults> crash;
  {
    const Interrupt interrupt;
    try {
      results = run_plan(plan, *make_progress(kind));
      if (!results->partial()) crash = drill_crash(plan);
    } catch (const UnfitMachine& refusal) {
      throw UnfitError(fmt::format("a pool could not be started: {}", refusal.what()));
    } catch (const DrillFailure& failure) {
      throw CommandError(failure.unfit ? kExitUnfit : kExitInternal, failure.what());
    }
  }
  report(*results, crash, flags, colour, json.get());
  if (results->partial()) return kExitSignal + results->signal;
  const auto any = [&](auto CellResult::*list) {
    return std::any_of(results->cells.begin(), results->cells.end(),
                       [&](const CellResult& cell) { return !(cell.*list).empty(); });
  };
  if (any(&CellResult::problems)) return kExitWrong;
  return any(&CellResult::crashes) ? kExitInternal : kExitOk;
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  BenchOptions& options = flags->options;
  app.add_option("--workload", options.workloads,
                 "Workloads to run (those of the suite); see `twinpool list workloads`")
      ->type_name("NAME...")
      ->delimiter(',');
  app.add_option("--suite", options.suite, "default, quick or full: which workloads to run (default)")
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
  app.add_option("--backend", options.backend, "threads, processes or both (both)")->type_name("NAME");
  app.add_option("-w,--workers", options.workers,
                 "Numbers of workers, one set of cells each, as 1,2,4 or 1..4 (usable CPUs)")
      ->type_name("N[,N|..N]");
  app.add_option("-n,--tasks", options.tasks, "Tasks of one round (as many as fit into its length)")
      ->type_name("N");
  app.add_option("-d,--duration", options.duration, "Length of one round of the slower backend (150ms)")
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
  app.add_option("-r,--trials", options.trials,
                 "Fresh processes of each backend in each cell (10; 6 give an interval)")
      ->type_name("N");
  app.add_option("--json", flags->json, "Write every sample to this file; - is standard output")
      ->type_name("FILE");
  app.add_option("--seed", options.seed, "Decides payloads and the order of the rounds (42)")->type_name("N");
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
        "  twinpool bench --workload echo --payload 1MiB --trials 20 --json echo.json\n"
        "  twinpool bench --workload wordcount --input /usr/share/common-licenses/GPL-3",
    .set_up = &set_up};

}  // namespace twinpool::bench
