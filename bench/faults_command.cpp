// SPDX-License-Identifier: Apache-2.0
#include "bench/faults_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>

#include "bench/fault_formats.h"
#include "bench/fault_report.h"
#include "bench/formats/outputs.h"
#include "bench/interrupt.h"
#include "bench/machine_card.h"
#include "bench/nearest_name.h"
#include "bench/option_readers.h"
#include "bench/rate_drill.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/terminal.h"
#include "bench/trace/trace_option.h"
#include "bench/units.h"
#include "bench/version.h"
#include "shared/options.h"
#include "shared/usable_cpus.h"

namespace twinpool::bench {
namespace {

constexpr int kFaultsSchemaVersion = 1;
constexpr std::size_t kWidthOfFiles = 100;
constexpr std::string_view kAllFaults = "all";

std::uint64_t read_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size())
    throw UsageError(fmt::format("--seed: '{}' is not a whole number from 0 to 18446744073709551615", text));
  return seed;
}

/// Those of the standard set, or all, that so many workers can show.
std::vector<int> choose_faults(bool all, int workers) {
  std::vector<int> chosen;
  for (int fault = 0; const Fault* candidate : all_faults()) {
    if ((all || candidate->standard) && candidate->tasks <= workers) chosen.push_back(fault);
    ++fault;
  }
  return chosen;
}

std::vector<int> read_faults(const std::vector<std::string>& names, int workers) {
  if (names.empty()) return choose_faults(false, workers);
  std::vector<int> chosen;
  const auto add = [&](int fault) {
    if (std::find(chosen.begin(), chosen.end(), fault) == chosen.end()) chosen.push_back(fault);
  };
  for (const std::string& name : names) {
    if (name == kAllFaults) {
      for (const int fault : choose_faults(true, workers)) add(fault);
      continue;
    }
    const int fault = find_fault(name);
    if (fault < 0)
      throw UsageError(fmt::format("unknown fault '{}'{}", name, suggest_name(name, fault_names())));
    if (fault_at(fault).tasks > workers)
      throw UsageError(fmt::format("fault '{}' needs --workers {} or more", name, fault_at(fault).tasks));
    add(fault);
  }
  return chosen;
}

std::chrono::nanoseconds read_time(std::string_view flag, const std::string& text,
                                   std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  const auto time = parse_duration(flag, text);
  if (!time) throw UsageError(time.error);
  if (*time < least || *time > most)
    throw UsageError(fmt::format("{} must be from {} to {}, not {}", flag, print_duration(least),
                                 print_duration(most), text));
  return *time;
}

/// --rate: tasks per second of an open loop.
double read_load_rate(const FaultsOptions& typed) {
  if (!typed.every.empty()) throw UsageError("--rate is for single faults; --every keeps all workers busy");
  const auto rate = parse_rate("--rate", typed.rate);
  if (!rate) throw UsageError(rate.error);
  if (*rate < kLowestRate || *rate > kHighestRate)
    throw UsageError(fmt::format("--rate must be from {:.0f} to {:.0f} tasks/s, not {}", kLowestRate,
                                 kHighestRate, typed.rate));
  return *rate;
}

/// --every and --duration, which are nothing without each other.
void read_rate(const FaultsOptions& typed, DrillOptions& options) {
  if (typed.every.empty() && typed.duration.empty()) return;
  if (typed.every.empty()) throw UsageError("--duration needs --every N: each Nth task goes wrong");
  if (!typed.tasks.empty()) throw UsageError("--every runs for --duration, not for a number of --tasks");
  if (typed.faults.empty()) throw UsageError("--every needs --fault: which one strikes");
  options.every = read_count("--every", typed.every, kShortestEvery, kMostDrillTasks);
  options.duration = typed.duration.empty() ? kDefaultRateDuration
                                            : read_time("--duration", typed.duration, kShortestRateDuration,
                                                        kLongestRateDuration);
}

/// One line, redrawn on a terminal, else one a run.
class DrillProgress {
 public:
  explicit DrillProgress(bool wanted) : wanted_(wanted), redrawn_(can_redraw(stderr)) {}
  DrillProgress(const DrillProgress&) = delete;
  DrillProgress& operator=(const DrillProgress&) = delete;
  ~DrillProgress() {
    if (wanted_ && redrawn_) fmt::print(stderr, "\r\x1b[K");
  }
  void show(const DrillRun& run, std::size_t done, std::size_t total) {
    print(run.fault, run.backend, run.skipped.empty() ? name_of(judge(run)) : "skipped", done, total);
  }
  void show(const RateRun& run, std::size_t done, std::size_t total) {
    print(run.fault, run.backend, fmt::format("{}, {} tasks delivered", faults_of(run), run.delivered), done,
          total);
  }
  /// One that is not over. On a terminal only: elsewhere a line would stay.
  void show_live(const RateRun& run, std::size_t done, std::size_t total) {
    if (!redrawn_) return;
    const double rate = run.elapsed_s > 0 ? run.throughput_tasks_per_s() : 0;
    print(run.fault, run.backend,
          fmt::format("{:.1f} of {:.1f} s, {}, {}", std::min(run.elapsed_s, run.duration_s), run.duration_s,
                      faults_of(run), print_rate(rate)),
          done, total);
  }

 private:
  static std::string faults_of(const RateRun& run) {
    return run.every == 0 ? "no faults" : fmt::format("{} fault{}", run.fired, run.fired == 1 ? "" : "s");
  }

  void print(int fault, Backend backend, std::string_view what, std::size_t done, std::size_t total) {
    if (!wanted_) return;
    const std::string line = fmt::format("[{:>{}}/{}] {} in {}: {}", done, std::to_string(total).size(),
                                         total, name_of_fault(fault), name_of(backend), what);
    fmt::print(stderr, "{}{}{}", redrawn_ ? "\r\x1b[K" : "", line, redrawn_ ? "" : "\n");
    std::fflush(stderr);
  }

  const bool wanted_;
  const bool redrawn_;
};

struct FaultsFlags {
  FaultsOptions options;
  std::string json;
  std::vector<std::string> out;
  std::string format;
  TraceFlags trace;
  std::string color = "auto";
  bool quiet = false;
  bool no_progress = false;
  bool ascii = false;
};

std::string make_document(const DrillResults& results) {
  nlohmann::json json = to_json(results);
  json["schema_version"] = kFaultsSchemaVersion;
  json["kind"] = "faults";
  json["version"] = kVersion;
  json["build_type"] = kBuildType;
  json["command"] = own_command_line();
  json["finished_at"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  json["machine"] = read_machine_card();
  return print_document(json);
}

/// One file that was asked for, open before the work begins.
struct FaultsOutput {
  std::string_view format;
  std::unique_ptr<OutputFile> file;
};

std::vector<FaultsOutput> open_outputs(const FaultsFlags& flags) {
  check_outputs(flags.out, flags.format, flags.json, flags.trace.path);
  std::vector<FaultsOutput> outputs;
  if (!flags.json.empty()) outputs.push_back({"json", open_output("--json", flags.json)});
  for (const std::string& path : flags.out)
    outputs.push_back(
        {choose_summary_format("a fault drill", path, flags.format), open_output("--out", path)});
  return outputs;
}

std::string write(std::string_view format, const DrillResults& results) {
  if (format == "csv") return write_faults_csv(results);
  if (format == "markdown") return write_faults_markdown(results);
  if (format == "junit") return write_faults_junit(results);
  return make_document(results);
}

std::string head_of(const DrillResults& results) {
  const DrillOptions& options = results.options;
  const std::string load =
      options.every == 0
          ? fmt::format("{} tasks of about 1 ms{}", options.tasks,
                        options.rate_tasks_per_s > 0 ? " at " + print_rate(options.rate_tasks_per_s) : "")
          : fmt::format("tasks of about 1 ms for {}, one in {} goes wrong", print_duration(options.duration),
                        options.every);
  return fmt::format("twinpool {}  {} workers  {}  {} run{} of each fault  seed {}", kVersion,
                     options.workers, load, options.repeats, options.repeats == 1 ? "" : "s", options.seed);
}

void report(const DrillResults& results, const FaultsFlags& flags, ColorChoice colour,
            const std::vector<FaultsOutput>& outputs, TraceOutput& trace) {
  // Standard output is one thing: the report for people, or the data.
  const bool data = trace.is_standard_output() ||
                    std::any_of(outputs.begin(), outputs.end(),
                                [](const FaultsOutput& one) { return one.file->is_standard_output(); });
  std::FILE* const out = data ? stderr : stdout;
  const TextStyle style = detect_style(out, colour, flags.ascii);
  const std::size_t width =
      isatty(fileno(out)) != 0 ? static_cast<std::size_t>(width_of(out)) : kWidthOfFiles;
  std::string text = head_of(results) + "\n\n";
  if (results.options.every != 0) {
    if (!results.rates.empty() && !flags.quiet) text += print_rate_table(results) + "\n";
    text += print_rate_verdict(results);
  } else {
    if (!results.runs.empty() && !flags.quiet) text += print_table(results, style, width) + "\n";
    text += print_verdict(results);
  }
  text += trace.describe();
  fmt::print(out, "{}", spell(style, std::move(text)));
  for (const FaultsOutput& output : outputs) output.file->commit(write(output.format, results));
  trace.commit();
}

/// The first run whose figures cannot be true, and why.
template <typename Run>
int find_mistake(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.wrong != 0) return kExitWrong;
  }
  for (const Run& run : runs) {
    if (run.imbalance.empty()) continue;
    fmt::print(stderr, "twinpool: {} in {}: {}\n", name_of_fault(run.fault), name_of(run.backend),
               run.imbalance);
    return kExitInternal;
  }
  return kExitOk;
}

int exit_code_of(const DrillResults& results, int signal) {
  if (results.interrupted) return kExitSignal + signal;
  return std::max(find_mistake(results.runs), find_mistake(results.rates));
}

int run_faults(const FaultsFlags& flags) {
  const ColorChoice colour = read_color(flags.color);
  DrillOptions options = plan_drills(flags.options, usable_cpus());
  if (options.every != 0 && !flags.trace.path.empty())
    throw UsageError("--trace is for single faults, not for --every");
  const auto outputs = open_outputs(flags);
  TraceOutput trace(flags.trace, count_pairs(options));
  options.trace = trace.trace();
  Interrupt interrupt;
  DrillResults results;
  try {
    DrillProgress progress(!flags.quiet && !flags.no_progress);
    const auto show = [&](const auto& run, std::size_t done, std::size_t total) {
      progress.show(run, done, total);
    };
    const auto show_live = [&](const RateRun& run, std::size_t done, std::size_t total) {
      progress.show_live(run, done, total);
    };
    results = options.every == 0 ? run_drills(options, show) : run_rates(options, show, show_live);
  } catch (const DrillFailure& failure) {
    throw CommandError(failure.unfit ? kExitUnfit : kExitInternal, failure.what());
  }
  report(results, flags, colour, outputs, trace);
  return exit_code_of(results, interrupt.signal());
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<FaultsFlags>();
  FaultsOptions& options = flags->options;
  app.add_option(
         "--fault", options.faults,
         fmt::format("Which faults (a standard set; 'all' for all): {}", fmt::join(fault_names(), ", ")))
      ->type_name("NAME...")
      ->delimiter(',');
  app.add_option("--backend", options.backend, "threads, processes or both (both)")->type_name("NAME");
  app.add_option("-w,--workers", options.workers, "Workers of each pool (usable CPUs, from 2 to 4)")
      ->type_name("N");
  app.add_option(
         "-n,--tasks", options.tasks,
         fmt::format("Tasks of each run, of about 1 ms; one of them goes wrong ({})", kDefaultDrillTasks))
      ->type_name("N");
  app.add_option("--repeat", options.repeats,
                 fmt::format("Runs of each fault in each twin ({}; {} with --every)", kDefaultRepeats,
                             kDefaultRateRepeats))
      ->type_name("R");
  app.add_option("--every", options.every,
                 "Instead of single faults: each Nth task goes wrong under steady load, and none for "
                 "comparison")
      ->type_name("N");
  app.add_option("--duration", options.duration,
                 fmt::format("How long each run of --every takes ({})", print_duration(kDefaultRateDuration)))
      ->type_name("TIME");
  app.add_option("--rate", options.rate,
                 "Tasks per second that are due whatever becomes of them (none: a window is kept full)")
      ->type_name("R");
  app.add_option(
         "--run-limit", options.run_limit,
         "Longest time that a task may run (none): ends tasks that hang, where a worker can be killed")
      ->type_name("TIME");
  app.add_option("--seed", options.seed, "Decides when the fault strikes (42)")->type_name("N");
  app.add_option("--json", flags->json, "Write every run to this file; - is standard output")
      ->type_name("FILE");
  app.add_option("--out", flags->out, "Write the results to this file: .json .csv .md .xml; repeat for more")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--format", flags->format, "json, csv, markdown or junit: the format of the one --out")
      ->type_name("NAME");
  add_trace_flags(app, flags->trace);
  app.add_flag("-q,--quiet", flags->quiet, "No table and no progress, the verdict only");
  app.add_option("--color", flags->color, "auto, always or never (auto)")->type_name("WHEN");
  app.add_flag("--no-progress", flags->no_progress, "No progress on standard error");
  app.add_flag("--ascii", flags->ascii, "ASCII signs only");
  return [flags] { return run_faults(*flags); };
}

}  // namespace

DrillOptions plan_drills(const FaultsOptions& typed, int usable_cpus) {
  DrillOptions options;
  options.backends = read_backends(typed.backend);
  options.workers = typed.workers.empty()
                        ? std::clamp(usable_cpus, 2, 4)
                        : static_cast<int>(read_count("--workers", typed.workers, 1, kMaxWorkers));
  options.faults = read_faults(typed.faults, options.workers);
  read_rate(typed, options);
  if (!typed.rate.empty()) options.rate_tasks_per_s = read_load_rate(typed);
  if (!typed.run_limit.empty())
    options.run_limit = read_time("--run-limit", typed.run_limit, kShortestRunLimit, kLongestRunLimit);
  if (typed.tasks.empty()) {
    options.tasks = kDefaultDrillTasks;
  } else {
    options.tasks = read_count("--tasks", typed.tasks, kFewestDrillTasks, kMostDrillTasks);
  }
  options.repeats =
      static_cast<int>(typed.repeats.empty() ? (options.every == 0 ? kDefaultRepeats : kDefaultRateRepeats)
                                             : read_count("--repeat", typed.repeats, 1, kMostRepeats));
  if (!typed.seed.empty()) options.seed = read_seed(typed.seed);
  return options;
}

constinit const Command kFaultsCommand{
    "faults", "Lets tasks go wrong on purpose in each twin, and says what each fault costs",
    "Examples:\n"
    "  twinpool faults                                a standard set of faults in both twins\n"
    "  twinpool faults --fault all                    every fault\n"
    "  twinpool faults --fault segv --fault kill      two of them\n"
    "  twinpool faults --fault segv --every 1000 --duration 10s\n"
    "  twinpool faults --backend threads --repeat 20 --json faults.json\n"
    "Answers: contained (nothing but the faulty task was lost and the pool has its "
    "full strength), worker tainted\n"
    "(later tasks of the struck worker felt it), worker stuck, spread (other tasks suffered, or the pool "
    "stayed "
    "weaker),\nprogram died, program hung (it stood still, or was killed at the deadline).\n"
    "Ends with 0 when the drill ran, whatever crashed in it.",
    set_up};

}  // namespace twinpool::bench
