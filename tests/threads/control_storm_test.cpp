// SPDX-License-Identifier: Apache-2.0
// Everything that can end a task, at once: each task settles once, nothing leaks, the numbers balance.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "threads/thread_pool.h"

namespace twinpool::threads {
namespace {

/// Counts how many of it there are.
struct Counted {
  static inline std::atomic<int> alive{0};
  int value = 0;
  explicit Counted(int number) : value(number) { alive.fetch_add(1); }
  Counted(const Counted& other) : value(other.value) { alive.fetch_add(1); }
  ~Counted() { alive.fetch_sub(1); }
};

}  // namespace
}  // namespace twinpool::threads

template <>
struct twinpool::Codec<twinpool::threads::Counted> {
  static void encode(Writer& out, const threads::Counted& counted) { out.put(counted.value); }
  static threads::Counted decode(Reader& in) { return threads::Counted(in.get<int>()); }
};

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

Counted work(const std::stop_token& stop, Counted counted, int microseconds) {
  const auto end = Clock::now() + std::chrono::microseconds(microseconds);
  while (Clock::now() < end && !stop.stop_requested()) std::this_thread::yield();
  if (counted.value % 7 == 0) throw counted.value;
  return counted;
}
Counted quick(Counted counted) { return counted; }

struct Settled final : Continuation {
  void settled() noexcept override {
    state->release();
    count.fetch_add(1);
  }
  TaskState* state = nullptr;
  static inline std::atomic<int> count{0};
};

with random_wish(std::mt19937& random, const std::stop_source& source) {
  with wish;
  if (random() % 2 == 0) wish.priority = static_cast<int>(random() % kPriorityLevels) + kLowestPriority;
  if (random() % 4 == 0) wish.wait_limit = std::chrono::microseconds(1 + random() % 300);
  if (random() % 4 == 0) wish.run_limit = std::chrono::microseconds(1 + random() % 300);
  if (random() % 4 == 0) wish.stop = source.get_token();
  if (random() % 4 == 0) wish.key = random() % 5;
  return wish;
}

void submit_many(ThreadPool& pool, unsigned seed, int tasks, std::vector<Settled>& continuations) {
  std::mt19937 random(seed);
  std::stop_source source;
  std::vector<Future<Counted>> held;
  for (int i = 0; i < tasks; ++i) {
    const int number = static_cast<int>(random() % 1000);
    auto submission = random() % 3 == 0 ? pool.try_submit<quick>(Counted(number))
                                        : pool.try_submit<work>(random_wish(random, source), Counted(number),
                                                                static_cast<int>(random() % 100));
    if (!submission) continue;
    if (random() % 3 == 0) (void)submission.future().cancel();
    if (random() % 3 == 0) {
      auto& continuation = continuations[static_cast<std::size_t>(i)];
      continuation.state = submission.future().detach();
      continuation.state->when_settled(continuation);
    } else if (random() % 2 == 0) {
      held.push_back(std::move(submission.future()));
    }
    if (random() % 16 == 0) std::exchange(source, std::stop_source()).request_stop();
    if (random() % 64 == 0) (void)pool.cancel_queued();
    while (held.size() > 8) {
      auto& future = held[random() % held.size()];
      if (random() % 4 == 0) (void)future.cancel();
      (void)future.outcome();
      std::swap(future, held.back());
      held.pop_back();
    }
  }
}

void storm(PoolOptions options, bool drain) {
  constexpr int kTasks = 1500;
  std::vector<std::vector<Settled>> continuations(3);
  for (auto& some : continuations) some = std::vector<Settled>(kTasks);
  Settled::count.store(0);
  PoolStats stats;
  {
    ThreadPool pool(std::move(options));
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < continuations.size(); ++i) {
      threads.emplace_back([&, i] { submit_many(pool, i + 1, kTasks, continuations[i]); });
    }
    for (int i = 0; i < 20; ++i) {
      pool.pause();
      std::this_thread::yield();
      pool.resume();
    }
    if (!drain) (void)pool.stop(1ms);
    for (auto& thread : threads) thread.join();
    if (drain) {
      EXPECT_TRUE(pool.drain(60s));
    }
    stats = pool.stats();
  }
  EXPECT_EQ(stats.pending, drain ? 0U : stats.pending);
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled + stats.timed_out +
                                 stats.rejected_later + stats.pending);
  int wanted = 0;
  for (const auto& some : continuations) {
    for (const auto& continuation : some) wanted += continuation.state != nullptr ? 1 : 0;
  }
  EXPECT_EQ(Settled::count.load(), wanted);
  // A worker that was left behind may still have its arguments.
  while (Counted::alive.load() != 0) std::this_thread::yield();
}

TEST(ControlStorm, BalancesWithStealing) {
  storm({.workers = 3, .queue_capacity = 50, .when_full = WhenFull::kBlock, .grace = 1ms}, true);
}

TEST(ControlStorm, BalancesWithOwnQueues) {
  storm({.workers = 3,
         .queue_capacity = 50,
         .when_full = WhenFull::kRunInCaller,
         .dispatch = {.strategy = Strategy::kRoundRobin, .stealing = false},
         .grace = 1ms},
        true);
}

TEST(ControlStorm, BalancesWhenStoppedInTheMidst) {
  for (int i = 0; i < 5; ++i) {
    storm({.workers = 2, .queue_capacity = 20, .wait_limit = 1ms, .run_limit = 50us, .grace = 0ms}, false);
  }
}

}  // namespace
}  // namespace twinpool::threads
