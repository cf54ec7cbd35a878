// SPDX-License-Identifier: Apache-2.0
// What a program outside this repository writes: one function, run by either twin.
#include <twinpool/processes/process_pool.h>
#include <twinpool/shared/pool.h>
#include <twinpool/threads/thread_pool.h>

#include <cstdio>

static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static int run(twinpool::Pool& pool) {
  twinpool::Future<int> answer = pool.submit<fib>(20);
  return answer.get();
}

int main() {
  int by_processes = 0;
  {
    // First, while this program has no threads: workers are forked from it.
    twinpool::processes::ProcessPool pool({.workers = 2});
    by_processes = run(pool);
  }
  twinpool::threads::ThreadPool pool({.workers = 2});
  const int by_threads = run(pool);
  std::printf("processes %d, threads %d\n", by_processes, by_threads);
  return by_processes == 6765 && by_threads == 6765 ? 0 : 1;
}
