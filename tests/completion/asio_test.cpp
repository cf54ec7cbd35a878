// SPDX-License-Identifier: Apache-2.0
#include "shared/asio.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "tests/conformance/notebook.h"

/// Tasks as operations of Boost.Asio, in both twins.
namespace twinpool::conformance {
namespace {

namespace asio = boost::asio;

std::string repeat(std::string_view text, int times) {
  if (times < 0) throw std::domain_error("less than nothing");
  std::string whole;
  for (int i = 0; i < times; ++i) whole += text;
  return whole;
}
void nothing() {}

FailureKind kind_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const TaskError& failed) {
    return failed.kind();
  }
}

TEST_P(Conformance, C1_AsioCallsBackOnTheHandlersExecutor) {
  const auto pool = make();
  asio::io_context context;
  std::string got;
  std::thread::id thread;
  async_submit<repeat>(*pool, with{.priority = 3}, "ab", 2,
                       asio::bind_executor(context, [&](std::exception_ptr error, std::string text) {
                         EXPECT_EQ(error, nullptr);
                         got = std::move(text);
                         thread = std::this_thread::get_id();
                       }));
  EXPECT_TRUE(got.empty()) << "never called inside async_submit";
  context.run();  // the work that is under way keeps it going
  EXPECT_EQ(got, "abab");
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST_P(Conformance, C1_AsioGivesAStandardFuture) {
  const auto pool = make();
  EXPECT_EQ(async_submit<repeat>(*pool, "x", 3, asio::use_future).get(), "xxx");
  async_submit<nothing>(*pool, asio::use_future).get();
  EXPECT_THROW(async_submit<repeat>(*pool, "x", -1, asio::use_future).get(), TaskError);
  EXPECT_EQ(
      async_get(pool->submit<repeat>("y", 2).then([](std::string s) { return s + "!"; }), asio::use_future)
          .get(),
      "yy!");
}

TEST_P(Conformance, C1_AsioCoroutinesAwaitTasks) {
  const auto pool = make();
  asio::io_context context;
  std::vector<std::string> log;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        log.push_back(co_await async_submit<repeat>(*pool, std::string("a"), 3, asio::use_awaitable));
        co_await async_submit<nothing>(*pool, asio::use_awaitable);
        try {
          co_await async_submit<repeat>(*pool, "b", -1, asio::use_awaitable);
        } catch (const TaskError& failed) {
          log.push_back(failed.failure().message);
        }
      },
      [](std::exception_ptr error) { EXPECT_EQ(error, nullptr); });
  context.run();
  EXPECT_EQ(log, (std::vector<std::string>{"aaa", "less than nothing"}));
}

TEST_P(Conformance, C2_AsioHandsARefusalToTheHandler) {
  const auto pool = make();
  ASSERT_TRUE(pool->drain(kPatience));
  EXPECT_THROW(async_submit<nothing>(*pool, asio::use_future).get(), SubmitRefused);
  EXPECT_THROW(async_submit<nothing>(*pool, with{.priority = 99}, asio::use_future).get(),
               std::invalid_argument);
}

TEST_P(Conformance, C8_AsioCancelsATaskByItsHandlersSlot) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  asio::io_context context;
  asio::cancellation_signal stop_running;
  asio::cancellation_signal stop_queued;
  std::vector<FailureKind> kinds;
  const auto note_kind = [&](const std::exception_ptr& error, auto&&...) { kinds.push_back(kind_of(error)); };
  async_submit<run_until_asked>(
      *pool, gate.words(),
      asio::bind_cancellation_slot(
          stop_running.slot(),
          asio::bind_executor(context, [&](std::exception_ptr error, bool) { note_kind(error); })));
  async_submit<nothing>(
      *pool, asio::bind_cancellation_slot(
                 stop_queued.slot(),
                 asio::bind_executor(context, [&](std::exception_ptr error) { note_kind(error); })));
  ASSERT_TRUE(gate.wait_entered(1));
  stop_queued.emit(asio::cancellation_type::terminal);
  stop_running.emit(asio::cancellation_type::terminal);
  context.run();
  EXPECT_EQ(kinds, (std::vector<FailureKind>{FailureKind::kCancelled, FailureKind::kCancelled}));
  stop_running.emit(asio::cancellation_type::terminal);  // there is nothing to cancel any more
}

TEST_P(Conformance, C1_AContextThatEndsBeforeTheTaskDestroysTheHandlerUncalled) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  const auto watched = std::make_shared<int>(0);
  {
    asio::io_context context;
    for (int i = 0; i < 3; ++i) {
      async_submit<pass_gate>(
          *pool, gate.words(),
          asio::bind_executor(context, [watched](const std::exception_ptr&, std::uint32_t) {
            ADD_FAILURE() << "called after its context";
          }));
    }
    EXPECT_EQ(watched.use_count(), 4);
  }
  EXPECT_EQ(watched.use_count(), 1);
  gate.open();
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(pool->stats().completed, 3U);
}

TEST_P(Conformance, C1_AContextMayEndWhileTasksSettle) {
  const auto pool = make();
  for (int round = 0; round < 50; ++round) {
    asio::io_context context;
    for (int i = 0; i < 10; ++i) {
      async_submit<nothing>(*pool, asio::bind_executor(context, [](const std::exception_ptr&) {}));
    }
    context.poll();
  }
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_EQ(pool->stats().completed, 500U);
}

}  // namespace
}  // namespace twinpool::conformance
