// SPDX-License-Identifier: Apache-2.0
// A dynamic pool: grows in a burst, shrinks when there is nothing to do.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "shared/shared_wait.h"
#include "threads/thread_pool.h"

using Words = twinpool::SharedBuffer<std::uint32_t>;

/// Counts itself in, then stays until all `count` are there at once.
static bool meet(Words in, std::uint32_t count) {
  const std::atomic_ref<std::uint32_t> here(in[0]);
  here.fetch_add(1);
  twinpool::shared_notify_all(in[0]);
  const auto patience = twinpool::deadline_after(std::chrono::seconds(60));
  for (auto now = here.load(); now < count; now = here.load()) {
    if (!twinpool::shared_wait(in[0], now, patience)) return false;
  }
  return true;
}

int main() {
  using namespace std::chrono_literals;
  twinpool::threads::ThreadPool pool({.workers = {1, 4}, .idle_timeout = 50ms});
  const Words in = pool.make_shared_buffer<std::uint32_t>(1);
  const bool alone = pool.submit<meet>(in, 1U).get();
  std::printf("begins with %d worker, on its own: %s\n", pool.stats().workers_alive(), alone ? "yes" : "no");

  std::vector<twinpool::Future<bool>> guests;
  for (int i = 0; i < 4; ++i) guests.push_back(pool.submit<meet>(in, 5U));
  int met = 0;
  for (auto& guest : guests) met += guest.get() ? 1 : 0;
  std::printf("%d tasks met: the pool has grown\n", met);

  while (pool.stats().workers_alive() > 1) std::this_thread::sleep_for(5ms);
  std::printf("shrunk to %d worker\n", pool.stats().workers_alive());
}
