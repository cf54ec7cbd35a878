// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/trace/chrome_trace.h"
#include "bench/trace/shared_trace.h"
#include "bench/trace/traced_task.h"
#include "bench/trace/trial_trace.h"
#include "bench/workloads/registry.h"
#include "bench/workloads/typed_flow.h"
#include "tests/bench/trace_checks.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Two workers that take tasks in turns, each for 600 ns, beginning at 1 ms of the steady clock.
TrialTrace steady_trial(Backend backend, std::size_t tasks) {
  constexpr std::int64_t kBegin = 1'000'000;
  TrialTrace trial{.title = "noop/workers:2", .backend = backend, .owner = 100, .names = {"noop"}};
  const bool threads = backend == Backend::kThreads;
  for (const int worker : {0, 1})
    trial.events.push_back({.when_ns = kBegin + worker,
                            .kind = EventKind::kWorkerStarted,
                            .worker = worker,
                            .id = 101 + worker});
  for (std::size_t i = 0; i < tasks; ++i) {
    const std::int64_t at = kBegin + 100 + static_cast<std::int64_t>(i) * 400;
    const int id = 101 + static_cast<int>(i % 2);
    trial.tasks.push_back({.submitted_ns = at,
                           .accepted_ns = at + 50,
                           .begun_ns = at + 30,
                           .ended_ns = at + 630,
                           .process = threads ? 100 : id,
                           .thread = id});
  }
  trial.memory = {{kBegin + 10, 1 << 20}, {kBegin + 900, 2 << 20}};
  trial.ended_ns = kBegin + 1000 + static_cast<std::int64_t>(tasks) * 400;
  return trial;
}

json write(const std::vector<TrialTrace>& trials, std::uint64_t limit = 1 << 20) {
  ChromeTrace trace(limit, trials.size());
  for (const TrialTrace& trial : trials) trace.add(trial);
  return json::parse(trace.text());
}

TEST(ChromeTrace, ShowsThreadsAsRowsOfOneProcess) {
  const json trace = write({steady_trial(Backend::kThreads, 5)});
  expect_strict_trace(trace);
  EXPECT_THAT(processes_of(trace), ElementsAre(std::pair("noop/workers:2 threads", 100)));
  std::vector<std::string> rows;
  for (const json& event : events_of(trace, "M")) {
    if (event["name"] == "thread_name") rows.push_back(event["args"]["name"]);
  }
  EXPECT_THAT(rows, ElementsAre("submits", "worker 0", "worker 1"));
  EXPECT_EQ(events_of(trace, "X", "task").size(), 5u);
}

TEST(ChromeTrace, ShowsEachProcessOfTheOtherTwin) {
  const json trace = write({steady_trial(Backend::kProcesses, 5)});
  expect_strict_trace(trace);
  EXPECT_THAT(processes_of(trace), ElementsAre(std::pair("noop/workers:2 processes: owner", 100),
                                               std::pair("noop/workers:2 processes: worker 0", 101),
                                               std::pair("noop/workers:2 processes: worker 1", 102)));
}

TEST(ChromeTrace, CountsTheQueueAndTheMemory) {
  const json trace = write({steady_trial(Backend::kThreads, 2)});
  std::vector<std::uint64_t> queue, memory;
  for (const json& event : events_of(trace, "C"))
    (event["name"] == "queue" ? queue : memory).push_back(event["args"].front());
  EXPECT_THAT(queue, ElementsAre(1u, 0u, 1u, 0u));  // a task begins 30 ns after it was submitted
  EXPECT_THAT(memory, ElementsAre(1u << 20, 2u << 20));
}

TEST(ChromeTrace, BeginsEveryTrialAtZero) {
  const json trace = write({steady_trial(Backend::kThreads, 2), steady_trial(Backend::kProcesses, 2)});
  expect_strict_trace(trace);
  std::map<int, std::int64_t> first;
  for (const json& event : events_of(trace, "X", "submit")) first.try_emplace(event["pid"], ns_of(event));
  ASSERT_EQ(first.size(), 2u);
  for (const auto& [pid, begin] : first) EXPECT_EQ(begin, 100);
}

TEST(ChromeTrace, GivesAnIdThatComesAgainInAnotherTrialANewNumber) {
  const json trace = write({steady_trial(Backend::kProcesses, 4), steady_trial(Backend::kProcesses, 4)});
  expect_strict_trace(trace);
  std::set<int> pids;
  for (const json& event : events_of(trace, "M")) pids.insert(event["pid"].get<int>());
  EXPECT_EQ(pids.size(), 6u);
}

TEST(ChromeTrace, MarksACrashAndGivesTheReplacementARowOfItsOwn) {
  TrialTrace trial = steady_trial(Backend::kProcesses, 4);
  auto& killed = trial.tasks[2];  // in worker 0
  killed.ended_ns = 0;
  const std::int64_t death = killed.begun_ns + 200;
  trial.events.push_back(
      {.when_ns = death, .kind = EventKind::kWorkerLost, .worker = 0, .id = 101, .signal = SIGSEGV});
  trial.events.push_back(
      {.when_ns = death + 10, .kind = EventKind::kWorkerRestarted, .worker = 0, .id = 103});
  trial.strike = {.fault = "segv", .when_ns = death - 50, .thread = 101};
  const json trace = write({trial});
  expect_strict_trace(trace);
  EXPECT_TRUE(processes_of(trace).contains("noop/workers:2 processes: worker 0, no. 2"));
  const auto crashes = events_of(trace, "i", "crash");
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0]["name"], "worker lost: SIGSEGV");
  EXPECT_EQ(crashes[0]["pid"], 101);
  EXPECT_EQ(crashes[0]["s"], "p");
  const auto restarts = events_of(trace, "i", "restart");
  ASSERT_EQ(restarts.size(), 1u);
  EXPECT_EQ(restarts[0]["pid"], 103);
  EXPECT_EQ(events_of(trace, "i", "fault").at(0)["name"], "fault: segv");
  const auto tasks = events_of(trace, "X", "task");
  EXPECT_EQ(tasks[2]["args"]["end"], "unfinished");
  EXPECT_EQ(ns_of(tasks[2]) + ns_of(tasks[2], "dur"), ns_of(crashes[0]));
}

TEST(ChromeTrace, EndsOpenSlicesWithTheProgram) {
  TrialTrace trial = steady_trial(Backend::kThreads, 4);
  for (auto& task : trial.tasks) task.ended_ns = 0;
  trial.end = "was killed by SIGSEGV";
  const json trace = write({trial});
  expect_strict_trace(trace);
  const auto crashes = events_of(trace, "i", "crash");
  ASSERT_EQ(crashes.size(), 1u);
  EXPECT_EQ(crashes[0]["name"], "the program was killed by SIGSEGV");
  const auto tasks = events_of(trace, "X", "task");
  EXPECT_EQ(ns_of(tasks[0]) + ns_of(tasks[0], "dur"), ns_of(tasks[2]));  // the row's next one
  EXPECT_EQ(ns_of(tasks[3]) + ns_of(tasks[3], "dur"), ns_of(crashes[0]));
}

TEST(ChromeTrace, DrawsNoArrowToATaskThatNeverBegan) {
  TrialTrace trial = steady_trial(Backend::kThreads, 3);
  trial.tasks[1].begun_ns = trial.tasks[1].ended_ns = 0;
  const json trace = write({trial});
  EXPECT_EQ(events_of(trace, "X", "submit").size(), 3u);
  EXPECT_EQ(events_of(trace, "X", "task").size(), 2u);
  EXPECT_EQ(events_of(trace, "s").size(), 2u);
  EXPECT_EQ(events_of(trace, "f").size(), 2u);
}

TEST(ChromeTrace, IsNeverLongerThanItsLimitAndCountsWhatIsMissing) {
  constexpr std::uint64_t kLimit = 2 * kLeastTraceShare;
  ChromeTrace trace(kLimit, 2);
  EXPECT_LT(trace.tasks_of_next(), 200u);
  for (const Backend backend : kBackends) {
    TrialTrace trial = steady_trial(backend, 5000);
    for (auto& name : trial.names)
      name = std::string(SharedTrace::kNameBytes - 1, '\t');  // each is two signs
    trial.left_out = 7;
    trace.add(trial);
  }
  const std::string text = trace.text();
  EXPECT_LE(text.size(), kLimit);
  EXPECT_GT(trace.shown(), 100u);
  EXPECT_EQ(trace.shown() + trace.left_out(), 2 * 5000u + 2 * 7u);
  const json parsed = json::parse(text);
  expect_strict_trace(parsed);
  EXPECT_EQ(parsed["otherData"]["tasks_left_out"], trace.left_out());
}

TEST(ChromeTrace, NamesEveryRowThatItShowsHoweverManyThereAre) {
  constexpr std::uint64_t kLimit = kLeastTraceShare;
  TrialTrace trial = steady_trial(Backend::kProcesses, 1000);
  for (std::size_t i = 0; i < trial.tasks.size();
       ++i) {  // each worker has one task, as where it is recycled at once
    auto& task = trial.tasks[i];
    task.process = task.thread = 200 + static_cast<int>(i);
    trial.events.push_back({.when_ns = task.begun_ns,
                            .kind = EventKind::kWorkerStarted,
                            .worker = static_cast<int>(i % 2),
                            .id = task.process});
  }
  ChromeTrace trace(kLimit, 1);
  trace.add(trial);
  const std::string text = trace.text();
  EXPECT_LE(text.size(), kLimit);
  EXPECT_EQ(trace.shown() + trace.left_out(), 1000u);
  expect_strict_trace(json::parse(text));
}

TEST(ChromeTrace, HoldsAsManyTasksAsItPromises) {
  ChromeTrace trace(1 << 20, 1);
  const std::uint32_t tasks = trace.tasks_of_next();
  trace.add(steady_trial(Backend::kProcesses, tasks));
  EXPECT_EQ(trace.shown(), tasks);
  EXPECT_EQ(trace.left_out(), 0u);
}

TEST(ChromeTrace, OfNothingIsAValidFile) { EXPECT_THAT(write({})["traceEvents"], IsEmpty()); }

std::uint64_t nap(std::uint64_t number) {
  if (number == 3) throw std::runtime_error("three");
  return number;
}
struct Naps {
  using Result = std::uint64_t;
  Naps(Pool&, const FlowOptions&) {}
  static Future<Result> submit(Intake& pool, std::uint64_t number) { return pool.submit<nap>(number); }
  static bool right(std::uint64_t number, Result result) { return result == number; }
  static std::uint64_t digest(Result result) { return result; }
};

class RecordedTasks : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    set_shared_trace(&trial_);
    trial_.record(true);
  }
  void TearDown() override { set_shared_trace(nullptr); }

  SharedTrace shared_ = SharedTrace::create(8);
  SharedTrace trial_ = SharedTrace::open(shared_.path());
};

TEST_P(RecordedTasks, HaveTheirTimesAndTheirWorker) {
  {
    const auto pool = make_pool(GetParam(), {.workers = 2});
    const Tally tally = make_flow<Naps>(*pool, {.trace = &trial_})->run({.tasks = 10, .window = 4}, nullptr);
    EXPECT_EQ(tally.delivered, 9u);
  }
  const TrialTrace seen = read_trace(shared_, shared_.made_ns(), INT64_MAX);
  ASSERT_EQ(seen.tasks.size(), 8u);
  EXPECT_EQ(seen.left_out, 2u);
  for (std::size_t i = 0; i < seen.tasks.size(); ++i) {
    const auto& task = seen.tasks[i];
    EXPECT_LE(task.submitted_ns, task.begun_ns);
    EXPECT_LE(task.begun_ns, task.ended_ns);
    EXPECT_EQ(task.threw, i == 3);
    EXPECT_EQ(seen.names[task.name], "nap");
    EXPECT_EQ(task.process == getpid(), GetParam() == Backend::kThreads);
    EXPECT_NE(task.thread, getpid());
  }
}

INSTANTIATE_TEST_SUITE_P(BothTwins, RecordedTasks, ::testing::ValuesIn(kBackends),
                         [](const auto& backend) { return std::string(name_of(backend.param)); });

TEST(SharedTrace, RecordsNothingUntilItIsTold) {
  SharedTrace shared = SharedTrace::create(1);
  EXPECT_FALSE(shared.take());
  EXPECT_EQ(shared.left_out(), 0u);
  shared.record(true);
  EXPECT_EQ(shared.take(), 0u);
  EXPECT_FALSE(shared.take());
  EXPECT_EQ(shared.left_out(), 1u);
}

TEST(SharedTrace, LeavesOutWhatMakesNoSense) {
  SharedTrace shared = SharedTrace::create(6);
  shared.record(true);
  const auto store = [&](std::int64_t submitted, std::int64_t accepted, std::int64_t begun,
                         std::int64_t ended) {
    TaskRecord& record = shared.task(*shared.take());
    record.submitted_ns = submitted;
    record.accepted_ns = accepted;
    record.begun_ns = begun;
    record.ended_ns = ended;
    record.process = record.thread = 7;
  };
  store(100, 110, 120, 130);
  store(140, 150, 130, 160);  // begun before it was submitted
  store(140, 150, 170, 160);  // ended before it began
  store(140, 150, 9999, 0);   // later than the end of all
  store(105, 150, 160, 170);  // submitted while the one before was
  store(200, 0, 210, 0);      // the program died meanwhile: no contradiction
  const TrialTrace seen = read_trace(shared, 90, 1000);
  ASSERT_EQ(seen.tasks.size(), 2u);
  EXPECT_EQ(seen.tasks[0].begun_ns, 120);
  EXPECT_EQ(seen.tasks[1].accepted_ns, 210);
}

TEST(SharedTrace, KeepsEventsInTheOrderOfTheirTimes) {
  SharedTrace shared = SharedTrace::create(1);
  const auto at = [](int ns) { return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns)); };
  Event event;
  event.worker = 1;
  event.id = 9;
  event.kind = EventKind::kWorkerLost;
  event.when = at(300);
  event.signal = SIGKILL;
  shared.note(event);
  event.kind = EventKind::kWorkerStarted;
  for (const int ns : {200, 5000}) {
    event.when = at(ns);
    shared.note(event);
  }
  const TrialTrace seen = read_trace(shared, 100, 1000);
  ASSERT_EQ(seen.events.size(), 2u);
  EXPECT_EQ(seen.events[0].kind, EventKind::kWorkerStarted);
  EXPECT_EQ(seen.events[1].signal, SIGKILL);
}

TEST(SharedTrace, CutsLongNamesAndSharesTheLastPlaceOfAFullTable) {
  SharedTrace shared = SharedTrace::create(1);
  EXPECT_EQ(shared.name_at(shared.name(std::string(100, 'x'))),
            std::string(SharedTrace::kNameBytes - 1, 'x'));
  for (std::uint32_t i = 1; i < SharedTrace::kNames; ++i) EXPECT_EQ(shared.name(std::to_string(i)), i);
  EXPECT_EQ(shared.name("one more"), SharedTrace::kNames - 1);
  EXPECT_EQ(shared.name("2"), 2u);
}

TEST(ShortName, IsTheLastPart) {
  EXPECT_EQ(short_name("app::{anonymous}::sort"), "sort");
  EXPECT_EQ(short_name("fib"), "fib");
}

}  // namespace
}  // namespace twinpool::bench
