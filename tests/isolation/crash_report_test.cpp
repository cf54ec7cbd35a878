// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cstdlib>

#include "tests/conformance/event_log.h"
#include "tests/isolation/workers.h"

/// What is said of a lost worker: where it was, what it touched, which attempt it was and for how long it
/// ran.
namespace twinpool::isolation {

// Not in an unnamed namespace: the symboliser knows exported names only (the program is linked so).
int write_to(std::uint64_t address, int depth);
std::uint64_t parse(std::uint64_t address, Words runs);
void give_up();

[[gnu::noinline]] int write_to(std::uint64_t address, int depth) {
  if (depth > 0) return write_to(address, depth - 1) + 1;
  *reinterpret_cast<volatile int*>(address) = 1;
  return 0;
}
[[gnu::noinline]] std::uint64_t parse(std::uint64_t address, Words runs) {
  atomic_at(runs, 0).fetch_add(1);
  return static_cast<std::uint64_t>(write_to(address, 3)) + address;
}
[[gnu::noinline]] void give_up() { std::abort(); }

namespace {

using conformance::EventLog;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

PoolOptions without_core_files(PoolOptions options) {
  options = unlimited(std::move(options));
  options.processes.core_bytes = 0;
  return options;
}

TEST(CrashReport, NamesSignalAddressFunctionAttemptAndTime) {
  ProcessPool pool(without_core_files({.workers = 1}));
  const auto runs = pool.make_shared_buffer<std::uint32_t>(1);
  const auto failure = failure_of(pool.submit<parse>(with{.retry = 1}, std::uint64_t{0x18}, runs));
  ASSERT_EQ(failure.kind, FailureKind::kWorkerLost);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_EQ(failure.loss->signal, SIGSEGV);
  EXPECT_EQ(failure.loss->address, std::uint64_t{0x18});
  EXPECT_EQ(failure.loss->attempt, 2);
  EXPECT_EQ(failure.loss->attempts, 2);
  EXPECT_GT(failure.loss->ran.count(), 0);
  EXPECT_FALSE(failure.loss->core_dumped);
  EXPECT_EQ(failure.loss->worker, 0);
  EXPECT_THAT(failure.message,
              ContainsRegex("worker 0 \\(pid [0-9]+\\) was killed by SIGSEGV at address 0x18 while running "
                            "'.*parse' \\(attempt 2 of 2.*\\), after [0-9]+ [nmu]?s"));
  EXPECT_EQ(atomic_at(runs, 0).load(), 2U);
}

TEST(CrashReport, CarriesAStackTraceThatNamesTheFunctions) {
  ProcessPool pool(without_core_files({.workers = 1}));
  const auto runs = pool.make_shared_buffer<std::uint32_t>(1);
  const auto failure = failure_of(pool.submit<parse>(std::uint64_t{0x20}, runs));
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_THAT(failure.loss->stack_trace, Contains(HasSubstr("write_to"))) << "the function that crashed";
  EXPECT_THAT(failure.loss->stack_trace, Contains(HasSubstr("parse"))) << "who called it";
  const auto next = failure_of(pool.submit<give_up>());
  ASSERT_TRUE(next.loss.has_value());
  EXPECT_EQ(next.loss->signal, SIGABRT);
  EXPECT_FALSE(next.loss->address.has_value()) << "abort is about no address";
  EXPECT_THAT(next.loss->stack_trace, Contains(HasSubstr("give_up")));
  const auto last = failure_of(pool.submit<kill_own_worker>());
  ASSERT_TRUE(last.loss.has_value());
  EXPECT_TRUE(last.loss->stack_trace.empty())
      << "nothing can be known of a SIGKILL, least of all an older trace";
  EXPECT_FALSE(last.loss->address.has_value());
}

TEST(CrashReport, TheEventOfALostWorkerSaysTheSame) {
  EventLog log;
  auto options = without_core_files({.workers = 2});
  options.on_event = log.callback();
  ProcessPool pool(std::move(options));
  const auto runs = pool.make_shared_buffer<std::uint32_t>(1);
  const auto failure = failure_of(pool.submit<parse>(std::uint64_t{0x18}, runs));
  ASSERT_TRUE(log.wait_for(EventKind::kWorkerLost));
  ASSERT_TRUE(log.wait_for(EventKind::kWorkerRestarted));
  const auto lost = log.all_of(EventKind::kWorkerLost).at(0);
  ASSERT_TRUE(failure.loss.has_value());
  EXPECT_EQ(lost.worker, failure.loss->worker);
  EXPECT_EQ(lost.id, failure.loss->pid);
  EXPECT_EQ(lost.signal, SIGSEGV);
  EXPECT_FALSE(lost.core_dumped);
  EXPECT_THAT(lost.task, HasSubstr("parse"));
  EXPECT_THAT(lost.message, HasSubstr("SIGSEGV"));
  const auto restarted = log.all_of(EventKind::kWorkerRestarted).at(0);
  EXPECT_EQ(restarted.worker, lost.worker);
  EXPECT_NE(restarted.id, lost.id);
}

}  // namespace
}  // namespace twinpool::isolation
