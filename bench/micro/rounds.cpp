// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/rounds.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>

namespace twinpool::bench::micro {
namespace {

/// Keeps what Google Benchmark reports and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  Collector(std::span<const Case> cases, Measurements& into) : cases_(cases), into_(into) {}

  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        error_ = run.run_name.function_name + ": " + run.error_message;
        continue;
      }
      const auto found = std::find_if(cases_.begin(), cases_.end(), [&run](const Case& one) {
        return one.name() == run.run_name.function_name;
      });
      if (found == cases_.end()) continue;
      const auto looks = run.counters.find(kLooks);
      if (looks != run.counters.end() && looks->second.value < 1)
        error_ = run.run_name.function_name + ": nobody looked";
      Series& series = into_[{found->contestant, found->window}];
      series.mean_ns.push_back(run.GetAdjustedRealTime());
      if (found->window != kRoundTrip) continue;
      series.p50_ns.push_back(run.counters.at(kP50));
      series.p99_ns.push_back(run.counters.at(kP99));
    }
  }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  std::span<const Case> cases_;
  Measurements& into_;
  std::string error_;
};

}  // namespace

// Google Benchmark's own --benchmark_enable_random_interleaving shuffles all repetitions of all cases into
// one order, from a seed that it does not tell: a contestant may then have most of its repetitions in one
// half of the run, and no repetition of one belongs to that of another. So each round is a run of its own.
Measurements measure(std::span<const Case> cases, const RoundOptions& options,
                     const std::function<void(int)>& before_round) {
  Measurements measurements;
  std::vector<const Case*> order;
  for (const Case& one : cases) order.push_back(&one);
  std::mt19937_64 random(options.seed);
  for (int round = 0; round < options.rounds; ++round) {
    before_round(round);
    std::shuffle(order.begin(), order.end(), random);
    benchmark::ClearRegisteredBenchmarks();
    for (const Case* const one : order)
      benchmark::RegisterBenchmark(one->name().c_str(), one->run)
          ->MinTime(std::max(options.case_s, one->least_s))
          ->UseRealTime();
    Collector collector(cases, measurements);
    benchmark::RunSpecifiedBenchmarks(&collector);
    if (!collector.error().empty()) throw std::runtime_error(collector.error());
  }
  before_round(options.rounds);
  return measurements;
}

}  // namespace twinpool::bench::micro
