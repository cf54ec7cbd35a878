// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/command_test.h"
#include "tests/bench/trace_checks.h"

/// `--trace` through the built command.
namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

using TraceCommand = CommandTest;

bool is_of(const json& trace, const json& event, const std::string& process) {
  const auto processes = processes_of(trace);
  return std::any_of(processes.begin(), processes.end(), [&](const auto& known) {
    return known.second == event.at("pid") && known.first.starts_with(process);
  });
}

TEST_F(TraceCommand, ShowsEveryTaskOfARoundInBothTwins) {
  CommandRun run({"bench", "--workload", "noop,fan-out", "--workers", "2", "--trials", "1", "--tasks", "20",
                  "--trace", path("t.json"), "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("shows 360 tasks of 4 trials of their own"));
  const json trace = read_json("t.json");
  expect_strict_trace(trace);
  EXPECT_EQ(trace["otherData"]["tasks_shown"], 2 * 20 + 2 * 20 * 8);  // a fan-out is 8 tasks
  EXPECT_EQ(trace["otherData"]["tasks_left_out"], 0);
  const auto processes = processes_of(trace);
  for (const char* cell : {"noop/workers:2", "fan-out/workers:2"}) {
    const std::string name = cell;
    EXPECT_TRUE(processes.contains(name + " threads"));
    EXPECT_TRUE(processes.contains(name + " processes: owner"));
    EXPECT_TRUE(processes.contains(name + " processes: worker 0"));
    EXPECT_TRUE(processes.contains(name + " processes: worker 1"));
    for (const char* twin : {" threads", " processes: owner"}) {
      for (const char* counter : {"queue", "PSS"}) {
        const auto counts = events_of(trace, "C");
        EXPECT_TRUE(std::any_of(counts.begin(), counts.end(),
                                [&](const json& event) {
                                  return event["name"] == counter &&
                                         event["pid"] == processes.at(name + twin);
                                }))
            << name << twin << counter;
      }
    }
  }
  for (const json& slice : events_of(trace, "X", "task")) EXPECT_EQ(slice["args"]["end"], "returned");
  // What was measured knows nothing of it.
  for (const json& cell : read_json("r.json")["cells"]) {
    for (const json& side : cell["backends"]) EXPECT_EQ(side["samples"].size(), 1u);
  }
}

TEST_F(TraceCommand, OfAnOpenLoopKeepsToItsSchedule) {
  CommandRun run({"bench", "--workload", "noop", "--workers", "1", "--trials", "1", "--rate", "200",
                  "--duration", "400ms", "--trace", path("t.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  const json trace = read_json("t.json");
  expect_strict_trace(trace);
  EXPECT_EQ(trace["otherData"]["tasks_shown"], 2 * 80);
  std::map<int, std::vector<std::int64_t>> submissions;
  for (const json& call : events_of(trace, "X", "submit")) submissions[call["pid"]].push_back(ns_of(call));
  ASSERT_EQ(submissions.size(), 2u);
  for (const auto& [process, times] : submissions) {
    ASSERT_EQ(times.size(), 80u);
    // A closed loop is through in a millisecond, the schedule takes 395.
    EXPECT_GE(times.back() - times.front(), 200'000'000);
  }
}

TEST_F(TraceCommand, OfAnOpenLoopWithCrashesShowsTheFirstLifeOfEachTwin) {
  CommandRun run({"bench", "--workload", "noop", "--workers", "1", "--trials", "1", "--rate", "200",
                  "--duration", "1s", "--crash-every", "250ms", "--trace", path("t.json"), "--json",
                  path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.error() << run.out();
  const json trace = read_json("t.json");
  expect_strict_trace(trace);
  std::map<std::string, int> crashes;
  for (const json& crash : events_of(trace, "i", "crash")) ++crashes[crash["name"]];
  EXPECT_EQ(crashes, (std::map<std::string, int>{{"the program was killed by SIGSEGV", 1},
                                                 {"worker lost: SIGSEGV", 3}}));
  EXPECT_EQ(events_of(trace, "i", "restart").size(), 3u);
}

TEST_F(TraceCommand, IsBoundedAndSaysWhatItLeftOut) {
  CommandRun run({"bench", "--workload", "noop", "--backend", "threads", "--trials", "1", "--tasks", "5000",
                  "--trace", path("t.json"), "--trace-limit", "128KiB"});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_LE(std::filesystem::file_size(path("t.json")), 128u << 10);
  const json trace = read_json("t.json");
  expect_strict_trace(trace);
  const std::uint64_t shown = trace["otherData"]["tasks_shown"];
  EXPECT_GT(shown, 50u);
  EXPECT_EQ(trace["otherData"]["tasks_left_out"], 5000 - shown);
  EXPECT_THAT(run.out(),
              HasSubstr(std::to_string(5000 - shown) + " tasks were left out (--trace-limit 128 KiB)"));
}

TEST_F(TraceCommand, ShowsACrashAsAnInstantAndItsReplacementAsANewProcess) {
  CommandRun run({"faults", "--fault", "segv", "--workers", "2", "--tasks", "60", "--repeat", "1", "--trace",
                  path("t.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  const json trace = read_json("t.json");
  expect_strict_trace(trace);

  const auto strikes = events_of(trace, "i", "fault");
  ASSERT_EQ(strikes.size(), 2u);  // one in each twin
  const auto crashes = events_of(trace, "i", "crash");
  ASSERT_EQ(crashes.size(), 2u);
  const bool threads_first = is_of(trace, crashes[0], "segv threads");
  const json& of_threads = crashes[threads_first ? 0 : 1];
  const json& of_processes = crashes[threads_first ? 1 : 0];
  EXPECT_EQ(of_threads["name"], "the program was killed by SIGSEGV");
  EXPECT_TRUE(is_of(trace, of_threads, "segv threads"));
  EXPECT_EQ(of_processes["name"], "worker lost: SIGSEGV");
  EXPECT_TRUE(is_of(trace, of_processes, "segv processes: worker "));

  const auto restarts = events_of(trace, "i", "restart");
  ASSERT_EQ(restarts.size(), 1u);
  EXPECT_NE(restarts[0]["pid"], of_processes["pid"]);
  EXPECT_GE(ns_of(restarts[0]), ns_of(of_processes));
  const auto processes = processes_of(trace);
  EXPECT_EQ(std::count_if(processes.begin(), processes.end(),
                          [&](const auto& one) {
                            return one.first.starts_with("segv processes: worker ") &&
                                   one.first.ends_with(", no. 2") && one.second == restarts[0]["pid"];
                          }),
            1);

  std::vector<json> unfinished;
  for (const json& slice : events_of(trace, "X", "task")) {
    if (slice["args"]["end"] == "unfinished" && is_of(trace, slice, "segv processes"))
      unfinished.push_back(slice);
  }
  ASSERT_EQ(unfinished.size(), 1u);
  EXPECT_EQ(unfinished[0]["name"], "faulty_task");
  EXPECT_EQ(unfinished[0]["pid"], of_processes["pid"]);
}

TEST_F(TraceCommand, OfAnExceptionShowsATaskThatThrew) {
  CommandRun run({"faults", "--fault", "throw", "--backend", "processes", "--workers", "2", "--tasks", "20",
                  "--repeat", "1", "--quiet", "--trace", path("t.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  const json trace = read_json("t.json");
  expect_strict_trace(trace);
  const auto tasks = events_of(trace, "X", "task");
  EXPECT_EQ(tasks.size(), 20u);
  EXPECT_EQ(
      std::count_if(tasks.begin(), tasks.end(), [](const json& t) { return t["args"]["end"] == "threw"; }),
      1);
  EXPECT_TRUE(events_of(trace, "i", "crash").empty());
}

TEST_F(TraceCommand, GoesToStandardOutputAlone) {
  CommandRun run({"bench", "--workload", "noop", "--backend", "threads", "--trials", "1", "--tasks", "5",
                  "--trace", "-"});
  ASSERT_EQ(run.code(), 0) << run.error();
  expect_strict_trace(json::parse(run.out()));
  EXPECT_THAT(run.error(), HasSubstr("ui.perfetto.dev"));
}

TEST_F(TraceCommand, RefusesWhatItCannotFollowWithOneSentence) {
  struct Mistake {
    std::vector<std::string> words;
    std::string sentence;
  };
  const Mistake mistakes[] = {
      {{"--trace", "/nonexistent/t.json"}, "--trace: cannot write '/nonexistent/t.json'"},
      {{"--trace-limit", "1MiB"}, "--trace-limit bounds the file of --trace; add --trace FILE"},
      {{"--trace", path("t.json"), "--trace-limit", "a lot"}, "--trace-limit"},
      {{"--trace", path("t.json"), "--trace-limit", "100KiB", "--workload", "noop"},
       "--trace-limit 100 KiB is too little for 2 traced trials"},
      {{"--trace", path("t.json"), "--json", path("t.json")}, "two results cannot both be written to"},
      {{"--trace", "-", "--json", "-"}, "standard output can take one result only"},
  };
  for (const Mistake& mistake : mistakes) {
    std::vector<std::string> words{"bench"};
    words.insert(words.end(), mistake.words.begin(), mistake.words.end());
    CommandRun run(words);
    EXPECT_EQ(run.code(), 2) << mistake.sentence;
    EXPECT_THAT(run.error(), HasSubstr(mistake.sentence));
    EXPECT_EQ(run.out(), "");
  }
  EXPECT_FALSE(std::filesystem::exists(path("t.json")));
}

}  // namespace
}  // namespace twinpool::bench
