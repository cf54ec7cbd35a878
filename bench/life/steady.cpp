// SPDX-License-Identifier: Apache-2.0
// What a task takes from system and heap once the pool is warm.
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <stdexcept>

#include "bench/backend.h"
#include "bench/life/allocation_counter.h"
#include "bench/life/call_counter.h"
#include "bench/life/trials.h"
#include "bench/meters/cpu.h"
#include "bench/micro/in_flight.h"
#include "bench/micro/plain_pool.h"

namespace twinpool::bench::life {
namespace {

constexpr const char* kCalls = "system calls a task";
constexpr const char* kAllocated = "allocations a task";
constexpr const char* kSleeps = "waits a task";
constexpr int kWorkers = 2;

std::uint64_t give_back(std::uint64_t number) { return number; }

struct Counts {
  std::uint64_t calls = 0;
  std::uint64_t allocations = 0;
  std::uint64_t sleeps = 0;
};

class Meter {
 public:
  explicit Meter(std::int64_t tracepoint) {
    if (tracepoint >= 0) calls_.emplace(static_cast<std::uint64_t>(tracepoint));
  }
  [[nodiscard]] bool counts_calls() const { return calls_.has_value(); }
  /// Reading /proc takes system calls and memory, so that is done outside of the two others.
  [[nodiscard]] Counts begin() const {
    Counts counts{.sleeps = sleeps()};
    counts.allocations = allocations();
    counts.calls = calls();
    return counts;
  }
  [[nodiscard]] Counts since(const Counts& begin) const {
    const std::uint64_t calls_now = calls();
    const std::uint64_t allocations_now = allocations();
    return {.calls = calls_now - begin.calls - (calls_ ? 1 : 0),  // the second reading counted itself
            .allocations = allocations_now - begin.allocations,
            .sleeps = sleeps() - begin.sleeps};
  }

 private:
  [[nodiscard]] std::uint64_t calls() const { return calls_ ? calls_->read() : 0; }
  static std::uint64_t allocations() { return trial_page()->marks[kAllocations].load(); }
  static std::uint64_t sleeps() { return read_tree_cpu(::getpid()).voluntary_switches; }

  std::optional<CallCounter> calls_;
};

template <typename Submit>
Samples count(const Meter& meter, const Submit& submit, std::size_t window, std::size_t tasks) {
  std::vector<decltype(submit(0))> ring(window);
  const auto drive = [&](std::size_t number) {
    if (keep_in_flight(submit, 0, number, ring) != sum_of(0, number)) throw std::runtime_error("a wrong result");
  };
  drive(tasks);  // warm: memory that the pool keeps is there afterwards
  const Counts begin = meter.begin();
  drive(tasks);
  const Counts counts = meter.since(begin);
  const auto each = [tasks](std::uint64_t number) {
    return std::vector{static_cast<double>(number) / static_cast<double>(tasks)};
  };
  Samples samples{{kAllocated, each(counts.allocations)}, {kSleeps, each(counts.sleeps)}};
  if (meter.counts_calls()) samples[kCalls] = each(counts.calls);
  return samples;
}

}  // namespace

nlohmann::json steady_trial(TrialContext& context) {
  const nlohmann::json& spec = context.spec();
  const auto contestant = spec.at("contestant").get<std::string>();
  const auto window = spec.at("window").get<std::size_t>();
  const auto tasks = spec.at("tasks").get<std::size_t>();
  const Meter meter(spec.at("tracepoint").get<std::int64_t>());
  if (const auto backend = parse_backend(contestant)) {
    const auto pool = make_pool(*backend, options_of(kWorkers));
    return count(meter, [&pool](std::uint64_t i) { return pool->submit<give_back>(i); }, window, tasks);
  }
  if (contestant == "plain") {
    using micro::PlainPool;
    PlainPool pool(kWorkers);
    return count(meter, [&pool](std::uint64_t i) { return pool.submit(PlainPool::Task([i] { return i; })); }, window,
                 tasks);
  }
  boost::asio::thread_pool pool(kWorkers);
  const auto post = [&pool](std::uint64_t i) {
    return boost::asio::post(pool, std::packaged_task<std::uint64_t()>([i] { return i; }));
  };
  return count(meter, post, window, tasks);
}

std::vector<Case> steady_cases() {
  const auto tracepoint = CallCounter::tracepoint();
  std::vector<Case> cases;
  for (const std::size_t window : {1, 64, 1024}) {
    for (const char* const contestant : {"threads", "processes", "plain", "asio"}) {
      const bool twin = parse_backend(contestant).has_value();
      const nlohmann::json spec{{"contestant", contestant},
                                {"window", window},
                                {"tasks", twin ? 200'000 : 20'000},
                                {"tracepoint", tracepoint ? static_cast<std::int64_t>(*tracepoint) : -1}};
      const auto goal = [twin](double most) { return twin ? std::optional(most) : std::nullopt; };
      std::vector<Figure> figures;
      if (tracepoint) figures.push_back({.name = kCalls, .unit = Unit::kCount, .goal = goal(0.05)});
      figures.push_back({.name = kAllocated, .unit = Unit::kCount, .goal = goal(0)});
      figures.push_back({.name = kSleeps, .unit = Unit::kCount});
      cases.push_back({.chapter = "In steady state",
                       .situation = window == 1 ? "one at a time" : "window " + std::to_string(window),
                       .contestant = twin                                 ? std::string("twinpool ") + contestant
                                     : contestant == std::string("plain") ? "mutex + condvar + deque"
                                                                          : "Boost.Asio thread_pool",
                       .figures = figures,
                       .run = [spec] { return run_trial("steady", spec); }});
    }
  }
  return cases;
}

}  // namespace twinpool::bench::life
