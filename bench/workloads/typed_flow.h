// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bench/trial.h"
#include "bench/workloads/flow.h"
#include "bench/workloads/intake.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {

/// The loops over a workload's own types. A workload W gives:
///   `using Result`, `Future<Result> submit(Intake&, std::uint64_t number)`, `bool right(std::uint64_t
///   number, const Result&)`, and `std::uint64_t digest(const Result&)`.
template <typename W>
class TypedFlow final : public Flow {
 public:
  TypedFlow(Intake intake, W workload) : intake_(intake), workload_(std::move(workload)) {}

  Tally run(const Stretch& stretch, TrialPage* page) override {
    Tally tally;
    if (stretch.keep_latency) tally.latency_ns.reserve(stretch.tasks);
    const std::uint64_t window = std::max<std::uint64_t>(1, std::min(stretch.window, stretch.tasks));
    std::vector<Future<Result>> ring(window);
    for (std::uint64_t i = 0; i < stretch.tasks + window; ++i) {
      Future<Result>& place = ring[i % window];
      if (i >= window && i - window < stretch.tasks) {
        take(place, stretch.first + i - window, stretch.keep_latency, tally);
        if (page != nullptr) count(tally, *page);
      }
      if (i < stretch.tasks) place = workload_.submit(intake_, stretch.first + i);
    }
    return tally;
  }

  Tally hold(std::uint64_t tasks, void (*held)(void*), void* argument) override {
    std::vector<Future<Result>> futures;
    futures.reserve(tasks);
    for (std::uint64_t i = 0; i < tasks; ++i) futures.push_back(workload_.submit(intake_, i));
    for (const auto& future : futures) future.wait();
    held(argument);
    Tally tally;
    for (std::uint64_t i = 0; i < tasks; ++i) take(futures[i], i, false, tally);
    return tally;
  }

  void submit_one(std::uint64_t number) override {
    flying_.push_back({number, workload_.submit(intake_, number)});
  }

  std::optional<Taken> take_one(std::optional<Clock::time_point> until, Tally& tally) override {
    if (flying_.empty()) return std::nullopt;
    auto& [number, future] = flying_.front();
    if (!future.ready() && (!until || !future.wait_until(*until))) return std::nullopt;
    Taken taken{.timing = future.timing().value_or(TaskTiming{})};
    const Outcome<Result> outcome = future.outcome();
    taken.cancelled = !outcome && outcome.failure().kind == FailureKind::kCancelled;
    if (!taken.cancelled) judge(outcome, number, tally);
    flying_.pop_front();
    return taken;
  }

 private:
  using Result = typename W::Result;

  void take(Future<Result>& future, std::uint64_t number, bool keep_latency, Tally& tally) {
    future.wait();
    if (keep_latency) {
      if (const auto timing = future.timing()) {
        tally.latency_ns.push_back(timing->settled_ns - timing->submitted_ns);
      }
    }
    judge(future.outcome(), number, tally);
  }

  void judge(const Outcome<Result>& outcome, std::uint64_t number, Tally& tally) {
    if (!outcome) {
      ++(outcome.failure().kind == FailureKind::kWorkerLost ? tally.lost : tally.failed);
      mistake(tally, number, outcome.failure().message);
    } else if (!workload_.right(number, outcome.value())) {
      ++tally.wrong;
      mistake(tally, number, "its result is wrong");
    } else {
      ++tally.delivered;
      tally.checksum += mix(workload_.digest(outcome.value()) ^ mix(number));
    }
  }

  static void mistake(Tally& tally, std::uint64_t number, std::string_view what) {
    if (tally.first_mistake.empty()) tally.first_mistake = fmt::format("task {}: {}", number, what);
  }

  static void count(const Tally& tally, TrialPage& page) {
    page.delivered.store(tally.delivered, std::memory_order_relaxed);  // one writer; readers only look
    page.failed.store(tally.failed, std::memory_order_relaxed);
    page.lost.store(tally.lost, std::memory_order_relaxed);
    page.wrong.store(tally.wrong, std::memory_order_relaxed);
  }

  struct Flying {
    std::uint64_t number;
    Future<Result> future;
  };

  Intake intake_;
  W workload_;
  std::deque<Flying> flying_;  // of submit_one(), the oldest first
};

template <typename W>
std::unique_ptr<Flow> make_flow(Pool& pool, const FlowOptions& options) {
  return std::make_unique<TypedFlow<W>>(Intake(pool, options), W(pool, options));
}

}  // namespace twinpool::bench
