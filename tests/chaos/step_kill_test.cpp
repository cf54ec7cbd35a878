// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "tests/chaos/step_sweep.h"
#include "tests/chaos/stepped_process.h"

/// Crash consistency of the process twin, instruction by instruction (C1, C3).
namespace twinpool::chaos {
namespace {

using Helper = Scenario::Helper;

std::uint32_t answer(std::uint32_t task) {
  count_run(task);
  return 1000 + task;
}
std::string long_text(std::uint32_t task, std::uint32_t bytes) {
  count_run(task);
  return std::string(bytes, static_cast<char>('a' + task));
}
std::uint32_t throw_something(std::uint32_t task) {
  count_run(task);
  throw std::runtime_error("thrown by task " + std::to_string(task));
}

std::unique_ptr<QueuedTask> queue_answer(BareOwner& owner, std::uint32_t task) {
  return std::make_unique<QueuedTaskOf<std::uint32_t>>(
      owner.submit<answer>(task),
      [task](const Outcome<std::uint32_t>& outcome) { return outcome && outcome.value() == 1000 + task; });
}
std::unique_ptr<QueuedTask> queue_long_text(BareOwner& owner, std::uint32_t task) {
  constexpr std::uint32_t kBytes = 3 * processes::kInlineResult;
  return std::make_unique<QueuedTaskOf<std::string>>(
      owner.submit<long_text>(task, kBytes), [task](const Outcome<std::string>& outcome) {
        return outcome && outcome.value() == std::string(kBytes, static_cast<char>('a' + task));
      });
}
std::unique_ptr<QueuedTask> queue_throw(BareOwner& owner, std::uint32_t task) {
  return std::make_unique<QueuedTaskOf<std::uint32_t>>(
      owner.submit<throw_something>(task), [task](const Outcome<std::uint32_t>& outcome) {
        return !outcome && outcome.failure().kind == FailureKind::kThrew &&
               outcome.failure().message == "thrown by task " + std::to_string(task);
      });
}

template <auto... queue_task>
QueuedTasks queue_in_order(BareOwner& owner) {
  QueuedTasks tasks;
  (tasks.push_back(queue_task(owner, static_cast<std::uint32_t>(tasks.size()))), ...);
  return tasks;
}
const auto one_answer = queue_in_order<queue_answer>;
const auto two_answers = queue_in_order<queue_answer, queue_answer>;

void run_all(const Segment& segment, const WorkerContext& context) {
  while (processes::run_one_task(segment, context)) {
  }
}
void recover(const Segment& segment, int pid, int status) {
  (void)processes::recover_worker(segment, 0, pid, status);
}

class StepKill : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    if (!SteppedProcess::is_permitted(reason)) GTEST_SKIP() << reason;
  }
  static SweepReport play(const Scenario& scenario) {
    const SweepReport report = sweep(scenario);
    std::printf("%s\n", report.text().c_str());
    EXPECT_TRUE(report.complaints.empty()) << report.text();
    EXPECT_GT(report.points, 15u);
    return report;
  }
  /// The worker was stopped before it had a task, while it had one, and after.
  static void play_to_the_end(const Scenario& scenario) {
    const SweepReport report = play(scenario);
    EXPECT_GT(report.with_loss, 5u);
    EXPECT_LT(report.with_loss, report.points);
  }
};

TEST_F(StepKill, OneTaskIsTakenOverByABystanderThatSleeps) {
  play_to_the_end({.queue = one_answer, .work = run_all, .recover = recover});
}

TEST_F(StepKill, TwoTasksAreTakenOverByAReplacement) {
  play_to_the_end(
      {.queue = two_answers, .work = run_all, .recover = recover, .helper = Helper::kReplacement});
}

TEST_F(StepKill, ThreadsThatWaitForTheTasksAreWoken) {
  play_to_the_end({.queue = two_answers, .work = run_all, .recover = recover, .waiters = true});
}

TEST_F(StepKill, AResultThatNeedsMemoryThatTheOwnerGives) {
  play_to_the_end({.queue = queue_in_order<queue_long_text, queue_answer>,
                   .work = run_all,
                   .recover = recover,
                   .waiters = true});
}

TEST_F(StepKill, AResultWhoseMemoryIsGivenToADeadWorker) {
  play_to_the_end({.queue = queue_in_order<queue_long_text, queue_long_text>,
                   .work = run_all,
                   .recover = recover,
                   .helper = Helper::kReplacement,
                   .answer_after_death = true});
}

TEST_F(StepKill, ATaskThatThrows) {
  play_to_the_end(
      {.queue = queue_in_order<queue_throw>, .work = run_all, .recover = recover, .waiters = true});
}

TEST_F(StepKill, AWorkersWholeLifeFromItsFirstInstructionToItsSleep) {
  play_to_the_end({.queue = two_answers, .work = processes::run_worker, .recover = recover, .waiters = true});
}

TEST_F(StepKill, AWakeUpGivenToAWorkerThatDiesIsHandedOn) {
  const SweepReport report = play(
      {.queue = two_answers, .work = processes::run_worker, .recover = recover, .push_at_the_point = true});
  EXPECT_EQ(report.lost, 0u) << "it died before there was a task";
}

TEST_F(StepKill, TasksPushedAtAnyPointOfGoingToSleepAreSeenByTheOnlyWorker) {
  const SweepReport report = play({.queue = two_answers,
                                   .work = processes::run_worker,
                                   .recover = recover,
                                   .helper = Helper::kNone,
                                   .push_at_the_point = true,
                                   .lives_on = true});
  EXPECT_EQ(report.lost, 0u);
}

}  // namespace
}  // namespace twinpool::chaos
