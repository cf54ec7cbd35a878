// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace twinpool::bench::micro {

/// The thread pool that everybody writes first: one mutex, one condition variable, one deque. It is what the
/// twins are measured against, so it is written well, but with nothing beyond that.
///
/// Threads: `submit` from any thread.
class PlainPool {
 public:
  using Task = std::packaged_task<std::uint64_t()>;

  explicit PlainPool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  PlainPool(const PlainPool&) = delete;
  PlainPool& operator=(const PlainPool&) = delete;
  ~PlainPool() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  std::future<std::uint64_t> submit(Task task) {
    auto future = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    // After the unlock: a worker that wakes up must not find the mutex taken.
    changed_.notify_one();
    return future;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Task task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;  // guards the two below
  std::deque<Task> queue_;
  bool closed_ = false;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
};

}  // namespace twinpool::bench::micro
