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

#include "bench/micro/in_flight.h"
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
