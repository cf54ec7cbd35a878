// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/contestants.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

#include "bench/micro/in_flight.h"
#include "bench/micro/observer.h"
#include "bench/micro/ping_pong.h"
#include "bench/micro/plain_pool.h"
#include "processes/launcher.h"
#include "processes/process_pool.h"
#include "threads/thread_pool.h"

namespace twinpool::bench::micro {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::uint64_t give_back(std::uint64_t number) { return number; }

template <typename Submit>
void measure_throughput(benchmark::State& state, const Submit& submit, std::size_t window) {
  const auto tasks = static_cast<std::uint64_t>(state.max_iterations);
  std::vector<decltype(submit(0))> ring(window);
  std::uint64_t sum = 0;
  // One batch holds all iterations, so that filling and emptying the window is timed once and never between.
  while (state.KeepRunningBatch(state.max_iterations)) sum += keep_in_flight(submit, 0, tasks, ring);
  if (sum != sum_of(0, tasks)) state.SkipWithError("a task gave a wrong result");
}

template <typename RoundTrip>
void measure_round_trips(benchmark::State& state, const RoundTrip& round_trip) {
  const auto rounds = static_cast<std::uint64_t>(state.max_iterations);
  // Filled, not only reserved: a page fault inside the loop would be taken for latency.
  std::vector<std::uint32_t> samples(rounds, 1);
  std::uint64_t sum = 0;
  while (state.KeepRunningBatch(state.max_iterations)) {
    // The end of one is the begin of the next: one clock read a round trip.
    auto begin = SteadyClock::now();
    for (std::uint64_t i = 0; i < rounds; ++i) {
      sum += round_trip(i);
      const auto end = SteadyClock::now();
      const auto took_ns = std::chrono::nanoseconds(end - begin).count();
      samples[i] = static_cast<std::uint32_t>(std::min<std::int64_t>(took_ns, UINT32_MAX));
      begin = end;
    }
  }
  if (sum != sum_of(0, rounds)) state.SkipWithError("a round trip gave a wrong result");
  state.counters[kP50] = percentile_of(samples, 0.50);
  state.counters[kP99] = percentile_of(samples, 0.99);
}

template <typename Submit>
void add_pool(std::vector<Case>& cases, std::string_view contestant, Submit submit) {
  cases.push_back({contestant, kRoundTrip, [submit](benchmark::State& state) {
                     measure_round_trips(state, [&submit](std::uint64_t i) { return submit(i).get(); });
                   }});
  for (const std::size_t window : kWindows)
    cases.push_back({contestant, window, [submit, window](benchmark::State& state) {
                       measure_throughput(state, submit, window);
                     }});
}

template <typename ThePool>
void add_bare(std::vector<Case>& cases, std::string_view contestant, ThePool& pool) {
  const auto submit = [&pool](std::uint64_t i) { return pool.template submit<give_back>(i); };
  cases.push_back({contestant, kWatchedWindow,
                   [submit](benchmark::State& state) { measure_throughput(state, submit, kWatchedWindow); },
                   kWatchedCase_s});
}

/// The observer is there for the turn of this case only, so that it costs no other one anything.
template <typename ThePool>
void add_watched(std::vector<Case>& cases, std::string_view contestant, ThePool& pool) {
  const auto submit = [&pool](std::uint64_t i) { return pool.template submit<give_back>(i); };
  cases.push_back({contestant, kWatchedWindow,
                   [submit, &pool](benchmark::State& state) {
                     const Observer observer(pool);
                     measure_throughput(state, submit, kWatchedWindow);
                     state.counters[kLooks] = static_cast<double>(observer.looks());
                   },
                   kWatchedCase_s});
}

}  // namespace

std::string Case::name() const {
  std::string name(contestant);
  return window == kRoundTrip ? name + ", round trip" : name + ", window " + std::to_string(window);
}

// In the order of the members: what forks comes first, then what has threads.
struct Contestants::Pools {
  explicit Pools(int workers)
      : launcher(processes::Launcher::start()),
        processes({.workers = workers}),
        bare_processes({.workers = workers}),
        watched_processes({.workers = workers, .on_event = count}),
        threads({.workers = workers}),
        bare_threads({.workers = workers}),
        watched_threads({.workers = workers, .on_event = count}),
        plain(workers),
        asio(static_cast<std::size_t>(workers)) {}
  ~Pools() { asio.join(); }

  std::atomic<std::uint64_t> events = 0;
  EventCallback count = [this](const Event&) { events.fetch_add(1, std::memory_order_relaxed); };
  PingPong ping_pong;
  std::shared_ptr<processes::Launcher> launcher;
  processes::ProcessPool processes;
  processes::ProcessPool bare_processes;
  processes::ProcessPool watched_processes;
  threads::ThreadPool threads;
  threads::ThreadPool bare_threads;
  threads::ThreadPool watched_threads;
  PlainPool plain;
  boost::asio::thread_pool asio;
};

Contestants::Contestants(int workers) : pools_(std::make_unique<Pools>(workers)) {}
Contestants::~Contestants() = default;

std::vector<Case> Contestants::cases() {
  Pools& pools = *pools_;
  std::vector<Case> cases;
  add_pool(cases, kThreadTwin, [&pools](std::uint64_t i) { return pools.threads.submit<give_back>(i); });
  add_pool(cases, kProcessTwin, [&pools](std::uint64_t i) { return pools.processes.submit<give_back>(i); });
  add_pool(cases, kPlainPool, [&pools](std::uint64_t i) {
    return pools.plain.submit(PlainPool::Task([i] { return give_back(i); }));
  });
  add_pool(cases, kAsioPool, [&pools](std::uint64_t i) {
    return boost::asio::post(pools.asio, std::packaged_task<std::uint64_t()>([i] { return give_back(i); }));
  });
  cases.push_back({kPingPong, kRoundTrip, [&pools](benchmark::State& state) {
                     measure_round_trips(state,
                                         [&pools](std::uint64_t i) { return pools.ping_pong.round(i); });
                   }});
  add_bare(cases, kBareThreads, pools.bare_threads);
  add_watched(cases, kWatchedThreads, pools.watched_threads);
  add_bare(cases, kBareProcesses, pools.bare_processes);
  add_watched(cases, kWatchedProcesses, pools.watched_processes);
  return cases;
}

}  // namespace twinpool::bench::micro
