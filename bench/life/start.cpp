// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <stdexcept>

#include "bench/backend.h"
#include "bench/life/trials.h"
#include "bench/peers/python_pool.h"
#include "processes/launcher.h"

namespace twinpool::bench::life {
namespace {

constexpr const char* kConstructed = "constructed";
constexpr const char* kResult = "first result";
constexpr const char* kLaterConstructed = "later constructed";
constexpr const char* kLaterResult = "later first result";

int give_back(int number) { return number; }

/// Gives: the nanoseconds until constructed, and until the first result.
std::pair<double, double> start_once(Backend backend, int workers) {
  const std::int64_t begin = now_ns();
  const auto pool = make_pool(backend, options_of(workers));
  const std::int64_t constructed = now_ns();
  if (pool->submit<give_back>(7).get() != 7) throw std::runtime_error("a wrong result");
  return {static_cast<double>(constructed - begin), static_cast<double>(now_ns() - begin)};
}

}  // namespace

nlohmann::json start_trial(TrialContext& context) {
  const nlohmann::json& spec = context.spec();
  const Backend backend = parse_backend(spec.at("backend").get<std::string>()).value();
  const int workers = spec.at("workers").get<int>();
  Samples samples;
  // The launcher that the first pool starts ends with it, unless somebody keeps it; then later pools are given it.
  std::shared_ptr<processes::Launcher> launcher;
  const auto first = start_once(backend, workers);
  samples[kConstructed].push_back(first.first);
  samples[kResult].push_back(first.second);
  if (backend == Backend::kProcesses) launcher = processes::Launcher::start();
  for (int i = 0; i < spec.at("later").get<int>(); ++i) {
    const auto [constructed, result] = start_once(backend, workers);
    samples[kLaterConstructed].push_back(constructed);
    samples[kLaterResult].push_back(result);
  }
  return samples;
}

std::vector<Case> start_cases(const std::string& python) {
  constexpr double kMillisecond = 1e6;
  std::vector<Case> cases;
  for (const Backend backend : kBackends) {
    const double goal = (backend == Backend::kThreads ? 1 : 10) * kMillisecond;
    const nlohmann::json spec{{"backend", name_of(backend)}, {"workers", 2}, {"later", 8}};
    cases.push_back({.chapter = "The start of a pool of 2",
                     .situation = "",
                     .contestant = "twinpool " + std::string(name_of(backend)),
                     .figures = {{.name = kConstructed, .goal = goal},
                                 {.name = kResult, .goal = goal},
                                 {.name = kLaterConstructed, .goal = goal},
                                 {.name = kLaterResult, .goal = goal}},
                     .run = [spec] { return run_trial("start", spec); }});
  }
  if (python.empty()) return cases;
  for (const char* const which : {"pool", "executor"}) {
    cases.push_back({.chapter = "The start of a pool of 2",
                     .situation = "",
                     .contestant = std::string(which) == "pool" ? "Python multiprocessing.Pool"
                                                                : "Python ProcessPoolExecutor",
                     .figures = {{.name = kConstructed}, {.name = kResult}},
                     .run = [python, which]() -> Samples {
                       const auto times = peers::PythonPool(python, which, 2).born();
                       return {{kConstructed, {times.at(0)}}, {kResult, {times.at(1)}}};
                     }});
  }
  return cases;
}

}  // namespace twinpool::bench::life
