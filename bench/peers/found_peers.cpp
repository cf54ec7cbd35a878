// SPDX-License-Identifier: Apache-2.0
// Pools that no Debian package brings. CMake looks whether the user has them, and nothing fetches them.
#include <memory>

#include "bench/peers/drive.h"

#if __has_include(<BS_thread_pool.hpp>)
#include <BS_thread_pool.hpp>
#endif
#if __has_include(<taskflow/taskflow.hpp>)
#include <taskflow/taskflow.hpp>
#endif
#if defined(TWINPOOL_HAS_DISPENSO)
#include <dispenso/future.h>
#include <dispenso/thread_pool.h>
#endif
#if defined(TWINPOOL_HAS_ENKITS)
#include <TaskScheduler.h>
#endif
#if __has_include(<thread_pool/thread_pool.hpp>)
#include <thread_pool/thread_pool.hpp>
#endif

namespace twinpool::bench::peers {
namespace {

#if __has_include(<thread_pool/thread_pool.hpp>)
// Debian's libthread-pool-dev.
void add_rvaser(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<thread_pool::ThreadPool>(static_cast<std::size_t>(workers));
  Peer peer{.name = "rvaser thread_pool", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return pool->Submit([](std::uint64_t n) { return n; }, i); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally,
              [pool, &tally](std::uint64_t) { static_cast<void>(pool->Submit([&tally] { tally.count(); })); });
  peers.push_back(std::move(peer));
}
#endif

#if __has_include(<BS_thread_pool.hpp>)
void add_bs(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<BS::thread_pool<>>(static_cast<std::size_t>(workers));
  Peer peer{.name = "BS::thread_pool", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return pool->submit_task([i] { return i; }); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally, [pool, &tally](std::uint64_t) { pool->detach_task([&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}
#endif

#if __has_include(<taskflow/taskflow.hpp>)
void add_taskflow(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<tf::Executor>(static_cast<std::size_t>(workers));
  Peer peer{.name = "taskflow", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return pool->async([i] { return i; }); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally, [pool, &tally](std::uint64_t) { pool->silent_async([&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}
#endif

#if defined(TWINPOOL_HAS_DISPENSO)
void add_dispenso(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<dispenso::ThreadPool>(static_cast<std::size_t>(workers));
  Peer peer{.name = "dispenso", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return dispenso::async(*pool, [i] { return i; }); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally, [pool, &tally](std::uint64_t) { pool->schedule([&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}
#endif

#if defined(TWINPOOL_HAS_ENKITS)
void add_enkits(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<enki::TaskScheduler>();
  pool->Initialize(static_cast<std::uint32_t>(workers) + 1);
  Peer peer{.name = "enkiTS", .kind = Kind::kThreads, .note = "no futures: batches of a window; who waits helps"};
  peer.shares_submitters = false;
  peer.windowed = [pool](std::size_t tasks, std::size_t window, int) {
    std::vector<std::uint64_t> results(window);
    std::vector<std::unique_ptr<enki::TaskSet>> sets;
    for (std::size_t i = 0; i < window; ++i) {
      sets.push_back(std::make_unique<enki::TaskSet>(
          1, [&results, i](enki::TaskSetPartition, std::uint32_t) { ++results[i]; }));
    }
    std::size_t run = 0;
    const auto begin = SteadyClock::now();
    for (std::size_t done = 0; done < tasks; done += window) {
      const std::size_t batch = std::min(window, tasks - done);
      for (std::size_t i = 0; i < batch; ++i) pool->AddTaskSetToPipe(sets[i].get());
      for (std::size_t i = 0; i < batch; ++i) pool->WaitforTask(sets[i].get());
    }
    const double seconds = seconds_since(begin);
    for (const std::uint64_t result : results) run += result;
    require_right(run == tasks);
    return seconds;
  };
  peers.push_back(std::move(peer));
}
#endif

}  // namespace

void add_found_peers([[maybe_unused]] std::vector<Peer>& peers, [[maybe_unused]] int workers) {
#if __has_include(<thread_pool/thread_pool.hpp>)
  add_rvaser(peers, workers);
#endif
#if __has_include(<BS_thread_pool.hpp>)
  add_bs(peers, workers);
#endif
#if __has_include(<taskflow/taskflow.hpp>)
  add_taskflow(peers, workers);
#endif
#if defined(TWINPOOL_HAS_DISPENSO)
  add_dispenso(peers, workers);
#endif
#if defined(TWINPOOL_HAS_ENKITS)
  add_enkits(peers, workers);
#endif
}

}  // namespace twinpool::bench::peers
