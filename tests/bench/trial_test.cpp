// SPDX-License-Identifier: Apache-2.0
#include "bench/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "bench/interrupt.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json echo(TrialContext& trial) { return {{"got", trial.spec()}, {"pid", getpid()}, {"group", getpgrp()}}; }
json crash(TrialContext& trial) {
  trial.page().delivered = 7;
  std::raise(SIGSEGV);
  return {};
}
json leave(TrialContext&) { _exit(3); }
json hang(TrialContext& trial) {
  trial.page().phase = TrialPhase::kMeasuring;
  while (true) pause();
}
json refuse(TrialContext&) {
  throw std::system_error(EAGAIN, std::generic_category(), "cannot start worker 3");
}
json throw_plain(TrialContext&) { throw std::runtime_error("a mistake"); }
json talk(TrialContext&) {
  (void)!write(STDERR_FILENO, "last words\n", 11);
  abort();
}
json two_marks(TrialContext& trial) {
  trial.pause("rest");
  trial.page().submitted = 1;
  trial.pause("peak");
  return "done";
}
/// Leaves a process behind that only a reaper of orphans would find.
json orphan(TrialContext&) {
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    while (true) pause();
  }
  return {{"child", child}};
}
json count_in_fork(TrialContext&) {
  const pid_t child = fork();
  if (child == 0) {
    trial_page()->delivered.fetch_add(1);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  return true;
}

constexpr TrialKind kKinds[] = {{"echo", echo},         {"crash", crash},     {"leave", leave},
                                {"hang", hang},         {"refuse", refuse},   {"throw", throw_plain},
                                {"talk", talk},         {"marks", two_marks}, {"orphan", orphan},
                                {"fork", count_in_fork}};

/// Whether a process of that number exists and is not a zombie.
bool alive(pid_t pid) { return kill(pid, 0) == 0; }

TEST(Trial, RunsInAProcessAndAProcessGroupOfItsOwnAndBringsTheResultBack) {
  Trial trial("echo", {{"n", 5}});
  EXPECT_TRUE(trial.finish().clean()) << describe(trial.finish()) << trial.finish().output;
  const json result = trial.result();
  EXPECT_EQ(result["got"]["n"], 5);
  EXPECT_EQ(result["pid"], trial.pid());
  EXPECT_EQ(result["group"], trial.pid());
  EXPECT_NE(result["pid"], getpid());
  EXPECT_GT(trial.finish().user_s + trial.finish().system_s, 0);
}

TEST(Trial, ACrashIsAResultAndItsCountsSurvive) {
  Trial trial("crash", json::object());
  const TrialEnd& end = trial.finish();
  EXPECT_EQ(end.how, TrialEnd::How::kKilled);
  EXPECT_EQ(end.signal, SIGSEGV);
  EXPECT_EQ(describe(end), "was killed by SIGSEGV");
  EXPECT_EQ(trial.page().delivered, 7u);
  EXPECT_TRUE(trial.result().is_null());
}

TEST(Trial, AnExitInTheMiddleIsAResult) {
  Trial trial("leave", json::object());
  EXPECT_EQ(trial.finish().how, TrialEnd::How::kExited);
  EXPECT_EQ(trial.finish().exit_status, 3);
  EXPECT_TRUE(trial.result().is_null());
}

TEST(Trial, IsKilledAtItsDeadline) {
  Trial trial("hang", json::object(), {.limit = std::chrono::milliseconds(300), .program = "/proc/self/exe"});
  EXPECT_EQ(trial.finish().how, TrialEnd::How::kDeadline);
  EXPECT_EQ(trial.page().phase, TrialPhase::kMeasuring);
  EXPECT_FALSE(alive(trial.pid()));
}

TEST(Trial, IsKilledWhenTheUserInterrupts) {
  Interrupt interrupt;
  Trial trial("hang", json::object());
  raise(SIGINT);
  EXPECT_EQ(trial.finish().how, TrialEnd::How::kInterrupted);
  EXPECT_EQ(interrupt.signal(), SIGINT);
}

TEST(Trial, WaitsUntilAMomentAndGoesOn) {
  Trial trial("hang", json::object());
  EXPECT_FALSE(trial.wait_until(Clock::now() + std::chrono::milliseconds(20)));
  EXPECT_TRUE(alive(trial.pid()));
  trial.kill();
  EXPECT_EQ(trial.finish().how, TrialEnd::How::kKilled);
  EXPECT_EQ(trial.finish().signal, SIGKILL);
}

TEST(Trial, SaysWhatTheMachineRefused) {
  Trial trial("refuse", json::object());
  EXPECT_EQ(trial.finish().exit_status, 4);
  EXPECT_TRUE(trial.result()["unfit"]);
  EXPECT_THAT(trial.result()["error"].get<std::string>(), HasSubstr("cannot start worker 3"));
}

TEST(Trial, SaysWhatTheBodyThrew) {
  Trial trial("throw", json::object());
  EXPECT_EQ(trial.finish().exit_status, 1);
  EXPECT_FALSE(trial.result()["unfit"]);
  EXPECT_EQ(trial.result()["error"], "a mistake");
}

TEST(Trial, KeepsTheLastWords) {
  Trial trial("talk", json::object());
  EXPECT_EQ(trial.finish().signal, SIGABRT);
  EXPECT_THAT(trial.finish().output, HasSubstr("last words"));
}

TEST(Trial, RefusesAnUnknownKind) {
  Trial trial("nonsense", json::object());
  EXPECT_EQ(trial.finish().exit_status, 1);
  EXPECT_THAT(trial.finish().output, HasSubstr("no trial of kind 'nonsense'"));
}

TEST(Trial, PausesAtMarks) {
  Trial trial("marks", json::object());
  EXPECT_EQ(trial.wait_for_mark(), "rest");
  EXPECT_EQ(trial.page().submitted, 0u);
  trial.resume();
  EXPECT_EQ(trial.wait_for_mark(), "peak");
  EXPECT_EQ(trial.page().submitted, 1u);
  trial.resume();
  EXPECT_EQ(trial.wait_for_mark(), std::nullopt);
  EXPECT_EQ(trial.result(), "done");
}

TEST(Trial, EndsAndCountsWhatATrialLeavesBehind) {
  Trial trial("orphan", json::object());
  EXPECT_EQ(trial.finish().left_over, 1);
  EXPECT_FALSE(alive(trial.result()["child"].get<pid_t>()));
}

TEST(Trial, ForksOfATrialCountInItsPage) {
  Trial trial("fork", json::object());
  EXPECT_TRUE(trial.finish().clean());
  EXPECT_EQ(trial.page().delivered, 1u);
}

TEST(Trial, LeavesNoProcessWhenItsDriverEndLetsGo) {
  pid_t pid = 0;
  {
    Trial trial("hang", json::object());
    pid = trial.pid();
  }
  EXPECT_FALSE(alive(pid));
}

}  // namespace
}  // namespace twinpool::bench

int main(int argc, char** argv) {
  using namespace twinpool::bench;
  if (argc > 1 && argv[1] == kTrialCommand) return trial_main(kKinds, argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
