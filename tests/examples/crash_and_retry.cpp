// SPDX-License-Identifier: Apache-2.0
// A task that kills its worker costs itself; one that says `retry` gets another chance.
#include <atomic>
#include <csignal>
#include <cstdio>

#include "processes/process_pool.h"

using Words = twinpool::SharedBuffer<std::uint32_t>;

static int crash() {
  std::raise(SIGKILL);
  return 0;
}
static std::uint32_t crash_once(Words attempts) {
  const auto before = std::atomic_ref<std::uint32_t>(attempts[0]).fetch_add(1);
  if (before == 0) std::raise(SIGKILL);
  return before + 1;
}
static int answer() { return 42; }

int main() {
  twinpool::processes::ProcessPool pool({.workers = 2});
  const auto lost = pool.submit<crash>().outcome();
  std::printf("%s, signal %d\n", twinpool::name_of(lost.failure().kind).data(), lost.failure().loss->signal);

  const Words attempts = pool.make_shared_buffer<std::uint32_t>(1);
  std::printf("given after %u attempts\n",
              pool.submit<crash_once>(twinpool::with{.retry = 1}, attempts).get());
  std::printf("the pool goes on: %d\n", pool.submit<answer>().get());
  return pool.stats().worker_deaths == 2 ? 0 : 1;
}
