// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/twins.h"

#include "bench/peers/tally.h"

namespace twinpool::bench::peers {
namespace {

constexpr std::size_t kPage = 4096;

std::byte mark_of(std::size_t page) { return static_cast<std::byte>(page * 7 + 1); }

}  // namespace

Pool* pool_of_fib = nullptr;

PoolOptions twin_options(int workers) {
  return {.workers = workers, .queue_capacity = std::size_t{1} << 18, .when_full = WhenFull::kBlock};
}

std::uint64_t give_back(std::uint64_t number) { return number; }
void count_one(std::uint64_t) { Tally::instance().count(); }

std::uint64_t read_pages(std::span<const std::byte> bytes) {
  require_pages(bytes);
  return bytes.size();
}

std::vector<std::byte> give_pages(std::uint64_t bytes) {
  thread_local std::vector<std::byte> mine;
  if (mine.size() != bytes) {
    mine.assign(bytes, std::byte{});
    fill_pages(mine);
  }
  return mine;
}

SharedBuffer<std::byte> echo_shared(SharedBuffer<std::byte> bytes) { return bytes; }

std::uint64_t fib_by_tasks(int n) {
  if (n < 2) return static_cast<std::uint64_t>(n);
  auto left = pool_of_fib->submit<fib_by_tasks>(n - 1);
  auto right = pool_of_fib->submit<fib_by_tasks>(n - 2);
  return right.get() + left.get();
}

std::uint64_t value_of_fib(int n) {
  std::uint64_t value = 0;
  std::uint64_t next = 1;
  for (int i = 0; i < n; ++i) value = std::exchange(next, value + next);
  return value;
}

std::uint64_t calls_of_fib(int n) { return 2 * value_of_fib(n + 1) - 1; }

void fill_pages(std::span<std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kPage) bytes[at] = mark_of(at / kPage);
}

void require_pages(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += kPage) require_right(bytes[at] == mark_of(at / kPage));
}

std::vector<Peer> all_peers(int workers, const std::string& python) {
  std::vector<Peer> peers;
  // In this order: what forks comes before what has threads.
  add_process_peers(peers, workers, python);
  add_thread_peers(peers, workers);
  add_found_peers(peers, workers);
  return peers;
}

}  // namespace twinpool::bench::peers
