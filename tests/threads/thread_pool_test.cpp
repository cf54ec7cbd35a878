// SPDX-License-Identifier: Apache-2.0
#include "threads/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "threads/pool_core.h"

namespace twinpool::threads {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Task functions take no pointers, so those that use their own pool find it here.
ThreadPool* pool_under_test = nullptr;
struct PoolUnderTest {
  explicit PoolUnderTest(PoolOptions options) : pool(options) { pool_under_test = &pool; }
  ThreadPool pool;
};

/// Lets tasks run until somebody opens it.
std::atomic<bool> gate_open{false};
std::atomic<int> at_gate{0};
int wait_at_gate(int value) {
  at_gate.fetch_add(1);
  while (!gate_open.load()) std::this_thread::yield();
  return value;
}
void close_gate() {
  gate_open.store(false);
  at_gate.store(0);
}
int add(int a, int b) { return a + b; }
std::string twice(const std::string& text) { return text + text; }
void fail(std::string_view why) { throw std::runtime_error(std::string(why)); }

TEST(ThreadPool, RunsTasksAndGivesTheirResults) {
  ThreadPool pool({.workers = 2});
  EXPECT_EQ(pool.submit<add>(2, 3).get(), 5);
  EXPECT_EQ(pool.submit<twice>("ab").get(), "abab");
  try {
    pool.submit<fail>("no luck").get();
    FAIL() << "the exception did not come back";
  } catch (const TaskError& error) {
    EXPECT_EQ(error.kind(), FailureKind::kThrew);
    EXPECT_EQ(error.failure().type_name, "std::runtime_error");
    EXPECT_EQ(error.failure().message, "no luck");
  }
}

TEST(ThreadPool, SaysWhatItKeeps) {
  ThreadPool pool({.workers = 1});
  const Guarantees guarantees = pool.guarantees();
  EXPECT_TRUE(guarantees.moves_arguments);
  EXPECT_TRUE(guarantees.nested_submission);
  EXPECT_FALSE(guarantees.survives_worker_death);
  EXPECT_FALSE(guarantees.running_task_can_be_ended);
}

using Large = std::array<std::uint64_t, 4096>;
Large count_up(const Large& from, std::uint64_t step) {
  Large to{};
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = from[i] + step;
  return to;
}

TEST(ThreadPool, CarriesWhatIsTooLargeForASlot) {
  ThreadPool pool({.workers = 1});
  Large numbers{};
  std::iota(numbers.begin(), numbers.end(), 0U);
  const Large result = pool.submit<count_up>(numbers, 7U).get();
  EXPECT_EQ(result.front(), 7U);
  EXPECT_EQ(result.back(), 4095U + 7U);
  (void)pool.submit<count_up>(numbers, 1U);  // nobody takes this one
}

struct alignas(128) Aligned {
  std::uint64_t value;
};
bool is_aligned(const Aligned& value) { return reinterpret_cast<std::uintptr_t>(&value) % 128 == 0; }

TEST(ThreadPool, KeepsTheAlignmentOfArguments) {
  ThreadPool pool({.workers = 1});
  EXPECT_TRUE(pool.submit<is_aligned>(Aligned{1}).get());
}

/// Throws when copied while `armed`.
struct Fragile {
  static inline bool armed = false;
  int value = 0;
  Fragile() = default;
  Fragile(const Fragile& other) : value(other.value) {
    if (armed) throw std::runtime_error("copy failed");
  }
};
}  // namespace
}  // namespace twinpool::threads

template <>
struct twinpool::Codec<twinpool::threads::Fragile> {
  static void encode(Writer& out, const threads::Fragile& fragile) { out.put(fragile.value); }
  static threads::Fragile decode(Reader& in) {
    threads::Fragile fragile;
    fragile.value = in.get<int>();
    return fragile;
  }
};

namespace twinpool::threads {
namespace {

int value_of(const Fragile& fragile) { return fragile.value; }

TEST(ThreadPool, ForgetsATaskWhoseArgumentsCannotBeCopied) {
  ThreadPool pool({.workers = 1, .queue_capacity = 1});
  Fragile fragile;
  Fragile::armed = true;
  // More often than the pool has room: each failure gives its place back.
  for (int i = 0; i < 10; ++i) EXPECT_THROW((void)pool.submit<value_of>(fragile), std::runtime_error);
  Fragile::armed = false;
  EXPECT_EQ(pool.submit<value_of>(fragile).get(), 0);
  EXPECT_EQ(pool.stats().submitted, 1U);
}

std::size_t length(std::string text) { return text.size(); }

TEST(ThreadPool, LeavesTheArgumentsOfARefusedTaskAlone) {
  close_gate();
  ThreadPool pool({.workers = 1, .queue_capacity = 1});
  auto running = pool.submit<wait_at_gate>(1);
  auto queued = pool.submit<wait_at_gate>(2);
  std::string text(100, 'x');
  const auto refused = pool.try_submit<length>(std::move(text));
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(refused.error(), SubmitError::kQueueFull);
  EXPECT_EQ(text, std::string(100, 'x'));  // NOLINT: moved from only when accepted
  gate_open.store(true);
  EXPECT_EQ(running.get() + queued.get(), 3);
  EXPECT_EQ(pool.submit<length>(std::move(text)).get(), 100U);
  EXPECT_EQ(pool.stats().refused, 1U);
}

TEST(ThreadPool, AdmitsAgainOnceAResultIsThere) {
  ThreadPool pool({.workers = 1, .queue_capacity = 1});
  for (int i = 0; i < 2000; ++i) {
    auto first = pool.submit<add>(i, 1);
    auto second = pool.submit<add>(i, 2);
    EXPECT_EQ(first.get(), i + 1);
    EXPECT_EQ(second.get(), i + 2);
  }
}

TEST(ThreadPool, BlocksUntilThereIsRoom) {
  close_gate();
  ThreadPool pool({.workers = 1, .queue_capacity = 1, .when_full = WhenFull::kBlock, .block_limit = 60s});
  auto first = pool.submit<wait_at_gate>(1);
  auto second = pool.submit<wait_at_gate>(2);
  std::atomic<int> third{0};
  std::thread blocked([&] { third.store(pool.submit<wait_at_gate>(3).get()); });
  gate_open.store(true);
  blocked.join();
  EXPECT_EQ(third.load(), 3);
}

int depth(int left) { return left == 0 ? 0 : 1 + pool_under_test->submit<depth>(left - 1).get(); }

TEST(ThreadPool, LetsTasksWaitForTasksOnOneWorker) {
  PoolUnderTest test({.workers = 1});
  EXPECT_EQ(test.pool.submit<depth>(20).get(), 20);
}

int fib(int n) {
  if (n < 2) return n;
  auto first = pool_under_test->submit<fib>(n - 1);
  auto second = pool_under_test->submit<fib>(n - 2);
  return first.get() + second.get();
}

TEST(ThreadPool, LetsTasksForkAndJoinOnManyWorkers) {
  PoolUnderTest test({.workers = 3, .queue_capacity = 16, .when_full = WhenFull::kBlock, .block_limit = 60s});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 8; ++i) futures.push_back(test.pool.submit<fib>(12));
  for (auto& future : futures) EXPECT_EQ(future.get(), 144);
  const PoolStats stats = test.pool.stats();
  EXPECT_EQ(stats.pending, 0U);
  EXPECT_EQ(stats.completed, stats.submitted);
}

int fan_out(int width) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < width; ++i) futures.push_back(pool_under_test->submit<add>(i, 0));
  int sum = 0;
  for (auto& future : futures) sum += future.get();
  return sum;
}

std::vector<int> submit_and_wait_at_gate(int value) {
  auto nested = pool_under_test->submit<wait_at_gate>(value);
  return {wait_at_gate(value), nested.get()};
}

TEST(ThreadPool, KeepsItsLimitExactBesideTasksThatSubmit) {
  constexpr int kLimit = 128;
  close_gate();
  PoolUnderTest tested({.workers = 2, .queue_capacity = kLimit - 2});
  auto outer = tested.pool.submit<submit_and_wait_at_gate>(7);
  while (at_gate.load() < 2) std::this_thread::yield();
  // The worker was allowed several submissions at once and has used one.
  EXPECT_EQ(tested.pool.stats().pending, 2U);
  std::vector<Future<int>> others;
  for (Submission<int> one = tested.pool.try_submit<add>(1, 1); one; one = tested.pool.try_submit<add>(1, 1))
    others.push_back(std::move(one.future()));
  EXPECT_EQ(others.size(), kLimit - 2U);
  EXPECT_EQ(tested.pool.stats().pending, static_cast<std::uint64_t>(kLimit));
  gate_open.store(true);
  EXPECT_EQ(outer.get(), (std::vector<int>{7, 7}));
  EXPECT_TRUE(tested.pool.drain(10s));
  const PoolStats stats = tested.pool.stats();
  EXPECT_EQ(stats.submitted, static_cast<std::uint64_t>(kLimit));
  EXPECT_EQ(stats.completed, static_cast<std::uint64_t>(kLimit));
}

TEST(ThreadPool, DrainsWhileATaskMayStillSubmit) {
  close_gate();
  PoolUnderTest tested({.workers = 2, .queue_capacity = 126});
  auto outer = tested.pool.submit<submit_and_wait_at_gate>(7);
  while (at_gate.load() < 2) std::this_thread::yield();
  EXPECT_FALSE(tested.pool.drain(1ms));  // both still wait
  EXPECT_EQ(tested.pool.stats().pending, 2U);
  gate_open.store(true);
  EXPECT_TRUE(tested.pool.drain(10s));
  EXPECT_EQ(outer.get(), (std::vector<int>{7, 7}));
  EXPECT_EQ(tested.pool.stats().submitted, 2U);
}

TEST(ThreadPool, RunsInTheCallerWhatATaskCannotQueue) {
  PoolUnderTest test({.workers = 1, .queue_capacity = 4});
  EXPECT_EQ(test.pool.submit<fan_out>(100).get(), 4950);
}

TEST(ThreadPool, TakesMoreFromATaskThanItsDequeHolds) {
  PoolUnderTest test({.workers = 1, .queue_capacity = 100'000});
  EXPECT_EQ(test.pool.submit<fan_out>(3000).get(), 3000 * 2999 / 2);
}

int submit_and_forget(int count) {
  for (int i = 0; i < count; ++i) (void)pool_under_test->submit<add>(i, i);
  return count;
}

TEST(ThreadPool, RunsWhatATaskSubmittedAndForgot) {
  PoolUnderTest test({.workers = 2});
  EXPECT_EQ(test.pool.submit<submit_and_forget>(100).get(), 100);
  ASSERT_TRUE(test.pool.drain(60s));
  EXPECT_EQ(test.pool.stats().completed, 101U);
}

bool times_out_then_comes(int value) {
  auto future = pool_under_test->submit<wait_at_gate>(value);
  while (at_gate.load() == 0) std::this_thread::yield();  // the other worker has it
  const bool early = future.wait_for(1ms);
  gate_open.store(true);
  return !early && future.get() == value;
}

TEST(ThreadPool, KeepsTheDeadlineOfAWaitInsideATask) {
  close_gate();
  PoolUnderTest test({.workers = 2});
  EXPECT_TRUE(test.pool.submit<times_out_then_comes>(7).get());
}

TEST(ThreadPool, RunsTasksOfManySubmittersOnce) {
  ThreadPool pool({.workers = 2, .queue_capacity = 64, .when_full = WhenFull::kBlock, .block_limit = 60s});
  std::atomic<int> wrong{0};
  const auto submit = [&](int from) {
    std::vector<Future<int>> window(16);
    for (int i = 0; i < 3000; ++i) {
      auto& future = window[static_cast<std::size_t>(i) % window.size()];
      if (future.valid() && future.get() != from + i - 16) wrong.fetch_add(1);
      future = pool.submit<add>(from, i);
    }
  };
  std::vector<std::thread> submitters;
  for (int i = 0; i < 3; ++i) submitters.emplace_back(submit, i * 1'000'000);
  for (auto& submitter : submitters) submitter.join();
  EXPECT_EQ(wrong.load(), 0);
  ASSERT_TRUE(pool.drain(60s));
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.submitted, 9000U);
  EXPECT_EQ(stats.completed, 9000U);
}

TEST(ThreadPool, GivesTimesOfEveryTaskWhenAsked) {
  ThreadPool pool({.workers = 1, .timing = Timing::kEvery});
  auto future = pool.submit<add>(1, 2);
  future.wait();
  const auto timing = future.timing();
  ASSERT_TRUE(timing.has_value());
  EXPECT_LE(timing->submitted_ns, timing->started_ns);
  EXPECT_LE(timing->started_ns, timing->settled_ns);
  EXPECT_EQ(future.get(), 3);
  for (int i = 0; i < 99; ++i) pool.submit<add>(i, 1).get();
  EXPECT_EQ(pool.stats().running.count(), 100U);
  pool.reset_latency();
  EXPECT_EQ(pool.stats().waiting.count(), 0U);
  pool.submit<add>(1, 1).get();
  EXPECT_EQ(pool.stats().waiting.count(), 1U);
}

TEST(ThreadPool, KeepsItsNumbersBalancedWhileTheyChange) {
  ThreadPool pool({.workers = 2, .queue_capacity = 32, .when_full = WhenFull::kBlock, .block_limit = 60s});
  std::atomic<bool> done{false};
  std::thread submitter([&] {
    for (int i = 0; i < 5000; ++i) {
      if (i % 7 == 0) {
        (void)pool.submit<fail>("as asked");
      } else {
        (void)pool.submit<add>(i, i);
      }
    }
    done.store(true);
  });
  while (!done.load()) {
    const PoolStats stats = pool.stats();
    EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.rejected_later + stats.pending);
  }
  submitter.join();
  ASSERT_TRUE(pool.drain(60s));
  EXPECT_EQ(pool.stats().failed, 715U);
  EXPECT_EQ(pool.stats().completed, 4285U);
}

TEST(ThreadPool, SharesMemoryWithTasksAndCountsIt) {
  ThreadPool pool({.workers = 1});
  {
    auto buffer = pool.make_shared_buffer<std::uint64_t>(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kBufferAlignment, 0U);
    EXPECT_THAT(buffer.span(), testing::Each(0U));
    EXPECT_EQ(pool.stats().shared_bytes_in_use, 8000U);
    pool.submit<[](SharedBuffer<std::uint64_t> shared) { shared[999] = 42; }>(buffer).get();
    EXPECT_EQ(buffer[999], 42U);
  }
  EXPECT_EQ(pool.stats().shared_bytes_in_use, 0U);
}

std::string name_of_thread() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

TEST(ThreadPool, NamesItsThreads) {
  ThreadPool pool({.workers = 1});
  EXPECT_EQ(pool.submit<name_of_thread>().get(), "twinpool-w0");
}

TEST(ThreadPool, SleepsWithoutWakingWhenIdle) {
  PoolCore& core = PoolCore::make(validate({.workers = 2}));
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&core, i] { core.worker(i).run(); });
  const auto switches = [&] {
    std::uint64_t sum = 0;
    for (int i = 0; i < 2; ++i) {
      std::ifstream status("/proc/self/task/" + std::to_string(core.worker(i).stats().id) + "/status");
      for (std::string word; status >> word;) {
        std::uint64_t count = 0;
        if (word == "voluntary_ctxt_switches:" && status >> count) sum += count;
      }
    }
    return sum;
  };
  while (core.parking().sleepers() != 2) std::this_thread::yield();
  // A sleeper may still be on its way into the kernel: wait until a while passes without any switch.
  std::uint64_t before = switches();
  const auto deadline = Clock::now() + 60s;
  for (std::uint64_t now = before;; before = now) {
    std::this_thread::sleep_for(20ms);
    now = switches();
    if (now == before || Clock::now() > deadline) break;
  }
  EXPECT_GE(before, 2U);
  EXPECT_EQ(core.parking().wakeups(), 0U);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(switches(), before);
  core.end_workers();
  for (auto& thread : threads) thread.join();
  core.retire();
}

TEST(ThreadPool, LeavesNoThreadWhenOneCannotStart) {
  pthread_attr_t usual;
  ASSERT_EQ(::pthread_getattr_default_np(&usual), 0);
  pthread_attr_t huge;
  ASSERT_EQ(::pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&huge, std::size_t{1} << 47), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&huge), 0);
  try {
    ThreadPool pool({.workers = 2});
    ADD_FAILURE() << "threads with a stack larger than the address space have started";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot start the thread of worker 1 of 2"));
  }
  ASSERT_EQ(::pthread_setattr_default_np(&usual), 0);
  ::pthread_attr_destroy(&usual);
  ::pthread_attr_destroy(&huge);
}

}  // namespace
}  // namespace twinpool::threads
