// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <map>
#include <thread>

#include "tests/isolation/workers.h"

/// C4: back to strength; and a crash loop is bounded, said in words, and ends when its cause does.
namespace twinpool::isolation {
namespace {

/// Kills every worker as soon as it is seen, and notes when each was.
class Slayer {
 public:
  explicit Slayer(const ProcessPool& pool) : pool_(pool), thread_([this] { slay(); }) {}
  Slayer(const Slayer&) = delete;
  Slayer& operator=(const Slayer&) = delete;
  ~Slayer() { rest(); }
  void rest() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::size_t seen() const { return seen_; }
  /// The most workers first seen within any one second. Requires rest().
  [[nodiscard]] std::size_t most_in_a_second(std::size_t initial) const {
    std::vector<Clock::time_point> times;
    for (const auto& [pid, time] : first_seen_) times.push_back(time);
    std::sort(times.begin(), times.end());
    std::size_t most = 0;
    for (std::size_t i = initial; i < times.size(); ++i) {
      const auto end = std::lower_bound(times.begin(), times.end(), times[i] + std::chrono::seconds(1));
      most = std::max(most, static_cast<std::size_t>(end - times.begin()) - i);
    }
    return most;
  }

 private:
  void slay() {
    while (!done_) {
      for (const int pid : pool_.worker_pids()) {
        if (!first_seen_.emplace(pid, Clock::now()).second) continue;
        kill(pid, SIGKILL);
        seen_ = first_seen_.size();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  const ProcessPool& pool_;
  std::atomic<bool> done_{false};
  std::atomic<std::size_t> seen_{0};
  std::map<int, Clock::time_point> first_seen_;
  std::thread thread_;
};

TEST(Restart, C4_ADeadWorkerIsReplacedByANewOneInItsPlace) {
  ProcessPool pool({.workers = 2});
  const auto before = pool.worker_pids();
  ASSERT_EQ(before.size(), 2U);
  ASSERT_EQ(kill(before[0], SIGKILL), 0);
  EXPECT_TRUE(eventually([&] {
    const auto now = pool.worker_pids();
    return now.size() == 2 && std::find(now.begin(), now.end(), before[0]) == now.end();
  }));
  EXPECT_TRUE(eventually([&] { return pool.stats().workers_alive() == 2; }));
  const auto stats = pool.stats();
  EXPECT_EQ(stats.worker_deaths, 1U);
  EXPECT_FALSE(stats.degraded);
}

TEST(Restart, C4_ACrashLoopIsBoundedFailsFastSaysSoAndRecovers) {
  PoolOptions options{.workers = 2, .queue_capacity = 64};
  options.processes.restart.intensity = 20;
  options.processes.restart.period = std::chrono::milliseconds(1000);
  ProcessPool pool(std::move(options));
  auto slayer = std::make_unique<Slayer>(pool);
  // Whatever is accepted while the loop goes on settles; what cannot run is refused or fails with its reason.
  std::vector<Future<int>> futures;
  bool refused_as_degraded = false;
  EXPECT_TRUE(eventually([&] {
    auto submission = pool.try_submit<identity>(7);
    if (submission) {
      futures.push_back(std::move(submission.future()));
    } else if (submission.error() == SubmitError::kDegraded) {
      refused_as_degraded = true;
    }
    return refused_as_degraded && pool.stats().degraded;
  }));
  for (auto& future : futures) {
    auto outcome = outcome_of(future);
    if (outcome) {
      EXPECT_EQ(outcome.value(), 7);
    } else {
      EXPECT_EQ(outcome.failure().kind, FailureKind::kWorkerLost);
      EXPECT_FALSE(outcome.failure().message.empty());
    }
  }
  bool told = false;
  for (const auto& worker : pool.stats().workers) told = told || !worker.last_death.empty();
  EXPECT_TRUE(told);
  // Watch it for two more attempts to recover.
  const auto seen = slayer->seen();
  EXPECT_TRUE(eventually([&] { return slayer->seen() >= seen + 2; })) << "recovery is not tried";
  slayer->rest();
  // A worker that gets a task done before it is seen counts as a recovery, after which as many may die again.
  EXPECT_LE(slayer->most_in_a_second(2), 2 * (20U + 1));

  EXPECT_TRUE(eventually([&] {
    auto submission = pool.try_submit<identity>(8);
    return submission.accepted() && outcome_of(submission.future()).has_value();
  }));
  EXPECT_TRUE(eventually([&] { return pool.stats().workers_alive() == 2 && !pool.stats().degraded; }));
  EXPECT_EQ(value_of(pool.submit<identity>(9)), 9);
}

TEST(Restart, C4_QueuedTasksFailFastWhenThePoolBecomesDegraded) {
  ProcessPool pool({.workers = 1, .queue_capacity = 64});
  Gate gate(pool);
  std::vector<Future<std::uint32_t>> futures;
  for (int i = 0; i < 30; ++i) futures.push_back(pool.submit<pass_gate>(gate.words()));
  Slayer slayer(pool);  // the gate stays closed: no task can finish
  for (auto& future : futures) EXPECT_EQ(failure_of(future).kind, FailureKind::kWorkerLost);
  EXPECT_EQ(gate.left(), 0U);
  slayer.rest();
}

TEST(Restart, C4_MoreDeathsThanTheIntensityMakeThePoolDegraded) {
  PoolOptions options{.workers = 2};
  options.processes.restart.intensity = 5;
  options.processes.restart.period = std::chrono::milliseconds(60'000);
  ProcessPool pool(options);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(failure_of(pool.submit<kill_own_worker>()).kind, FailureKind::kWorkerLost);
  EXPECT_FALSE(pool.stats().degraded);
  EXPECT_TRUE(eventually([&] {
    auto submission = pool.try_submit<kill_own_worker>();
    if (submission) static_cast<void>(outcome_of(submission.future()));
    return pool.stats().degraded;
  }));
}

TEST(Restart, C10_ADegradedPoolCanBeStopped) {
  const auto before = held_now();
  {
    ProcessPool pool({.workers = 2});
    Slayer slayer(pool);
    EXPECT_TRUE(eventually([&] { return pool.stats().degraded; }));
    slayer.rest();
    pool.stop(kPatience);
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

}  // namespace
}  // namespace twinpool::isolation
