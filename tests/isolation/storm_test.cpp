// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <deque>
#include <random>
#include <thread>

#include "tests/isolation/workers.h"

/// C1, C3, C4 together: random SIGKILLs under load. TWINPOOL_STORM_SECONDS makes it longer than its 5
/// seconds.
namespace twinpool::isolation {
namespace {

constexpr std::uint64_t kMostTasks = 4'000'000;

std::uint64_t mix(std::uint64_t n) {
  for (int i = 0; i < 200; ++i) n = n * 6364136223846793005 + 1442695040888963407;
  return n;
}
std::string mixed(std::uint64_t n) {
  std::string text(n % 20'000, ' ');
  for (auto& letter : text) letter = static_cast<char>(n = n * 6364136223846793005 + 1442695040888963407);
  return text;
}
std::uint64_t small_task(Words runs, std::uint64_t n) {
  atomic_at(runs, n).fetch_add(1);
  return mix(n);
}
std::string large_task(Words runs, std::uint64_t n, const std::string& argument) {
  atomic_at(runs, n).fetch_add(1);
  if (argument != mixed(n + 1)) throw std::runtime_error("the argument changed on its way");
  return mixed(n);
}

std::chrono::seconds storm_length() {
  const char* const text = std::getenv("TWINPOOL_STORM_SECONDS");
  return std::chrono::seconds(text != nullptr ? std::max(1, std::atoi(text)) : 5);
}

struct Flying {
  std::uint64_t n;
  Future<std::uint64_t> small;
  Future<std::string> large;
};
struct Tally {
  std::uint64_t values = 0;
  std::uint64_t lost = 0;
  std::uint64_t wrong = 0;
  std::string first_wrong;
};

template <typename T>
void settle(Future<T>& future, const T& expected, std::uint64_t runs, Tally& tally) {
  auto outcome = outcome_of(future);
  const auto complain = [&](const std::string& what) {
    if (tally.wrong++ == 0) tally.first_wrong = what;
  };
  if (outcome) {
    ++tally.values;
    if (outcome.value() != expected) complain("a wrong value");
    if (runs != 1) complain("a value after " + std::to_string(runs) + " runs");
  } else if (outcome.failure().kind == FailureKind::kWorkerLost) {
    ++tally.lost;
    if (runs > 1) complain("a lost task that ran " + std::to_string(runs) + " times");
  } else {
    complain(outcome.failure().message);
  }
}

void storm(int workers, milliseconds between_kills, std::size_t window) {
  const auto before = held_now();
  {
    ProcessPool pool(unlimited({.workers = workers, .queue_capacity = 256}));
    const auto runs = pool.make_shared_buffer<std::uint32_t>(kMostTasks);
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> kills{0};
    std::thread killer([&] {
      std::mt19937 random(1234);
      while (!done) {
        const auto pids = pool.worker_pids();
        if (!pids.empty() && kill(pids[random() % pids.size()], SIGKILL) == 0) ++kills;
        std::this_thread::sleep_for(between_kills);
      }
    });

    Tally tally;
    std::deque<Flying> flying;
    const auto settle_oldest = [&] {
      auto task = std::move(flying.front());
      flying.pop_front();
      const auto count = [&] { return std::uint64_t{atomic_at(runs, task.n).load()}; };
      if (task.small.valid()) {
        task.small.wait_for(kPatience);
        settle(task.small, mix(task.n), count(), tally);
      } else {
        task.large.wait_for(kPatience);
        settle(task.large, mixed(task.n), count(), tally);
      }
    };
    const auto end = Clock::now() + storm_length();
    std::uint64_t n = 0;
    for (; n < kMostTasks && Clock::now() < end; ++n) {
      Flying task{.n = n, .small = {}, .large = {}};
      if (n % 16 == 0) {
        task.large = pool.submit<large_task>(runs, n, mixed(n + 1));
      } else {
        task.small = pool.submit<small_task>(runs, n);
      }
      flying.push_back(std::move(task));
      if (flying.size() >= window) settle_oldest();
    }
    while (!flying.empty()) settle_oldest();
    done = true;
    killer.join();

    EXPECT_EQ(tally.wrong, 0U) << "the first: " << tally.first_wrong;
    EXPECT_EQ(tally.values + tally.lost, n);
    EXPECT_GT(tally.values, 0U);
    EXPECT_GT(kills.load(), 0U);
    // No task may run twice, and this is known for certain only now.
    for (std::uint64_t i = 0; i < n; ++i)
      ASSERT_LE(atomic_at(runs, i).load(), 1U) << "task " << i << " ran twice";
    EXPECT_TRUE(eventually([&] { return pool.stats().workers_alive() == workers; }));
    const auto stats = pool.stats();
    EXPECT_EQ(stats.submitted, n);
    EXPECT_EQ(stats.completed, tally.values);
    EXPECT_EQ(stats.lost, tally.lost);
    EXPECT_EQ(stats.pending, 0U);
    EXPECT_LE(stats.worker_deaths, kills.load());
    EXPECT_LE(tally.lost, stats.worker_deaths) << "a death lost more than one task";
    ::testing::Test::RecordProperty("tasks", std::to_string(n));
    ::testing::Test::RecordProperty("kills", std::to_string(kills.load()));
    ::testing::Test::RecordProperty("lost", std::to_string(tally.lost));
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; }))
      << conformance::difference(before, held_now());
}

TEST(Storm, C1_C3_C4_AWorkerKilledEveryTwentyMillisecondsUnderLoad) { storm(2, milliseconds(20), 64); }
TEST(Storm, C1_C3_C4_AWorkerKilledEveryTwoMillisecondsUnderLoad) { storm(3, milliseconds(2), 64); }
TEST(Storm, C1_C3_C4_OneTaskAtATimeUnderKills) { storm(2, milliseconds(5), 1); }

}  // namespace
}  // namespace twinpool::isolation
