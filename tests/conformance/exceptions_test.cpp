// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "tests/conformance/gate.h"

/// C15: a task's exception comes back as its failure and costs the worker nothing. C17: its text arrives
/// unchanged.
namespace twinpool::conformance {

struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace {

using ::testing::HasSubstr;

void throw_runtime_error(std::string text) { throw std::runtime_error(text); }
void throw_refusal(std::string text) { throw Refusal(text); }
int throw_int(int n) { throw n; }  // NOLINT: on purpose
void throw_text(std::string text) { throw text; }
void throw_literal() { throw "a literal"; }  // NOLINT: on purpose
void throw_bad_alloc() { throw std::bad_alloc(); }
int throw_system_error() { throw std::system_error(ENOSPC, std::generic_category(), "writing"); }
std::string throw_after_work(int n) {
  std::string text = std::to_string(n);
  if (n % 2 == 0) throw std::out_of_range(text);
  return text;
}
void throw_nested() {
  try {
    throw std::logic_error("inner");
  } catch (...) {
    std::throw_with_nested(std::runtime_error("outer"));
  }
}
int identity(int n) { return n; }

std::vector<int> ids(const Pool& pool) {
  std::vector<int> found;
  for (const auto& worker : pool.stats().workers) found.push_back(worker.id);
  return found;
}

TEST_P(Conformance, C15_TheTypeAndTheTextOfAStandardExceptionComeBack) {
  const auto pool = make();
  const auto failure = failure_of(pool->submit<throw_runtime_error>("it broke"));
  EXPECT_EQ(failure.kind, FailureKind::kThrew);
  EXPECT_EQ(failure.type_name, "std::runtime_error");
  EXPECT_EQ(failure.message, "it broke");
  EXPECT_FALSE(failure.loss.has_value());
}

TEST_P(Conformance, C15_AnExceptionOfTheUsersOwnTypeKeepsItsName) {
  const auto pool = make();
  const auto failure = failure_of(pool->submit<throw_refusal>("no"));
  EXPECT_EQ(failure.type_name, "twinpool::conformance::Refusal");
  EXPECT_EQ(failure.message, "no");
}

TEST_P(Conformance, C15_ExceptionsThatAreNoStandardExceptionsComeBackToo) {
  const auto pool = make();
  EXPECT_EQ(failure_of(pool->submit<throw_int>(3)).type_name, "int");
  EXPECT_FALSE(failure_of(pool->submit<throw_int>(3)).message.empty());
  EXPECT_EQ(failure_of(pool->submit<throw_text>("a thrown string")).message, "a thrown string");
  const auto literal = failure_of(pool->submit<throw_literal>());
  EXPECT_EQ(literal.message, "a literal");
  EXPECT_EQ(literal.type_name, "char const*");
}

TEST_P(Conformance, C15_BadAllocThrownByATaskIsThatTasksException) {
  const auto pool = make();
  const auto failure = failure_of(pool->submit<throw_bad_alloc>());
  EXPECT_EQ(failure.kind, FailureKind::kThrew);
  EXPECT_EQ(failure.type_name, "std::bad_alloc");
}

TEST_P(Conformance, C15_ASystemErrorKeepsItsWhat) {
  const auto pool = make();
  const auto failure = failure_of(pool->submit<throw_system_error>());
  EXPECT_EQ(failure.type_name, "std::system_error");
  EXPECT_EQ(failure.message, std::system_error(ENOSPC, std::generic_category(), "writing").what());
}

TEST_P(Conformance, C15_ANestedExceptionComesBackAsItsOuterOne) {
  const auto pool = make();
  const auto failure = failure_of(pool->submit<throw_nested>());
  EXPECT_EQ(failure.message, "outer");
  EXPECT_THAT(failure.type_name, HasSubstr("std::runtime_error"));
}

TEST_P(Conformance, C15_ExceptionsCostTheWorkersNothing) {
  const auto pool = make({.workers = 3});
  EXPECT_TRUE(eventually([&] { return pool->stats().workers_alive() == 3; }));
  const auto before = ids(*pool);
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 3000; ++i) futures.push_back(pool->submit<throw_after_work>(i));
  for (int i = 0; i < 3000; ++i) {
    auto outcome = outcome_of(futures[static_cast<std::size_t>(i)]);
    ASSERT_EQ(outcome.has_value(), i % 2 == 1);
    ASSERT_EQ(outcome ? outcome.value() : outcome.failure().message, std::to_string(i));
  }
  EXPECT_EQ(ids(*pool), before);
  const auto stats = pool->stats();
  EXPECT_EQ(stats.worker_deaths, 0U);
  EXPECT_EQ(stats.failed, 1500U);
  for (const auto& worker : stats.workers) {
    EXPECT_EQ(worker.restarts, 0U);
    EXPECT_TRUE(worker.last_death.empty());
  }
}

TEST_P(Conformance, C15_AnExceptionGivesBackTheMemoryOfItsArguments) {
  PoolOptions options{.workers = 1};
  options.processes.max_shared_bytes = 2 << 20;
  const auto pool = make(options);
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) {
    auto outcome = outcome_of(pool->submit<throw_text>(large.substr(static_cast<std::size_t>(i))));
    ASSERT_FALSE(outcome.has_value());
  }
  EXPECT_TRUE(eventually([&] { return pool->stats().shared_bytes_in_use == 0; }));
  EXPECT_EQ(value_of(pool->submit<identity>(4)), 4);
}

TEST_P(Conformance, C17_ExceptionTextsOfAnyLengthArriveUnchanged) {
  const auto pool = make();
  for (const std::size_t length : {0,   1,   7,   15,  16,   31,   32,   63,   64,   100,    127,    128,
                                   255, 256, 511, 512, 1023, 1024, 4095, 4096, 5000, 65'536, 200'000}) {
    std::string text(length, 'x');
    for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>('a' + i % 26);
    const auto failure = failure_of(pool->submit<throw_runtime_error>(text));
    ASSERT_EQ(failure.kind, FailureKind::kThrew) << length;
    ASSERT_EQ(failure.type_name, "std::runtime_error") << length;
    ASSERT_EQ(failure.message, text) << length;
  }
}

TEST_P(Conformance, C17_ExceptionTextsInUtf8AndWithLineEndsArriveUnchanged) {
  const auto pool = make();
  for (const std::string text :
       {"größer als erlaubt: 日本語 \xF0\x9F\x92\xA5", "first\nsecond\ttab", "\x01\x7F\xFF"}) {
    EXPECT_EQ(failure_of(pool->submit<throw_runtime_error>(text)).message, text);
  }
}

TEST_P(Conformance, C17_AThrownStringWithEmbeddedZerosArrivesUnchanged) {
  const auto pool = make();
  const std::string text("be\0fore\0after\0", 14);
  EXPECT_EQ(failure_of(pool->submit<throw_text>(text)).message, text);
}

}  // namespace
}  // namespace twinpool::conformance
