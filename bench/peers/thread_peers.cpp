// SPDX-License-Identifier: Apache-2.0
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "bench/micro/plain_pool.h"
#include "bench/peers/drive.h"
#include "bench/peers/twins.h"
#include "threads/thread_pool.h"

namespace twinpool::bench::peers {
namespace {

void add_thread_twin(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<threads::ThreadPool>(twin_options(workers));
  Peer peer{.name = "twinpool threads", .kind = Kind::kThreads};
  give_twin(peer, pool);
  give_fib(peer, [pool](int n) {
    pool_of_fib = pool.get();
    return pool->submit<fib_by_tasks>(n).get();
  });
  peers.push_back(std::move(peer));
}

void add_plain(std::vector<Peer>& peers, int workers) {
  using micro::PlainPool;
  const auto pool = std::make_shared<PlainPool>(workers);
  Peer peer{.name = "mutex + condvar + deque", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return pool->submit(PlainPool::Task([i] { return i; })); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally, [pool, &tally](std::uint64_t) {
    static_cast<void>(pool->submit(PlainPool::Task([&tally] { return tally.count(), std::uint64_t{0}; })));
  });
  peers.push_back(std::move(peer));
}

void add_asio(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<boost::asio::thread_pool>(static_cast<std::size_t>(workers));
  Peer peer{.name = "Boost.Asio thread_pool", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) {
    return boost::asio::post(*pool, std::packaged_task<std::uint64_t()>([i] { return i; }));
  });
  Tally& tally = Tally::instance();
  give_forget(peer, tally,
              [pool, &tally](std::uint64_t) { boost::asio::post(*pool, [&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}

void add_std_async(std::vector<Peer>& peers) {
  Peer peer{.name = "std::async", .kind = Kind::kThreads, .note = "a thread a task"};
  give_windows(peer,
               [](std::uint64_t i) { return std::async(std::launch::async, [i] { return i; }); });
  peer.most_window = 64;
  peers.push_back(std::move(peer));
}

/// One queue of moodycamel's, and threads that wait at it.
class QueuePool {
 public:
  using Task = std::function<void()>;

  explicit QueuePool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  QueuePool(const QueuePool&) = delete;
  ~QueuePool() {
    for (std::size_t i = 0; i < threads_.size(); ++i) queue_.enqueue(Task());
  }
  void post(Task task) { queue_.enqueue(std::move(task)); }
  std::future<std::uint64_t> submit(std::uint64_t number) {
    auto task = std::make_shared<std::packaged_task<std::uint64_t()>>([number] { return number; });
    auto future = task->get_future();
    post([task = std::move(task)] { (*task)(); });
    return future;
  }

 private:
  void work() {
    for (Task task;;) {
      queue_.wait_dequeue(task);
      if (!task) return;
      task();
    }
  }

  moodycamel::BlockingConcurrentQueue<Task> queue_;
  std::vector<std::jthread> threads_;
};

void add_moodycamel(std::vector<Peer>& peers, int workers) {
  const auto pool = std::make_shared<QueuePool>(workers);
  Peer peer{.name = "moodycamel::ConcurrentQueue", .kind = Kind::kThreads};
  give_windows(peer, [pool](std::uint64_t i) { return pool->submit(i); });
  Tally& tally = Tally::instance();
  give_forget(peer, tally, [pool, &tally](std::uint64_t) { pool->post([&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}

/// An arena of so many workers beside the caller, who takes no part unless it waits in the arena.
struct Tbb {
  explicit Tbb(int workers)
      : control(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers) + 1),
        arena(workers + 1, 1) {}
  tbb::global_control control;
  tbb::task_arena arena;
};

void add_tbb_arena(std::vector<Peer>& peers, const std::shared_ptr<Tbb>& tbb) {
  Peer peer{.name = "oneTBB task_arena", .kind = Kind::kThreads};
  give_windows(peer, [tbb](std::uint64_t i) {
    auto task = std::make_shared<std::packaged_task<std::uint64_t()>>([i] { return i; });
    auto future = task->get_future();
    tbb->arena.enqueue([task = std::move(task)] { (*task)(); });
    return future;
  });
  Tally& tally = Tally::instance();
  give_forget(peer, tally,
              [tbb, &tally](std::uint64_t) { tbb->arena.enqueue([&tally] { tally.count(); }); });
  peers.push_back(std::move(peer));
}

std::uint64_t fib_by_groups(int n) {
  if (n < 2) return static_cast<std::uint64_t>(n);
  std::uint64_t left = 0;
  std::uint64_t right = 0;
  tbb::task_group group;
  group.run([n, &left] { left = fib_by_groups(n - 1); });
  group.run([n, &right] { right = fib_by_groups(n - 2); });
  group.wait();
  return left + right;
}

void add_tbb_group(std::vector<Peer>& peers, const std::shared_ptr<Tbb>& tbb) {
  Peer peer{.name = "oneTBB task_group",
            .kind = Kind::kThreads,
            .note = "no futures: batches of a window; who waits runs tasks, too"};
  peer.shares_submitters = false;  // the arena has one place for a thread that is no worker
  peer.windowed = [tbb](std::size_t tasks, std::size_t window, int) {
    std::vector<std::uint64_t> results(window);
    std::uint64_t sum = 0;
    const auto begin = SteadyClock::now();
    tbb->arena.execute([&] {
      tbb::task_group group;
      for (std::size_t done = 0; done < tasks; done += window) {
        const std::size_t batch = std::min(window, tasks - done);
        for (std::size_t i = 0; i < batch; ++i) group.run([&results, i, done] { results[i] = done + i; });
        group.wait();
        for (std::size_t i = 0; i < batch; ++i) sum += results[i];
      }
    });
    const double seconds = seconds_since(begin);
    require_right(sum == sum_of(0, tasks));
    return seconds;
  };
  Tally& tally = Tally::instance();
  peer.forget = [tbb, &tally](std::size_t tasks) {
    double seconds = 0;
    tbb->arena.execute([&] {
      tbb::task_group group;
      const auto post = [&](std::uint64_t) { group.run([&tally] { tally.count(); }); };
      const std::uint64_t before = tally.sum();
      const auto begin = SteadyClock::now();
      for (std::size_t i = 0; i < tasks; ++i) post(i);
      group.wait();
      seconds = seconds_since(begin);
      require_right(tally.sum() - before == tasks);
    });
    return seconds;
  };
  give_fib(peer, [tbb](int n) {
    std::uint64_t value = 0;
    tbb->arena.execute([&] { value = fib_by_groups(n); });
    return value;
  });
  peers.push_back(std::move(peer));
}

}  // namespace

void add_thread_peers(std::vector<Peer>& peers, int workers) {
  add_thread_twin(peers, workers);
  add_plain(peers, workers);
  add_asio(peers, workers);
  const auto tbb = std::make_shared<Tbb>(workers);
  add_tbb_group(peers, tbb);
  add_tbb_arena(peers, tbb);
  add_moodycamel(peers, workers);
  add_std_async(peers);
}

}  // namespace twinpool::bench::peers
