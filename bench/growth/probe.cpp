// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <stdexcept>

#include "bench/growth/series.h"
#include "bench/micro/in_flight.h"
#include "shared/options.h"
#include "shared/pool.h"

namespace twinpool::bench::growth {
namespace {

std::uint64_t give_back(std::uint64_t number) { return number; }

Pool* pool_of_fib = nullptr;

std::uint64_t fib(int n) {
  if (n < 2) return static_cast<std::uint64_t>(n);
  auto left = pool_of_fib->submit<fib>(n - 1);
  auto right = pool_of_fib->submit<fib>(n - 2);
  return right.get() + left.get();
}

void forget(Pool& pool, std::size_t tasks) {
  for (std::size_t i = 0; i < tasks; ++i) static_cast<void>(pool.submit<give_back>(i));
  if (!pool.drain(std::chrono::minutes(1))) throw std::runtime_error("tasks took longer than a minute");
}

void keep(Pool& pool, std::size_t tasks, std::size_t window) {
  std::vector<Future<std::uint64_t>> ring(window);
  const auto submit = [&pool](std::uint64_t i) { return pool.submit<give_back>(i); };
  if (keep_in_flight(submit, 0, tasks, ring) != sum_of(0, tasks)) throw std::runtime_error("a wrong result");
}

}  // namespace

void probe(Backend backend, const std::string& how, std::size_t tasks, int workers) {
  PoolOptions options;
  options.workers = workers;
  options.queue_capacity = std::size_t{1} << 17;
  options.when_full = WhenFull::kBlock;
  const auto pool = make_pool(backend, options);
  pool_of_fib = pool.get();
  if (how == "fib") {
    static_cast<void>(pool->submit<fib>(static_cast<int>(tasks)).get());
  } else if (how == "forget") {
    forget(*pool, tasks);
  } else {
    keep(*pool, tasks, std::stoul(how));
  }
}

}  // namespace twinpool::bench::growth
