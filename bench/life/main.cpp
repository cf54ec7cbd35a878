// SPDX-License-Identifier: Apache-2.0
// Measures what both twins cost apart from dispatching, beside their peers.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <random>
#include <stdexcept>

#include "bench/life/report.h"
#include "bench/life/trials.h"
#include "bench/reporters/output_file.h"
#include "shared/usable_cpus.h"

namespace {

using namespace twinpool;
using namespace twinpool::bench;

constexpr TrialKind kKinds[] = {{"crash", life::crash_trial},
                                {"start", life::start_trial},
                                {"rest", life::rest_trial},
                                {"steady", life::steady_trial}};

struct Options {
  int rounds = 7;
  std::uint64_t seed = std::random_device{}();
  std::string python;
  std::vector<std::string> only;
  std::string json;
  std::string markdown;
};

std::vector<life::Measured> cases_of(const Options& options) {
  std::vector<life::Measured> all;
  for (auto& chapter : {life::crash_cases(options.python), life::start_cases(options.python),
                        life::rest_cases(options.python), life::steady_cases()}) {
    for (const life::Case& one : chapter) {
      const std::string name = one.chapter + ", " + one.situation + ", " + one.contestant;
      const bool wanted = options.only.empty() ||
                          std::any_of(options.only.begin(), options.only.end(), [&name](const std::string& part) {
                            return name.find(part) != std::string::npos;
                          });
      if (wanted) all.push_back({.what = one});
    }
  }
  return all;
}

void show_progress(int round, int rounds, std::size_t done, std::size_t cases) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\x1b[Kround {} of {}, {} of {} ", round + 1, rounds, done + 1, cases);
  std::fflush(stderr);
}

/// Each case once a round, in an order shuffled anew for each round.
void measure(std::vector<life::Measured>& all, const Options& options) {
  std::mt19937_64 random(options.seed);
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  for (int round = 0; round < options.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t i = 0; i < order.size(); ++i) {
      life::Measured& one = all[order[i]];
      if (round >= one.what.most_rounds) continue;
      show_progress(round, options.rounds, i, order.size());
      try {
        one.rounds.push_back(one.what.run());
      } catch (const std::runtime_error& error) {  // the other rounds are worth having
        one.failures.emplace_back(error.what());
      }
    }
  }
  if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\x1b[K");
}

void run(const Options& options) {
  // Made before the work, so that a path that cannot be written is found then.
  const auto json = open_output("--json", options.json);
  const auto markdown = open_output("--markdown", options.markdown);
  auto all = cases_of(options);
  fmt::print("{} CPUs; {} rounds in fresh processes, order shuffled each round, seed {}.\n\n", usable_cpus(),
             options.rounds, options.seed);
  std::fflush(stdout);
  measure(all, options);
  fmt::print("{}", life::describe(all));
  if (json) json->commit(life::json(all, options.seed));
  if (markdown) markdown->commit(life::markdown(all));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == kTrialCommand) return trial_main(kKinds, argc, argv);
  Options options;
  CLI::App app{"Measures crashes, starts, rest and steady state of both twins beside their peers."};
  app.add_option("--rounds", options.rounds, "how often everything is measured; what is slow, fewer times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of the order; random when not given");
  app.add_option("--only", options.only, "what has one of these in its chapter, situation or contestant");
  app.add_option("--python", options.python, "the script that runs Python's pools; none: without them");
  app.add_option("--json", options.json, "a file for every sample");
  app.add_option("--markdown", options.markdown, "a file for the tables as Markdown");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "twinpool_life: {}\n", error.what());
    return 1;
  }
  return 0;
}
