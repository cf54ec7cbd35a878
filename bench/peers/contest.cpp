// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/contest.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "bench/micro/in_flight.h"

namespace twinpool::bench::peers {
namespace {

using Run = std::pair<double, std::vector<double>>;

Run per_task(double seconds, std::size_t tasks) {
  return {seconds, {seconds * 1e9 / static_cast<double>(tasks)}};
}

Discipline one_at_a_time() {
  return {.name = "one at a time",
          .figures = {"one at a time, p50", "one at a time, p99"},
          .fewest = 100,
          .most = 100'000,
          .can = [](const Peer& peer, std::size_t) { return static_cast<bool>(peer.round_trips); },
          .run = [](const Peer& peer, std::size_t tasks) -> Run {
            // Filled, not only reserved: a page fault inside the loop would be taken for latency.
            std::vector<std::uint32_t> ns(tasks, 1);
            peer.round_trips(ns);
            double sum = 0;
            for (const std::uint32_t one : ns) sum += one;
            return {sum * 1e-9, {percentile_of(ns, 0.50), percentile_of(ns, 0.99)}};
          }};
}

Discipline window(std::size_t window, int submitters) {
  const std::string name = "window " + std::to_string(window) +
                           (submitters == 1 ? "" : ", " + std::to_string(submitters) + " submitters");
  Discipline discipline{.name = name,
                        .figures = {name},
                        .fewest = std::max<std::size_t>(4 * window, 16),
                        .size = window,
                        .run = [window, submitters](const Peer& peer, std::size_t tasks) {
                          tasks -= tasks % static_cast<std::size_t>(submitters);
                          return per_task(peer.windowed(tasks, window, submitters), tasks);
                        }};
  if (submitters == 1) {
    discipline.can = [](const Peer& peer, std::size_t size) {
      return peer.windowed && size <= peer.most_window;
    };
  } else {
    discipline.can = [](const Peer& peer, std::size_t size) {
      return peer.windowed && size <= peer.most_window && peer.shares_submitters;
    };
  }
  return discipline;
}

Discipline forget() {
  return {.name = "fire and forget",
          .figures = {"fire and forget"},
          .fewest = 1000,
          .can = [](const Peer& peer, std::size_t) { return static_cast<bool>(peer.forget); },
          .run = [](const Peer& peer, std::size_t tasks) { return per_task(peer.forget(tasks), tasks); }};
}

Discipline fork_join(int n) {
  const std::string name = "fib(" + std::to_string(n) + "), a call";
  return {.name = name,
          .figures = {name},
          .most = 1,
          .can = [](const Peer& peer, std::size_t) { return static_cast<bool>(peer.fib); },
          .run = [n](const Peer& peer, std::size_t) {
            return per_task(peer.fib(n), static_cast<std::size_t>(calls_of_fib(n)));
          }};
}

/// "64 B", "4 KiB", "16 MiB".
std::string name_of_size(std::size_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  const std::size_t kib = bytes / 1024;
  return kib < 1024 ? std::to_string(kib) + " KiB" : std::to_string(kib / 1024) + " MiB";
}

/// `call`: a member of Peer that moves so many bytes so often.
Discipline payload(const char* what, std::function<double(std::size_t, std::size_t)> Peer::*call,
                   std::size_t bytes, std::size_t fewest) {
  const std::string name = what + (" " + name_of_size(bytes));
  return {.name = name,
          .figures = {name},
          .payload = true,
          .fewest = fewest,
          .can = [call](const Peer& peer, std::size_t) { return static_cast<bool>(peer.*call); },
          .size = bytes,
          .run = [call, bytes](const Peer& peer, std::size_t rounds) {
            return per_task((peer.*call)(bytes, rounds), rounds);
          }};
}

struct Case {
  const Peer* peer;
  const Discipline* discipline;
  std::size_t tasks;
};

Run run(const Case& one) {
  try {
    return one.discipline->run(*one.peer, one.tasks);
  } catch (const std::exception& error) {
    throw std::runtime_error(one.peer->name + ", " + one.discipline->name + ": " + error.what());
  }
}

/// How many tasks take about `case_s`. This also warms the contestant up.
void calibrate(Case& one, double case_s) {
  one.tasks = one.discipline->fewest;
  for (;;) {
    const double seconds = run(one).first;
    if (one.tasks >= one.discipline->most || seconds >= case_s) return;
    // Not in one step: the first tasks of a pool that has slept are its slowest.
    const double grow = std::clamp(case_s / std::max(seconds, 1e-9), 1.0, 8.0);
    const auto tasks = static_cast<std::size_t>(std::ceil(static_cast<double>(one.tasks) * grow));
    if (tasks == one.tasks) return;
    one.tasks = std::min(tasks, one.discipline->most);
  }
}

}  // namespace

std::vector<Discipline> disciplines(int fib) {
  std::vector<Discipline> all{one_at_a_time(), window(1, 1),     window(64, 1),  window(1024, 1),
                              window(100'000, 1), window(64, 2), window(1024, 2), forget()};
  all.push_back(fork_join(fib));
  constexpr std::size_t kKiB = 1024;
  const std::size_t sizes[] = {64, 4 * kKiB, 64 * kKiB, kKiB * kKiB, 16 * kKiB * kKiB, 64 * kKiB * kKiB};
  for (const std::size_t bytes : sizes) all.push_back(payload("send", &Peer::send, bytes, 1));
  for (const std::size_t bytes : sizes) all.push_back(payload("fetch", &Peer::fetch, bytes, 1));
  for (const std::size_t bytes : {sizes[0], sizes[3], sizes[5]}) {
    all.push_back(payload("share", &Peer::share, bytes, 100));
  }
  return all;
}

Figures hold_contest(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                     const ContestOptions& options, const std::function<void(int)>& progress) {
  std::vector<Case> cases;
  progress(-1);
  for (const Discipline& discipline : disciplines) {
    for (const Peer& peer : peers) {
      if (!discipline.open_to(peer)) continue;
      cases.push_back({&peer, &discipline, 0});
      calibrate(cases.back(), options.case_s);
    }
  }
  Figures figures;
  std::mt19937_64 random(options.seed);
  for (int round = 0; round < options.rounds; ++round) {
    progress(round);
    std::shuffle(cases.begin(), cases.end(), random);
    for (const Case& one : cases) {
      const auto values = run(one).second;
      for (std::size_t i = 0; i < values.size(); ++i) {
        figures[one.discipline->figures[i]][one.peer->name].push_back(values[i]);
      }
    }
  }
  progress(options.rounds);
  return figures;
}

}  // namespace twinpool::bench::peers
