// SPDX-License-Identifier: Apache-2.0
#include "shared/outcome.h"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <set>

#include "shared/pool.h"

namespace twinpool {
namespace {

template <typename Thrown>
Failure failure_of_thrown(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return failure_of_current_exception();
  }
}

TEST(FailureKind, HasOneNameEach) {
  EXPECT_EQ(name_of(FailureKind::kThrew), "threw");
  EXPECT_EQ(name_of(FailureKind::kCancelled), "cancelled");
  EXPECT_EQ(name_of(FailureKind::kTimedOut), "timed_out");
  EXPECT_EQ(name_of(FailureKind::kWorkerLost), "worker_lost");
  EXPECT_EQ(name_of(FailureKind::kPoolClosed), "pool_closed");
  EXPECT_EQ(name_of(FailureKind::kResultTooLarge), "result_too_large");
  EXPECT_EQ(name_of(FailureKind::kOutOfMemory), "out_of_memory");
}

TEST(Failure, OfAnExceptionKnowsTypeAndText) {
  const auto standard = failure_of_thrown(std::length_error("too long"));
  EXPECT_EQ(standard.kind, FailureKind::kThrew);
  EXPECT_EQ(standard.type_name, "std::length_error");
  EXPECT_EQ(standard.message, "too long");
  EXPECT_EQ(failure_of_thrown(std::string("text")).message, "text");
  EXPECT_EQ(failure_of_thrown(static_cast<const char*>("text")).message, "text");
  EXPECT_EQ(failure_of_thrown(static_cast<const char*>(nullptr)).message, "");
  EXPECT_EQ(failure_of_thrown(7).type_name, "int");
  EXPECT_EQ(failure_of_thrown(7).message, "an exception that is not a std::exception");
}

TEST(WorkerLoss, IsDescribedInOneSentence) {
  EXPECT_EQ(describe({.worker = 2, .pid = 4711, .signal = SIGSEGV, .was_running = true}, "parse"),
            "worker 2 (pid 4711) was killed by SIGSEGV while running 'parse'");
  EXPECT_EQ(describe({.worker = 0, .pid = 5, .exit_status = 0, .was_running = true}, "parse"),
            "worker 0 (pid 5) exited with status 0 while running 'parse'");
  EXPECT_EQ(describe({.worker = 1, .pid = 5, .exit_status = 3}, "parse"),
            "worker 1 (pid 5) exited with status 3");
  EXPECT_EQ(describe({.worker = 1, .pid = 5, .signal = 64}, "parse"),
            "worker 1 (pid 5) was killed by signal 64");
  EXPECT_EQ(describe({}, "parse"), "no worker was left to run 'parse'");
}

TEST(WorkerLoss, TellsAddressAttemptAndTime) {
  WorkerLoss loss{.worker = 2, .pid = 4711, .signal = SIGSEGV, .was_running = true, .attempt = 2, .attempts = 2};
  loss.address = 0x18;
  loss.ran = std::chrono::milliseconds(31);
  EXPECT_EQ(describe(loss, "parse"),
            "worker 2 (pid 4711) was killed by SIGSEGV at address 0x18 while running 'parse' (attempt 2 of 2), after "
            "31 ms");
  loss.attempts = 5;
  loss.quarantined = true;
  loss.address = 0;
  loss.ran = {};
  EXPECT_EQ(describe(loss, "parse"),
            "worker 2 (pid 4711) was killed by SIGSEGV at address 0x0 while running 'parse' (attempt 2 of 5; "
            "quarantined: it has killed too many workers)");
  loss.was_running = false;
  EXPECT_EQ(describe(loss, "parse"), "worker 2 (pid 4711) was killed by SIGSEGV at address 0x0");
}

TEST(TaskError, SaysKindAndMessage) {
  const TaskError error(
      {.kind = FailureKind::kWorkerLost, .type_name = "", .message = "gone", .loss = WorkerLoss{}});
  EXPECT_STREQ(error.what(), "worker_lost: gone");
  EXPECT_EQ(error.kind(), FailureKind::kWorkerLost);
  EXPECT_TRUE(error.failure().loss.has_value());
}

TEST(Outcome, HoldsAValueOrAFailure) {
  Outcome<std::unique_ptr<int>> value(std::make_unique<int>(3));
  ASSERT_TRUE(value);
  EXPECT_EQ(*std::move(value).value(), 3);
  const Outcome<int> failure(
      Failure{.kind = FailureKind::kTimedOut, .type_name = "", .message = "m", .loss = {}});
  ASSERT_FALSE(failure.has_value());
  EXPECT_EQ(failure.failure().message, "m");
}

TEST(SubmitError, HasANameAndASentenceThatBeginsWithItEach) {
  std::set<std::string_view> names;
  for (int error = 1; error <= static_cast<int>(SubmitError::kForeignBuffer); ++error) {
    const auto name = name_of(static_cast<SubmitError>(error));
    const auto sentence = sentence_of(static_cast<SubmitError>(error));
    EXPECT_TRUE(sentence.starts_with(std::string(name) + ": ")) << sentence;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 8U);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace twinpool
