// SPDX-License-Identifier: Apache-2.0
// Measures both twins beside other pools, in one run.
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cstdio>
#include <exception>
#include <memory>
#include <random>

#include "bench/peers/contest.h"
#include "bench/peers/report.h"
#include "bench/reporters/output_file.h"
#include "shared/options.h"
#include "shared/usable_cpus.h"

namespace {

using namespace twinpool;
using namespace twinpool::bench;

struct Options {
  int workers = 2;
  int fib = 30;
  peers::ContestOptions contest;
  std::string python;
  std::vector<std::string> only;
  std::vector<std::string> figures;
  std::string json;
  std::string markdown;
  std::string plot_data;
};

bool names_any(const std::string& name, const std::vector<std::string>& parts) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(), [&name](const std::string& part) {
           return name.find(part) != std::string::npos;
         });
}

void show_progress(int done, int rounds) {
  if (::isatty(STDERR_FILENO) == 0) return;
  if (done < 0) {
    fmt::print(stderr, "calibrating ");
  } else if (done < rounds) {
    fmt::print(stderr, "\rround {} of {}   ", done + 1, rounds);
  } else {
    fmt::print(stderr, "\r\x1b[K");
  }
  std::fflush(stderr);
}

using Output = std::unique_ptr<OutputFile>;

/// Made before the work, so that a path that cannot be written is found then.
Output open_file(const std::string& path) { return path.empty() ? nullptr : std::make_unique<OutputFile>(path); }

void write_file(const Output& file, const std::string& text) {
  if (file != nullptr) file->commit(text);
}

/// Large blocks that are freed stay in the heap, warm, for all contestants and the processes they fork: returned to
/// the system and fetched again, their page faults would cost ten times the copies that are to be compared.
void keep_heap_warm() {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void run(const Options& options) {
  keep_heap_warm();
  const Output json = open_file(options.json);
  const Output markdown = open_file(options.markdown);
  const Output plot_data = open_file(options.plot_data);
  auto contestants = peers::all_peers(options.workers, options.python);
  std::erase_if(contestants,
                [&](const peers::Peer& peer) { return !names_any(peer.name, options.only); });
  auto disciplines = peers::disciplines(options.fib);
  std::erase_if(disciplines,
                [&](const peers::Discipline& one) { return !names_any(one.name, options.figures); });
  fmt::print("Empty tasks, {} workers, {} CPUs; {} rounds, about {} s a measurement, order shuffled each round, "
             "seed {}.\nMedians over the rounds, with half the distance of the quartiles.\n\n",
             options.workers, usable_cpus(), options.contest.rounds, options.contest.case_s,
             options.contest.seed);
  std::fflush(stdout);
  const auto figures = peers::hold_contest(
      contestants, disciplines, options.contest,
      [&options](int done) { show_progress(done, options.contest.rounds); });
  fmt::print("{}\n{}", peers::describe(contestants, disciplines, figures),
             peers::describe_goals(contestants, figures));
  write_file(json, peers::json(contestants, figures, options.contest, options.workers));
  write_file(markdown, peers::markdown(contestants, disciplines, figures));
  write_file(plot_data, peers::plot_data(contestants, disciplines, figures));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.contest.seed = std::random_device{}();
  CLI::App app{"Measures both twins of twinpool beside other pools, all in one run."};
  app.add_option("--workers", options.workers, "workers of each pool")
      ->check(CLI::Range(1, kMaxWorkers))
      ->capture_default_str();
  app.add_option("--rounds", options.contest.rounds, "how often everything is measured")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--case-time", options.contest.case_s, "seconds that a measurement takes, about")
      ->check(CLI::Range(0.001, 60.0))
      ->capture_default_str();
  app.add_option("--fib", options.fib, "n of the fork-join discipline")
      ->check(CLI::Range(1, 40))
      ->capture_default_str();
  app.add_option("--seed", options.contest.seed, "of the order; random when not given");
  app.add_option("--only", options.only, "contestants whose names contain one of these");
  app.add_option("--discipline", options.figures, "disciplines whose names contain one of these");
  app.add_option("--python", options.python, "the script that runs Python's pools; none: without them");
  app.add_option("--json", options.json, "a file for every number of every round");
  app.add_option("--markdown", options.markdown, "a file for the tables as Markdown");
  app.add_option("--plot-data", options.plot_data, "a file for the medians, separated by tabs");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "twinpool_peers: {}\n", error.what());
    return 1;
  }
  return 0;
}
