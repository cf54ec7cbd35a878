// SPDX-License-Identifier: Apache-2.0
// A fixed pool: submit, wait, and see how a failure comes back. Either twin does.
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "threads/thread_pool.h"

static long fib(int n) {
  if (n < 0) throw std::invalid_argument("fib wants no negative number");
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main() {
  twinpool::threads::ThreadPool pool(
      {.workers = 2});  // or twinpool::processes::ProcessPool: nothing else changes

  std::vector<twinpool::Future<long>> numbers;
  for (int n = 0; n < 20; ++n) numbers.push_back(pool.submit<fib>(n));
  long sum = 0;
  for (auto& number : numbers) sum += number.get();
  std::printf("the first 20 Fibonacci numbers sum up to %ld\n", sum);

  const auto failed = pool.submit<fib>(-1).outcome();
  std::printf("%s: %s\n", failed.failure().type_name.c_str(), failed.failure().message.c_str());
  return pool.drain(std::chrono::seconds(60)) ? 0 : 1;
}
