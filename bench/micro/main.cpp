// SPDX-License-Identifier: Apache-2.0
// Measures what dispatching an empty task costs: both twins, two thread pools of the ordinary kind, and a
// bare ping-pong between two processes, in one run.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <random>

#include "bench/meters/cpu.h"
#include "bench/micro/contestants.h"
#include "bench/micro/goals.h"
#include "bench/micro/report.h"
#include "bench/micro/rounds.h"
#include "bench/noise.h"
#include "shared/options.h"
#include "shared/usable_cpus.h"

namespace {

using namespace twinpool;
using namespace twinpool::bench;

struct Options {
  int workers = 2;
  micro::RoundOptions rounds;
};

/// How many CPUs others took while it lived.
class ForeignMeter {
 public:
  [[nodiscard]] std::optional<double> cpus() const {
    const auto now = read_cpu_times();
    if (!before_ || !now) return std::nullopt;
    const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    return foreign_cpus(*before_, *now, (read_tree_cpu(::getpid()) - own_before_).total_s(), wall_s);
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::optional<CpuTimes> before_ = read_cpu_times();
  CpuUse own_before_ = read_tree_cpu(::getpid());
};

void show_progress(int done, int rounds) {
  if (::isatty(STDERR_FILENO) == 0) return;
  if (done < rounds)
    fmt::print(stderr, "\rround {} of {} ", done + 1, rounds);
  else
    fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

void print_noise(const std::optional<double>& foreign, int cpus) {
  if (!foreign) {
    fmt::print("Foreign CPU unknown: /proc/stat cannot be read.\n");
    return;
  }
  const double share = *foreign / cpus;
  fmt::print("Others took {:.0f} % of {} CPUs during the run.\n", 100 * share, cpus);
  if (share > RerunRule{}.most_foreign_share)
    fmt::print("WARNING: the machine was busy with other work; these figures are not to be relied on.\n");
}

void run(const Options& options) {
  micro::Contestants contestants(options.workers);
  const auto cases = contestants.cases();
  const int cpus = usable_cpus();
  const auto& rounds = options.rounds;
  fmt::print(
      "Empty tasks, {} workers, {} CPUs; {} rounds, {} s a case, order shuffled each round, seed {}.\n",
      options.workers, cpus, rounds.rounds, rounds.case_s, rounds.seed);
  fmt::print("Medians over the rounds, quartiles in brackets.\n\n");
  std::fflush(stdout);

  const ForeignMeter foreign;
  const auto measurements =
      micro::measure(cases, rounds, [&rounds](int done) { show_progress(done, rounds.rounds); });
  const auto foreign_cpus = foreign.cpus();
  fmt::print("{}\n{}\n", micro::describe_times(measurements),
             micro::describe_goals(micro::judge_goals(measurements)));
  print_noise(foreign_cpus, cpus);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.rounds.seed = std::random_device{}();
  CLI::App app{"Measures what dispatching an empty task costs, both twins beside two ordinary thread pools."};
  app.add_option("--workers", options.workers, "workers of each pool")
      ->check(CLI::Range(1, kMaxWorkers))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds.rounds, "how often each case is measured")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--case-time", options.rounds.case_s, "seconds that a case is timed in a round")
      ->check(CLI::Range(0.001, 60.0))
      ->capture_default_str();
  app.add_option("--seed", options.rounds.seed, "of the order; random when not given");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "twinpool_micro: {}\n", error.what());
    return 1;
  }
  return 0;
}
