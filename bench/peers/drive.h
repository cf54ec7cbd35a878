// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/tally.h"

/// How contestants that give a future for a task are driven.
namespace twinpool::bench::peers {

using SteadyClock = std::chrono::steady_clock;

inline double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

inline void require_right(bool right) {
  if (!right) throw std::runtime_error("a task gave a wrong result");
}

/// Sends the numbers from `first` with at most `ring.size()` unsettled, takes the oldest result first. Gives:
/// the sum of what came back.
template <typename Submit, typename Ring>
std::uint64_t keep_in_flight(const Submit& submit, std::uint64_t first, std::size_t tasks, Ring& ring) {
  const std::size_t filling = std::min(tasks, ring.size());
  std::uint64_t sum = 0;
  std::size_t oldest = 0;
  const auto step = [&ring, &oldest] { oldest = oldest + 1 == ring.size() ? 0 : oldest + 1; };
  for (std::size_t i = 0; i < filling; ++i) ring[i] = submit(first + i);
  for (std::size_t i = filling; i < tasks; ++i, step()) {
    sum += ring[oldest].get();
    ring[oldest] = submit(first + i);
  }
  // Exactly the filled part is left; when the ring was never full, the oldest is its first.
  for (std::size_t i = 0; i < filling; ++i, step()) sum += ring[oldest].get();
  return sum;
}

inline std::uint64_t sum_of(std::uint64_t first, std::uint64_t count) {
  return count == 0 ? 0 : count * first + count * (count - 1) / 2;
}

template <typename Submit>
double drive_windowed(const Submit& submit, std::size_t tasks, std::size_t window, int submitters) {
  const auto number = static_cast<std::size_t>(submitters);
  const std::size_t share = tasks / number;
  std::vector<std::vector<decltype(submit(0))>> rings(number);
  for (auto& ring : rings) ring.resize(window);
  std::atomic<int> ready{0};
  std::atomic<bool> wrong{false};
  const auto drive = [&](std::size_t who) {
    ready.fetch_add(1);
    while (ready.load() != submitters) std::this_thread::yield();
    const std::uint64_t first = who * share;
    if (keep_in_flight(submit, first, share, rings[who]) != sum_of(first, share)) wrong = true;
  };
  std::vector<std::jthread> others;
  for (std::size_t who = 1; who < number; ++who) others.emplace_back([&drive, who] { drive(who); });
  while (ready.load() != submitters - 1) std::this_thread::yield();
  const auto begin = SteadyClock::now();
  drive(0);
  others.clear();
  const double seconds = seconds_since(begin);
  require_right(!wrong);
  return seconds;
}

template <typename RoundTrip>
void drive_round_trips(const RoundTrip& round_trip, std::span<std::uint32_t> ns) {
  std::uint64_t sum = 0;
  // The end of one is the begin of the next: one clock read a round trip.
  auto begin = SteadyClock::now();
  for (std::size_t i = 0; i < ns.size(); ++i) {
    sum += round_trip(i);
    const auto end = SteadyClock::now();
    ns[i] = static_cast<std::uint32_t>(
        std::min<std::int64_t>(std::chrono::nanoseconds(end - begin).count(), UINT32_MAX));
    begin = end;
  }
  require_right(sum == sum_of(0, ns.size()));
}

/// `post(number)` hands over a task that counts in `tally`.
template <typename Post>
double drive_forget(const Post& post, Tally& tally, std::size_t tasks) {
  const std::uint64_t before = tally.sum();
  const auto begin = SteadyClock::now();
  for (std::size_t i = 0; i < tasks; ++i) post(i);
  while (tally.sum() - before < tasks) std::this_thread::yield();
  const double seconds = seconds_since(begin);
  require_right(tally.sum() - before == tasks);
  return seconds;
}

/// What `submit(number)` and `post(number)` are enough for.
template <typename Submit>
void give_windows(Peer& peer, Submit submit) {
  peer.windowed = [submit](std::size_t tasks, std::size_t window, int submitters) {
    return drive_windowed(submit, tasks, window, submitters);
  };
  peer.round_trips = [submit](std::span<std::uint32_t> ns) {
    drive_round_trips([&submit](std::uint64_t i) { return submit(i).get(); }, ns);
  };
}

template <typename Post>
void give_forget(Peer& peer, Tally& tally, Post post) {
  peer.forget = [post, &tally](std::size_t tasks) { return drive_forget(post, tally, tasks); };
}

/// `whole(n)` computes fib(n).
template <typename Whole>
void give_fib(Peer& peer, Whole whole) {
  peer.fib = [whole](int n) {
    const auto begin = SteadyClock::now();
    const std::uint64_t value = whole(n);
    const double seconds = seconds_since(begin);
    require_right(value == value_of_fib(n));
    return seconds;
  };
}

}  // namespace twinpool::bench::peers
