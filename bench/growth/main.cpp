// SPDX-License-Identifier: Apache-2.0
// Measures what a task costs in both twins while workers, queue or submitters grow.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <random>

#include "bench/growth/report.h"
#include "bench/growth/series.h"
#include "bench/reporters/output_file.h"
#include "shared/usable_cpus.h"

namespace {

using namespace twinpool;
using namespace twinpool::bench;

struct Options {
  int rounds = 9;
  std::size_t tasks = 100'000;
  std::uint64_t seed = std::random_device{}();
  std::string json;
  std::string markdown;
  std::string plot_data;
};

struct ProbeOptions {
  std::string backend;
  std::string how;
  std::size_t tasks = 0;
  int workers = 2;
};

void show_progress(int done, int rounds) {
  if (::isatty(STDERR_FILENO) == 0) return;
  if (done < rounds) {
    fmt::print(stderr, "\r{} of {} rounds ", std::max(done, 0), rounds);
  } else {
    fmt::print(stderr, "\r\x1b[K");
  }
  std::fflush(stderr);
}

void run(const Options& options) {
  const auto json = open_output("--json", options.json);
  const auto markdown = open_output("--markdown", options.markdown);
  const auto plot_data = open_output("--plot-data", options.plot_data);
  const auto series = growth::all_series(options.tasks);
  fmt::print("Empty tasks, {} CPUs; {} rounds of {} tasks or more, order shuffled each round, seed {}.\n\n",
             usable_cpus(), options.rounds, options.tasks, options.seed);
  std::fflush(stdout);
  const auto costs = growth::measure(series, options.rounds, options.seed,
                                     [&options](int done) { show_progress(done, options.rounds); });
  fmt::print("{}", growth::describe(series, costs));
  if (json) json->commit(growth::json(series, costs, options.seed));
  if (markdown) markdown->commit(growth::markdown(series, costs));
  if (plot_data) plot_data->commit(growth::plot_data(series, costs));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  ProbeOptions probe;
  CLI::App app{"Measures what a task costs in both twins while workers, queue or submitters grow."};
  app.add_option("--rounds", options.rounds, "how often everything is measured")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--tasks", options.tasks, "of a measurement, at least")
      ->check(CLI::Range(std::size_t{10'000}, std::size_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the order; random when not given");
  app.add_option("--json", options.json, "a file for every number of every round");
  app.add_option("--markdown", options.markdown, "a file for the tables as Markdown");
  app.add_option("--plot-data", options.plot_data, "a file for the medians, separated by tabs");
  CLI::App& one = *app.add_subcommand("probe", "runs tasks once, for callgrind and perf to look at");
  one.add_option("backend", probe.backend)->required()->check(CLI::IsMember(backend_names()));
  one.add_option("how", probe.how, "a window, forget, or fib")->required();
  one.add_option("tasks", probe.tasks, "how many; for fib its n")->required();
  one.add_option("--workers", probe.workers)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (one.parsed()) {
      growth::probe(parse_backend(probe.backend).value(), probe.how, probe.tasks, probe.workers);
    } else {
      run(options);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "twinpool_growth: {}\n", error.what());
    return 1;
  }
  return 0;
}
