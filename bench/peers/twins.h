// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bench/peers/drive.h"
#include "shared/options.h"
#include "shared/pool.h"

/// What both twins are asked, in the same words.
namespace twinpool::bench::peers {

/// Room for the largest window.
[[nodiscard]] PoolOptions twin_options(int workers);

std::uint64_t give_back(std::uint64_t number);
void count_one(std::uint64_t number);
/// Reads one byte in 4096; gives how many there are.
std::uint64_t read_pages(std::span<const std::byte> bytes);
/// So many bytes as fill_pages leaves them, copied from memory of the worker that was written before.
std::vector<std::byte> give_pages(std::uint64_t bytes);
SharedBuffer<std::byte> echo_shared(SharedBuffer<std::byte> bytes);
/// Requires: runs in a worker of `pool_of_fib`.
std::uint64_t fib_by_tasks(int n);
/// The pool whose tasks fib_by_tasks submits to.
extern Pool* pool_of_fib;

/// Whether the first byte of every page is as `fill_pages` left it.
void fill_pages(std::span<std::byte> bytes);
void require_pages(std::span<const std::byte> bytes);

template <typename ThePool>
void give_twin(Peer& peer, const std::shared_ptr<ThePool>& pool) {
  give_windows(peer, [pool](std::uint64_t i) { return pool->template submit<give_back>(i); });
  give_forget(peer, Tally::instance(),
              [pool](std::uint64_t i) { static_cast<void>(pool->template submit<count_one>(i)); });
  peer.send = [pool](std::size_t bytes, std::size_t rounds) {
    std::vector<std::byte> payload(bytes);
    fill_pages(payload);
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      require_right(pool->template submit<read_pages>(std::span<const std::byte>(payload)).get() == bytes);
    }
    return seconds_since(begin);
  };
  peer.fetch = [pool](std::size_t bytes, std::size_t rounds) {
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      require_pages(pool->template submit<give_pages>(std::uint64_t{bytes}).get());
    }
    return seconds_since(begin);
  };
  peer.share = [pool](std::size_t bytes, std::size_t rounds) {
    auto buffer = pool->template make_shared_buffer<std::byte>(bytes);
    fill_pages({&buffer[0], bytes});
    const auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      const auto back = pool->template submit<echo_shared>(buffer).get();
      require_right(back.size() == bytes);
    }
    return seconds_since(begin);
  };
}

}  // namespace twinpool::bench::peers
