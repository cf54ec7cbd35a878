// SPDX-License-Identifier: Apache-2.0
// Who goes first, how long it may take, and how to call it off.
#include <cstdio>
#include <thread>
#include <vector>

#include "threads/thread_pool.h"

using twinpool::with;
using namespace std::chrono_literals;

static int work_until_stopped(std::stop_token stop) {
  while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
  return 0;
}
static int order = 0;  // one worker writes it
static int take_number() { return ++order; }

int main() {
  twinpool::threads::ThreadPool pool({.workers = 1});
  pool.pause();  // so that all of them wait and the order is the pool's choice
  auto low = pool.submit<take_number>(with{.priority = -5});
  auto usual = pool.submit<take_number>();
  auto high = pool.submit<take_number>(with{.priority = 10});
  pool.resume();
  const int first = high.get();
  const int second = usual.get();
  std::printf("high ran as number %d, usual %d, low %d\n", first, second, low.get());

  const auto late = pool.submit<work_until_stopped>(with{.run_limit = 20ms}).outcome();
  std::printf("over its limit: %s\n", twinpool::name_of(late.failure().kind).data());

  std::stop_source stop;
  auto called_off = pool.submit<work_until_stopped>(with{.stop = stop.get_token()});
  stop.request_stop();
  std::printf("called off: %s\n", twinpool::name_of(called_off.outcome().failure().kind).data());
}
