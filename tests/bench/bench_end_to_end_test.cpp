// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "bench/machine_card.h"
#include "bench/workloads/registry.h"
#include "tests/bench/command_test.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using BenchCommand = CommandTest;

void expect_balance(const json& sample) {
  const auto count = [&](const char* name) { return sample.at(name).get<std::uint64_t>(); };
  EXPECT_TRUE(sample.at("balanced"));
  EXPECT_EQ(count("failed") + count("lost") + count("wrong"), 0u);
  EXPECT_GE(count("delivered"), count("tasks"));
  EXPECT_GT(sample.at("wall_s").get<double>(), 0);
  EXPECT_GT(sample.at("start_up_s").get<double>(), 0);
  EXPECT_FALSE(sample.at("latency_ns").empty());
}

void expect_order_is_counterbalanced(const json& order) {
  ASSERT_EQ(order.size() % 4, 0u);
  for (std::size_t i = 0; i < order.size(); i += 4) {  // ABBA or BAAB
    EXPECT_EQ(order[i], order[i + 3]);
    EXPECT_EQ(order[i + 1], order[i + 2]);
    EXPECT_NE(order[i], order[i + 1]);
  }
}

TEST_F(BenchCommand, ComparesBothTwinsAndWritesEverySample) {
  CommandRun run({"bench", "--trials", "8", "--tasks", "50", "--workload", "noop", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("noise: foreign CPU"));
  EXPECT_THAT(run.out(), HasSubstr("control A/A"));
  EXPECT_THAT(run.out(), HasSubstr("results were checked and right"));
  EXPECT_THAT(run.out(), Not(HasSubstr("\033")));
  EXPECT_THAT(run.error(), HasSubstr("[1/1] noop"));

  const json report = read_json("r.json");
  EXPECT_EQ(report.at("schema_version"), 1);
  EXPECT_EQ(report.at("kind"), "bench");
  EXPECT_EQ(report.at("seed"), 42);
  EXPECT_FALSE(report.at("partial"));
  EXPECT_FALSE(report.at("machine").at("kernel").get<std::string>().empty());
  EXPECT_EQ(report.at("noise").at("control_before").size(), 6u);
  EXPECT_EQ(report.at("noise").at("control_after").size(), 6u);
  ASSERT_EQ(report.at("cells").size(), 1u);
  const json& cell = report.at("cells")[0];
  EXPECT_TRUE(cell.at("complete"));
  EXPECT_THAT(cell.at("problems"), IsEmpty());
  expect_order_is_counterbalanced(cell.at("order"));
  std::set<std::string> checksums;
  for (const json& side : cell.at("backends")) {
    ASSERT_EQ(side.at("samples").size(), 8u);
    for (const json& sample : side.at("samples")) {
      expect_balance(sample);
      EXPECT_EQ(sample.at("tasks"), 50);
      checksums.insert(sample.at("checksum"));
    }
    EXPECT_GT(side.at("memory_at_rest").at("pss_bytes"), 0);
    EXPECT_GT(side.at("memory_at_peak").at("uss_bytes"), 0);
  }
  EXPECT_EQ(checksums.size(), 1u);
  EXPECT_EQ(cell.at("backends")[0].at("memory_at_rest").at("processes"), 1);
  EXPECT_GE(cell.at("backends")[1].at("memory_at_rest").at("processes"), 3);
}

TEST_F(BenchCommand, RunsTheDefaultSuiteRightOnBothTwins) {
  CommandRun run(
      {"bench", "--trials", "1", "--tasks", "12", "--window", "4", "--json", path("r.json"), "--quiet"});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  const json report = read_json("r.json");
  EXPECT_EQ(report.at("cells").size(), workloads_of_suite("default").size());
  for (const json& cell : report.at("cells")) {
    for (const json& side : cell.at("backends")) {
      for (const json& sample : side.at("samples")) expect_balance(sample);
    }
  }
}

TEST_F(BenchCommand, GivesDataAloneOnStandardOutputWhenAsked) {
  CommandRun run({"bench", "--backend", "threads", "--trials", "1", "--tasks", "20", "--workload", "noop",
                  "--workers", "1,2", "--json", "-"});
  ASSERT_EQ(run.code(), 0) << run.error();
  const json report = json::parse(run.out());
  ASSERT_EQ(report.at("cells").size(), 2u);
  EXPECT_EQ(report.at("cells")[1].at("workers"), 2);
  EXPECT_EQ(report.at("cells")[1].at("finding"), "not compared");
  EXPECT_THAT(run.error(), HasSubstr("tasks per second"));
}

TEST_F(BenchCommand, HandsTasksOutAsToldForEachNumberOfWorkers) {
  CommandRun run({"bench", "--backend", "threads", "--trials", "1", "--tasks", "30", "--workload", "noop",
                  "--workers", "1..3", "--strategy", "interleaved-weighted-round-robin", "--stealing", "off",
                  "--priority", "-5", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(),
              HasSubstr("1,2,3 workers  interleaved-weighted-round-robin, stealing off  priority -5"));
  EXPECT_THAT(run.out(), HasSubstr("noop w=3"));
  const json report = read_json("r.json");
  ASSERT_EQ(report.at("cells").size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const json& cell = report.at("cells")[static_cast<std::size_t>(i)];
    EXPECT_EQ(cell.at("workers"), i + 1);
    EXPECT_EQ(cell.at("strategy"), "interleaved-weighted-round-robin");
    EXPECT_EQ(cell.at("stealing"), false);
    EXPECT_EQ(cell.at("priority"), -5);
    expect_balance(cell.at("backends")[0].at("samples")[0]);
  }
}

TEST_F(BenchCommand, MeasuresAnOpenLoopWithAStallAndAClosedOneBesideIt) {
  CommandRun run({"bench", "--workload", "noop", "--workers", "2", "--rate", "1k", "--arrivals", "poisson",
                  "--duration", "800ms", "--stall", "300ms", "--trials", "2", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  EXPECT_THAT(run.out(), HasSubstr("Open loop, noop at 1"));
  EXPECT_THAT(run.out(), HasSubstr("Stall of 300 ms, noop with threads: the open loop has 1"));
  EXPECT_THAT(run.out(), HasSubstr("600 samples, too few for p99.9 (10"));
  EXPECT_THAT(run.out(), HasSubstr("closed loop"));
  const json report = read_json("r.json");
  const json& cell = report.at("cells").at(0);
  EXPECT_EQ(cell.at("open_loop").at("rate_tasks_per_s"), 1000);
  EXPECT_EQ(cell.at("open_loop").at("arrivals"), "poisson");
  EXPECT_EQ(cell.at("open_loop").at("stall_s"), 0.3);
  EXPECT_EQ(cell.at("tasks"), 800);
  EXPECT_THAT(cell.at("problems"), IsEmpty());
  std::vector<double> offered;  // the schedule that each trial was given, by what it came to
  for (const json& side : cell.at("backends")) {
    EXPECT_GE(side.at("latency").at("max_s").get<double>(), 0.25);
    EXPECT_GE(side.at("latency").at("p90_s").get<double>(),
              side.at("open_loop").at("service").at("p50_s").get<double>());
    for (const json& sample : side.at("samples")) {
      EXPECT_TRUE(sample.at("balanced"));
      EXPECT_THAT(sample.at("latency_ns"), IsEmpty());
      const json& open = sample.at("open_loop");
      EXPECT_EQ(open.at("offered"), 800);
      EXPECT_EQ(open.at("stalls"), 1);
      EXPECT_EQ(open.at("held"), 2);
      EXPECT_GT(open.at("closed").at("tasks"), 0);
      offered.push_back(open.at("offered_tasks_per_s"));
    }
  }
  ASSERT_EQ(offered.size(), 4u);
  EXPECT_EQ(offered[0], offered[2]);  // both backends of a pair
  EXPECT_EQ(offered[1], offered[3]);
  EXPECT_NE(offered[0], offered[1]);
}

TEST_F(BenchCommand, LosesNoTaskOfAnOpenLoopToCrashesThatEndTheThreadsProgramAndNotTheProcesses) {
  CommandRun run({"bench", "--workload", "sort", "--workers", "2", "--rate", "200/s", "--crash-every",
                  "400ms", "--duration", "1100ms", "--trials", "1", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  const json report = read_json("r.json");
  const json& sides = report.at("cells").at(0).at("backends");
  for (const json& side : sides) {
    const json& sample = side.at("samples").at(0);
    EXPECT_EQ(sample.at("delivered"), 220);
    EXPECT_EQ(sample.at("open_loop").at("crashes"), 2);
    EXPECT_EQ(sample.at("open_loop").at("restarts"), side.at("backend") == "threads" ? 2 : 0);
  }
  EXPECT_EQ(sides.at(0).at("samples").at(0).at("checksum"), sides.at(1).at("samples").at(0).at("checksum"));
  EXPECT_THAT(run.out(), HasSubstr("with threads: 2 in all, and the program was started again 2 times"));
  EXPECT_THAT(run.out(), HasSubstr("with processes: 2 in all, and the program lived on"));
}

TEST_F(BenchCommand, MeasuresARateBeyondTheCapacityAndSaysSo) {
  CommandRun run({"bench", "--workload", "sort", "--workers", "1", "--rate", "400%", "--duration", "100ms",
                  "--trials", "1", "--backend", "threads", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  EXPECT_THAT(run.out(), HasSubstr("SATURATED: sort with threads could not keep up"));
  const json side = read_json("r.json").at("cells").at(0).at("backends").at(0);
  EXPECT_FALSE(side.at("open_loop").at("keeps_up"));
  EXPECT_LT(side.at("open_loop").at("achieved_share"), 0.99);
}

TEST_F(BenchCommand, SweepsAWindowAndFindsWhetherItHasAKnee) {
  CommandRun run({"bench", "--workload", "noop", "--workers", "1", "--sweep", "window=1..8", "--tasks", "200",
                  "--trials", "1", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  EXPECT_THAT(run.out(), HasSubstr("noop by window"));
  EXPECT_THAT(run.out(), HasSubstr("noop by window with processes: "));
  const json report = read_json("r.json");
  EXPECT_EQ(report.at("cells").size(), 4u);
  ASSERT_EQ(report.at("curves").size(), 2u);
  EXPECT_EQ(report.at("curves").at(0).at("points").at(3).at("x"), 8);
}

TEST_F(BenchCommand, FindsTheRateThatIsTooMuchInARamp) {
  CommandRun run({"bench", "--workload", "sort", "--workers", "1", "--ramp", "20%..400%", "--duration",
                  "400ms", "--trials", "1", "--backend", "threads", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.out() << run.error();
  EXPECT_THAT(run.out(), HasSubstr("sort by rate, workers:1/rate:20%..400% with threads: the knee "));
  const json report = read_json("r.json");
  ASSERT_EQ(report.at("curves").size(), 1u);
  const json& curve = report.at("curves").at(0);
  EXPECT_TRUE(curve.at("ramp"));
  EXPECT_EQ(curve.at("points").size(), 10u);
  EXPECT_LT(curve.at("points").back().at("achieved_share"), 0.99);
  const json& ramp =
      report.at("cells").at(0).at("backends").at(0).at("samples").at(0).at("open_loop").at("ramp");
  EXPECT_EQ(ramp.size(), 10u);
  CommandRun diff({"diff", path("r.json"), path("r.json")});
  EXPECT_EQ(diff.code(), 0) << diff.error();
}

TEST_F(BenchCommand, CountsTheWordsOfAFile) {
  std::ofstream(path("text")) << "some words\nin a file " << std::string(500, 'x') << " end\n";
  CommandRun run({"bench", "--trials", "1", "--tasks", "9", "--workload", "wordcount", "--payload", "64",
                  "--input", path("text"), "--quiet"});
  EXPECT_EQ(run.code(), 0) << run.out() << run.error();
}

TEST_F(BenchCommand, TakesAQuietPathAndItsColours) {
  CommandRun run({"bench", "--backend", "threads", "--trials", "1", "--tasks", "9", "--workload", "noop",
                  "--no-progress", "--color", "always", "--ascii"},
                 {{"LC_ALL", "C.UTF-8"}});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.error(), IsEmpty());
  EXPECT_THAT(run.out(), HasSubstr("\033["));
  const std::string out = run.out();
  for (const char c : out) ASSERT_EQ(static_cast<unsigned char>(c) & 0x80, 0);
}

TEST_F(BenchCommand, LeavesTheOldJsonAloneWhenItIsKilled) {
  std::ofstream(path("r.json")) << "old";
  {
    CommandRun run({"bench", "--json", path("r.json")});
    while (list_process_tree(run.pid()).size() < 2) usleep(1000);
    run.send(SIGKILL);
    EXPECT_EQ(run.code(), 1000 + SIGKILL);
  }
  std::ifstream file(path("r.json"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "old");
}

TEST_F(BenchCommand, OnCtrlCPrintsWhatItHasEndsEverythingAndSaysPartial) {
  CommandRun run({"bench", "--trials", "1000", "--tasks", "50", "--workload", "noop", "primes", "--json",
                  path("r.json")});
  // The first trials come after the control; a process tree of four is a process pool at work in a trial.
  std::size_t seen = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int pools = 0; pools < 3 && std::chrono::steady_clock::now() < deadline;) {
    const std::size_t size = list_process_tree(run.pid()).size();
    if (size >= 4 && seen < 4) ++pools;
    seen = size;
  }
  run.send(SIGINT);
  EXPECT_EQ(run.code(), 130) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("This result is partial"));
  EXPECT_TRUE(CommandRun::nothing_left());
  const json report = read_json("r.json");
  EXPECT_TRUE(report.at("partial"));
  EXPECT_FALSE(report.at("cells")[0].at("complete"));
}

TEST_F(BenchCommand, SaysInOneSentenceThatThePoolCannotStart) {
  if (!name_sanitizers().empty()) GTEST_SKIP() << "a sanitizer needs the address space for itself";
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit little{std::size_t{400} << 20, before.rlim_max};
  setrlimit(RLIMIT_AS, &little);  // the segment of the process twin takes 1 GiB of address space
  CommandRun run({"bench", "--backend", "processes", "--trials", "1", "--tasks", "9", "--workload", "noop"});
  setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(run.code(), 4) << run.error();
  EXPECT_THAT(run.error(), HasSubstr("a pool could not be started"));
  const std::string error = run.error();
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
}

}  // namespace
}  // namespace twinpool::bench
