// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <memory>
#include <numeric>

#include "bench/micro/ping_pong.h"
#include "bench/peers/channels.h"
#include "bench/peers/python_pool.h"
#include "bench/peers/twins.h"
#include "processes/process_pool.h"

namespace twinpool::bench::peers {
namespace {

void add_process_twin(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<processes::ProcessPool>(twin_options(workers));
  Peer peer{.name = "twinpool processes", .kind = Kind::kProcesses};
  give_twin(peer, pool);
  peers.push_back(std::move(peer));
}

/// One number that is not timed: the peer of a ring naps while it is not its turn.
template <typename Channel>
void wake(Channel& channel) {
  channel.send(0);
  require_right(channel.receive() == 0);
}

/// A peer that takes numbers at one end and gives them back at the other, without futures.
template <typename Channel>
void add_channel(std::vector<Peer>& peers, Peer peer, const std::shared_ptr<Channel>& channel) {
  peer.shares_submitters = false;  // there is one end at which all results come out
  peer.windowed = [channel](std::size_t tasks, std::size_t window, int) {
    wake(*channel);
    std::uint64_t sum = 0;
    const auto begin = SteadyClock::now();
    for (std::size_t sent = 0, received = 0; received < tasks;) {
      while (sent < tasks && sent - received < window) channel->send(sent++);
      sum += channel->receive();
      ++received;
    }
    const double seconds = seconds_since(begin);
    require_right(sum == sum_of(0, tasks));
    return seconds;
  };
  peer.round_trips = [channel](std::span<std::uint32_t> ns) {
    wake(*channel);
    drive_round_trips([&channel](std::uint64_t i) { return channel->send(i), channel->receive(); }, ns);
  };
  peers.push_back(std::move(peer));
}

void add_ping_pong(std::vector<Peer>& peers) {
  const auto pair = std::make_shared<micro::PingPong>();
  Peer peer{.name = "bare futex ping-pong", .kind = Kind::kLimit};
  peer.round_trips = [pair](std::span<std::uint32_t> ns) {
    drive_round_trips([&pair](std::uint64_t i) { return pair->round(i); }, ns);
  };
  peers.push_back(std::move(peer));
}

void add_memcpy(std::vector<Peer>& peers) {
  Peer peer{.name = "one memcpy", .kind = Kind::kLimit, .note = "warm memory, no worker"};
  peer.send = [](std::size_t bytes, std::size_t rounds) {
    std::vector<std::byte> from(bytes);
    std::vector<std::byte> to(bytes, std::byte{1});
    fill_pages(from);
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      std::memcpy(to.data(), from.data(), bytes);
      require_pages(to);
    }
    return seconds_since(begin);
  };
  peer.fetch = peer.send;
  peers.push_back(std::move(peer));
}

void add_relay(std::vector<Peer>& peers) {
  const auto relay = std::make_shared<Relay>(fill_pages, require_pages);
  Peer peer{.name = "bare copies", .kind = Kind::kLimit,
            .note = "one peer process that spins; into shared memory, and for fetch out of it again"};
  peer.send = [relay](std::size_t bytes, std::size_t rounds) {
    std::vector<std::byte> payload(bytes);
    fill_pages(payload);
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) relay->send(payload);
    return seconds_since(begin);
  };
  peer.fetch = [relay](std::size_t bytes, std::size_t rounds) {
    std::vector<std::byte> to(bytes, std::byte{1});
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      relay->fetch(to);
      require_pages(to);
    }
    return seconds_since(begin);
  };
  peers.push_back(std::move(peer));
}

void add_python(std::vector<Peer>& peers, int workers, const std::string& script, const std::string& which,
                const std::string& name) {
  const auto pool = std::make_shared<PythonPool>(script, which, workers);
  Peer peer{.name = name, .kind = Kind::kProcesses};
  peer.most_window = 1024;  // a larger one takes half a minute to fill
  peer.windowed = [pool](std::size_t tasks, std::size_t window, int submitters) {
    return pool->windowed(tasks, window, submitters);
  };
  peer.round_trips = [pool](std::span<std::uint32_t> ns) { pool->round_trips(ns); };
  peer.send = [pool](std::size_t bytes, std::size_t rounds) { return pool->move("send", bytes, rounds); };
  peer.fetch = [pool](std::size_t bytes, std::size_t rounds) { return pool->move("fetch", bytes, rounds); };
  peers.push_back(std::move(peer));
}

}  // namespace

void add_process_peers(std::vector<Peer>& peers, int workers, const std::string& python) {
  static_cast<void>(Tally::instance());
  add_process_twin(peers, workers);
  add_channel(peers,
              {.name = "Boost.Interprocess message_queue",
               .kind = Kind::kProcesses,
               .note = "no futures, and its lock dies with a worker",
               .most_window = QueuePair::kRoom},
              std::make_shared<QueuePair>(workers));
  add_channel(peers,
              {.name = "pipes", .kind = Kind::kProcesses, .note = "no futures", .most_window = PipePair::kRoom},
              std::make_shared<PipePair>(workers));
  add_ping_pong(peers);
  add_channel(peers,
              {.name = "bare ring", .kind = Kind::kLimit, .note = "one peer process that spins",
               .most_window = RingPair::kRoom},
              std::make_shared<RingPair>());
  add_memcpy(peers);
  add_relay(peers);
  // The last: a process forked later would hold Python's pipes open.
  if (!python.empty()) {
    add_python(peers, workers, python, "executor", "Python ProcessPoolExecutor");
    add_python(peers, workers, python, "pool", "Python multiprocessing.Pool");
  }
}

}  // namespace twinpool::bench::peers
