// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "processes/launcher.h"
#include "processes/process_pool.h"
#include "tests/conformance/resources.h"
#include "threads/thread_pool.h"

/// Everything at once: priorities, keys, limits, cancels, retries, payloads up to 256 KiB, tasks that throw,
/// crash, listen or do not; workers killed, stopped and continued; pause, reload, resize. At the end the
/// numbers balance exactly and nothing is left (C1, C2, C5, C7, C8, C10, C13).
///
/// TWINPOOL_STORM_SECONDS: length of each of the four runs, 15 unless told. TWINPOOL_STORM_SEED: repeats the
/// choices of an earlier run (not its timing).
namespace twinpool::chaos {
namespace {

using conformance::difference;
using conformance::held_now;
using processes::Launcher;
using processes::ProcessPool;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using threads::ThreadPool;

constexpr int kMostWorkers = 4;
constexpr std::uint64_t kSubmitters = 3;
constexpr std::uint64_t kMostTasks = 3'000'000;  // of all submitters
constexpr std::size_t kLargestPayload = std::size_t{256} << 10;
constexpr seconds kPatience{60};

using RunCounts = SharedBuffer<std::uint8_t>;

std::uint64_t mixed(std::uint64_t n) {
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
  n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
  return n ^ (n >> 31);
}

/// Text that every process has from the start; a payload is a part of it.
const std::string kText = [] {
  std::string text(kLargestPayload + 4096, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(mixed(i));
  return text;
}();
std::string_view payload(std::uint64_t n, std::size_t size) {
  return std::string_view(kText).substr(mixed(n) % 4096, size);
}

enum class Kind : std::uint8_t { kQuick, kListens, kDeaf, kThrows, kCrashes, kEndless };

/// What is asked of task `n`: a pure function, so that the end of the storm knows it as well as its
/// beginning.
struct Plan {
  Kind kind = Kind::kQuick;
  std::size_t argument_bytes = 0;
  std::size_t result_bytes = 0;
  int priority = 0;
  int retry = 0;
  milliseconds wait_limit{0};  // 0: none
  milliseconds run_limit{0};
  std::optional<std::uint64_t> key;
  bool cancel = false;
  bool drop = false;
  bool plain = false;  // submitted without a `with`
};

std::size_t payload_bytes(std::uint64_t random) {
  const std::size_t most = std::size_t{1} << (random % 19);
  return random % 5 == 0 ? 0 : mixed(random) % (most + 1);
}

Plan plan_of(std::uint64_t seed, std::uint64_t n, bool can_crash) {
  std::mt19937_64 random(mixed(seed + n));
  const auto one_in = [&](unsigned many) { return random() % many == 0; };
  Plan plan;
  const auto dice = random() % 100;
  plan.kind = dice < 82   ? Kind::kQuick
              : dice < 88 ? Kind::kListens
              : dice < 92 ? Kind::kDeaf
              : dice < 96 ? Kind::kThrows
              : dice < 98 ? Kind::kCrashes
                          : Kind::kEndless;
  if (!can_crash && plan.kind >= Kind::kCrashes) plan.kind = Kind::kQuick;
  plan.argument_bytes = payload_bytes(random());
  plan.result_bytes = payload_bytes(random());
  plan.drop = one_in(20);
  plan.plain = plan.kind == Kind::kQuick && one_in(3);
  if (plan.plain) return plan;
  plan.priority = static_cast<int>(random() % kPriorityLevels) + kLowestPriority;
  plan.retry = one_in(2) ? static_cast<int>(random() % 4) : 0;
  if (one_in(4)) plan.wait_limit = milliseconds(1 + random() % 60);
  if (one_in(4) || plan.kind == Kind::kEndless) plan.run_limit = milliseconds(1 + random() % 40);
  if (one_in(5)) plan.key = random() % 10;
  plan.cancel = one_in(8);
  return plan;
}

std::string perform(const std::stop_token& stop, Kind kind, std::uint64_t n, std::string_view argument,
                    std::uint64_t result_bytes) {
  if (argument != payload(n, argument.size())) throw std::logic_error("the argument changed on its way");
  const auto end = Clock::now() + milliseconds(20);
  const volatile bool for_ever = kind == Kind::kEndless;
  switch (kind) {
    case Kind::kListens:
      while (!stop.stop_requested() && Clock::now() < end) std::this_thread::sleep_for(microseconds(200));
      break;
    case Kind::kDeaf:
    case Kind::kEndless:
      while (for_ever || Clock::now() < end) {
      }
      break;
    case Kind::kThrows:
      throw std::domain_error("as planned");
    case Kind::kCrashes:
      raise(SIGSEGV);
      break;
    case Kind::kQuick:
      break;
  }
  return std::string(payload(n + 1, result_bytes));
}
std::string work(std::stop_token stop, RunCounts runs, std::uint64_t n, std::uint8_t kind,
                 std::string_view argument, std::uint64_t result_bytes) {
  std::atomic_ref(runs[n]).fetch_add(1);
  return perform(stop, static_cast<Kind>(kind), n, argument, result_bytes);
}
std::string plain_work(RunCounts runs, std::uint64_t n, std::string_view argument,
                       std::uint64_t result_bytes) {
  std::atomic_ref(runs[n]).fetch_add(1);
  return perform({}, Kind::kQuick, n, argument, result_bytes);
}

struct Tally {
  std::uint64_t submitted = 0, refused = 0, dropped = 0, stuck = 0, wrong = 0;
  std::uint64_t values = 0, threw = 0, cancelled = 0, timed_out = 0, lost = 0;
  std::vector<std::uint64_t> refused_tasks;
  std::string first_wrong;

  void complain(std::uint64_t n, const std::string& what) {
    if (wrong++ == 0) first_wrong = "task " + std::to_string(n) + ": " + what;
  }
  void add(const Tally& other) {
    submitted += other.submitted;
    refused += other.refused;
    dropped += other.dropped;
    stuck += other.stuck;
    wrong += other.wrong;
    values += other.values;
    threw += other.threw;
    cancelled += other.cancelled;
    timed_out += other.timed_out;
    lost += other.lost;
    refused_tasks.insert(refused_tasks.end(), other.refused_tasks.begin(), other.refused_tasks.end());
    if (first_wrong.empty()) first_wrong = other.first_wrong;
  }
};

/// What all threads of one storm share.
struct Storm {
  Pool& pool;
  RunCounts runs;
  std::uint64_t seed;
  bool processes;
  std::atomic<bool> over{false};
};

/// One thread's submissions: a window of tasks, each checked as it settles.
class Submitter {
 public:
  Submitter(Storm& storm, std::uint64_t number)
      : storm_(storm),
        next_(number * (kMostTasks / kSubmitters)),
        end_(next_ + kMostTasks / kSubmitters),
        window_(std::size_t{8} << (2 * number)),
        random_(storm.seed + number) {}

  Tally run() {
    while (!storm_.over.load() && next_ < end_ && tally_.stuck == 0) {
      submit(next_++);
      if (flying_.size() >= window_) settle_first();
    }
    while (!flying_.empty()) settle_first();
    return std::move(tally_);
  }
  [[nodiscard]] std::uint64_t next() const { return next_; }

 private:
  struct Flying {
    std::uint64_t n = 0;
    Plan plan;
    Future<std::string> future;
  };

  void submit(std::uint64_t n) {
    const Plan plan = plan_of(storm_.seed, n, storm_.processes);
    auto submission = hand_over(n, plan);
    if (!submission) {
      ++tally_.refused;
      tally_.refused_tasks.push_back(n);
      if (submission.error() != SubmitError::kOutOfMemory && submission.error() != SubmitError::kQueueFull) {
        tally_.complain(n, "refused: " + std::string(sentence_of(submission.error())));
      }
      return;
    }
    ++tally_.submitted;
    if (plan.drop) {
      if (plan.cancel) static_cast<void>(submission.future().cancel());
      ++tally_.dropped;
      return;
    }
    flying_.push_back({.n = n, .plan = plan, .future = std::move(submission.future())});
    // Cancelled at once, or when it is likely to run.
    const auto& victim = flying_[flying_.size() - 1 - random_() % std::min<std::size_t>(flying_.size(), 6)];
    if (victim.plan.cancel) static_cast<void>(victim.future.cancel());
  }

  Submission<std::string> hand_over(std::uint64_t n, const Plan& plan) {
    const auto argument = payload(n, plan.argument_bytes);
    const auto result_bytes = static_cast<std::uint64_t>(plan.result_bytes);
    if (plan.plain) return storm_.pool.try_submit<plain_work>(storm_.runs, n, argument, result_bytes);
    with options{.priority = plan.priority, .retry = plan.retry, .key = plan.key};
    if (plan.wait_limit.count() > 0) options.wait_limit = plan.wait_limit;
    if (plan.run_limit.count() > 0) options.run_limit = plan.run_limit;
    return storm_.pool.try_submit<work>(options, storm_.runs, n, static_cast<std::uint8_t>(plan.kind),
                                        argument, result_bytes);
  }

  void settle_first() {
    Flying first = std::move(flying_.front());
    flying_.pop_front();
    if (!first.future.wait_for(tally_.stuck == 0 ? std::chrono::nanoseconds(kPatience) : milliseconds(10))) {
      if (tally_.stuck++ == 0) tally_.first_wrong = "task " + std::to_string(first.n) + " never settled";
      return;
    }
    check(first, first.future.outcome());
  }

  void check(const Flying& task, const Outcome<std::string>& outcome) {
    const auto runs = int{std::atomic_ref(storm_.runs[task.n]).load()};
    const Plan& plan = task.plan;
    if (outcome) {
      ++tally_.values;
      if (outcome.value() != payload(task.n + 1, plan.result_bytes)) tally_.complain(task.n, "a wrong value");
      if (plan.kind >= Kind::kThrows) tally_.complain(task.n, "a value where there can be none");
      if (runs < 1) tally_.complain(task.n, "a value without a run");
      return;
    }
    const Failure& failure = outcome.failure();
    bool expected = false;
    switch (failure.kind) {
      case FailureKind::kThrew:
        ++tally_.threw;
        expected = plan.kind == Kind::kThrows;
        break;
      case FailureKind::kOutOfMemory:
        ++tally_.threw;  // counted as failed
        expected = storm_.processes;
        break;
      case FailureKind::kCancelled:
        ++tally_.cancelled;
        expected = true;  // somebody cancels all that waits now and then
        break;
      case FailureKind::kTimedOut:
        ++tally_.timed_out;
        expected = plan.wait_limit.count() + plan.run_limit.count() > 0;
        break;
      case FailureKind::kWorkerLost:
        ++tally_.lost;
        expected = storm_.processes && failure.loss && failure.loss->was_running;
        break;
      default:
        break;
    }
    if (!expected) tally_.complain(task.n, std::string(name_of(failure.kind)) + ": " + failure.message);
  }

  Storm& storm_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::size_t window_;
  std::mt19937_64 random_;
  std::deque<Flying> flying_;
  Tally tally_;
};

/// What is done to the pool itself, at random; ends with the pool as it was.
class Weather {
 public:
  Weather(Storm& storm, ProcessPool* processes)
      : storm_(storm), processes_(processes), random_(storm.seed ^ 0x5eed) {}

  void rage(Clock::time_point end) {
    while (Clock::now() < end) {
      std::this_thread::sleep_for(microseconds(random_() % 10'000));
      switch (random_() % 12) {
        case 0:
          storm_.pool.pause();
          std::this_thread::sleep_for(microseconds(random_() % 3'000));
          storm_.pool.resume();
          break;
        case 1:
          static_cast<void>(storm_.pool.reload(milliseconds(random_() % 50)));
          break;
        case 2:
          storm_.pool.resize(static_cast<int>(1 + random_() % kMostWorkers));
          break;
        case 3:
          storm_.pool.resize({1, kMostWorkers});
          break;
        case 4:
          if (random_() % 8 == 0) static_cast<void>(storm_.pool.cancel_queued());
          break;
        case 5:
          static_cast<void>(storm_.pool.stats());
          break;
        default:
          strike();
      }
    }
    storm_.pool.resume();
    storm_.pool.resize({1, kMostWorkers});
  }

 private:
  void strike() {
    if (processes_ == nullptr) return;
    const auto pids = processes_->worker_pids();
    if (pids.empty()) return;
    const int pid = pids[random_() % pids.size()];
    if (random_() % 3 != 0) {
      ::kill(pid, SIGKILL);
      return;
    }
    if (::kill(pid, SIGSTOP) != 0) return;
    std::this_thread::sleep_for(microseconds(random_() % 30'000));
    ::kill(pid, SIGCONT);
  }

  Storm& storm_;
  ProcessPool* processes_;
  std::mt19937_64 random_;
};

std::string describe(const PoolStats& stats) {
  std::ostringstream text;
  text << "submitted " << stats.submitted << " completed " << stats.completed << " failed " << stats.failed
       << " cancelled " << stats.cancelled << " timed out " << stats.timed_out << " lost " << stats.lost
       << " closed " << stats.rejected_later << " pending " << stats.pending << " refused " << stats.refused
       << " retried " << stats.retried << " recycled " << stats.recycled << " deaths " << stats.worker_deaths
       << (stats.degraded ? " degraded" : "");
  return text.str();
}

void expect_within(std::uint64_t counted, std::uint64_t seen, std::uint64_t unseen, const char* what) {
  EXPECT_GE(counted, seen) << what;
  EXPECT_LE(counted, seen + unseen) << what;
}

/// C13, exactly; of dropped Futures the kind of end is the pool's word.
void check_numbers(const PoolStats& stats, const Tally& all) {
  EXPECT_EQ(stats.submitted, all.submitted);
  EXPECT_EQ(stats.refused, all.refused);
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(stats.rejected_later, 0U);
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled + stats.timed_out + stats.lost);
  EXPECT_EQ(all.submitted, all.values + all.threw + all.cancelled + all.timed_out + all.lost + all.dropped);
  expect_within(stats.completed, all.values, all.dropped, "completed");
  expect_within(stats.failed, all.threw, all.dropped, "failed");
  expect_within(stats.cancelled, all.cancelled, all.dropped, "cancelled");
  expect_within(stats.timed_out, all.timed_out, all.dropped, "timed out");
  expect_within(stats.lost, all.lost, all.dropped, "lost");
}

/// C2 and C5, which are known for certain only when all is over.
void check_runs(const Storm& storm, const std::deque<Submitter>& submitters, const Tally& all) {
  for (std::uint64_t s = 0; s < kSubmitters; ++s) {
    for (std::uint64_t n = s * (kMostTasks / kSubmitters); n < submitters[s].next(); ++n) {
      ASSERT_LE(int{storm.runs[n]}, 1 + plan_of(storm.seed, n, storm.processes).retry) << "task " << n;
    }
  }
  for (const auto n : all.refused_tasks) ASSERT_EQ(int{storm.runs[n]}, 0) << "refused task " << n << " ran";
}

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

PoolOptions stormy(DispatchOptions dispatch) {
  PoolOptions options{.workers = {1, kMostWorkers},
                      .idle_timeout = milliseconds(20),
                      .queue_capacity = 128,
                      .when_full = WhenFull::kBlock,
                      .block_limit = kPatience,
                      .dispatch = std::move(dispatch),
                      .grace = milliseconds(5),
                      .max_spares = 4,
                      .recycling = {.max_tasks = 5'000}};
  options.processes.max_shared_bytes = std::size_t{256} << 20;
  options.processes.restart = {.intensity = 1'000'000,
                               .period = milliseconds(1'000),
                               .start_failures = 1'000'000,
                               .backoff_first = milliseconds(1),
                               .backoff_limit = milliseconds(5)};
  options.processes.core_bytes = 0;
  return options;
}

void rage(Pool& pool, ProcessPool* processes, std::uint64_t seed) {
  Storm storm{.pool = pool,
              .runs = pool.make_shared_buffer<std::uint8_t>(kMostTasks),
              .seed = seed,
              .processes = processes != nullptr};
  std::deque<Submitter> submitters;  // they stay where they are
  for (std::uint64_t s = 0; s < kSubmitters; ++s) submitters.emplace_back(storm, s);
  std::vector<Tally> tallies(kSubmitters);
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < kSubmitters; ++s) {
    threads.emplace_back([&tallies, &submitters, s] { tallies[s] = submitters[s].run(); });
  }
  Weather(storm, processes)
      .rage(Clock::now() + seconds(std::max<std::uint64_t>(1, number_in("TWINPOOL_STORM_SECONDS", 15))));
  storm.over.store(true);
  for (auto& thread : threads) thread.join();
  Tally all;
  for (const auto& tally : tallies) all.add(tally);

  ASSERT_EQ(all.stuck, 0U) << all.first_wrong << "; " << describe(pool.stats());
  EXPECT_EQ(all.wrong, 0U) << all.first_wrong;
  EXPECT_TRUE(pool.drain(kPatience));
  const auto stats = pool.stats();
  std::printf("%s\n", describe(stats).c_str());
  check_numbers(stats, all);
  check_runs(storm, submitters, all);
  EXPECT_GT(all.values, 0U);
}

void storm(const char* name, DispatchOptions dispatch, bool of_processes) {
  const auto seed = number_in("TWINPOOL_STORM_SEED", std::random_device{}());
  std::printf("%s: TWINPOOL_STORM_SEED=%llu\n", name, static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  const auto launcher = Launcher::start();  // before there are threads
  const auto before = held_now();
  {
    std::unique_ptr<Pool> pool;
    ProcessPool* processes = nullptr;
    if (of_processes) {
      auto made = std::make_unique<ProcessPool>(stormy(std::move(dispatch)));
      processes = made.get();
      pool = std::move(made);
    } else {
      pool = std::make_unique<ThreadPool>(stormy(std::move(dispatch)));
    }
    rage(*pool, processes, seed);
    EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }))
        << pool->stats().shared_bytes_in_use << " bytes of the segment are still in use";
  }
  EXPECT_TRUE(eventually([&] { return held_now() == before; })) << difference(before, held_now());
}

DispatchOptions own_queues(Strategy strategy, bool stealing) {
  return {.strategy = strategy, .stealing = stealing, .weights = {}, .choose = {}};
}

TEST(MixedStorm, ProcessesThatShareOneQueue) { storm("processes, shared queue", {}, true); }
TEST(MixedStorm, ProcessesThatStealFromEachOther) {
  storm("processes, least busy, stealing", own_queues(Strategy::kLeastBusy, true), true);
}
TEST(MixedStorm, ProcessesThatKeepTheirOwnQueues) {
  storm("processes, round robin, no stealing", own_queues(Strategy::kRoundRobin, false), true);
}
TEST(MixedStorm, ThreadsThatStealFromEachOther) {
  storm("threads, round robin, stealing", own_queues(Strategy::kRoundRobin, true), false);
}

}  // namespace
}  // namespace twinpool::chaos
