// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/command_test.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PlanCommand : public CommandTest {
 protected:
  [[nodiscard]] bool has(const char* name) const { return std::filesystem::exists(path(name)); }
  bool wait_for(const char* name) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!has(name) && std::chrono::steady_clock::now() < deadline) usleep(500);
    return has(name);
  }
  /// Three cells, each with enough trials to be interrupted in.
  [[nodiscard]] std::vector<std::string> long_run(std::vector<std::string> more) const {
    std::vector<std::string> words{"bench", "--plan-file", path("plan.json"), "--no-progress"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void write_plan() const {
    std::ofstream(path("plan.json"))
        << R"({"kind": "plan", "schema_version": 1, "tasks": 40, "trials": 24, "cells": [
        {"workload": "noop", "workers": 1}, {"workload": "primes", "workers": [1, 2]}]})";
  }
};

std::vector<json> samples_of(const json& report, std::size_t cell) {
  std::vector<json> all;
  for (const json& side : report.at("cells").at(cell).at("backends")) {
    for (const json& sample : side.at("samples")) all.push_back(sample);
  }
  return all;
}

void expect_whole(const json& report) {
  EXPECT_FALSE(report.at("partial"));
  ASSERT_EQ(report.at("cells").size(), 3u);
  for (const json& cell : report.at("cells")) {
    EXPECT_TRUE(cell.at("complete"));
    for (const json& side : cell.at("backends")) EXPECT_EQ(side.at("samples").size(), 24u);
    const json& order = cell.at("order");
    ASSERT_EQ(order.size(), 48u);
    for (std::size_t i = 0; i < order.size(); i += 4) {  // ABBA or BAAB, also across the interruption
      EXPECT_EQ(order[i], order[i + 3]);
      EXPECT_NE(order[i], order[i + 1]);
    }
  }
  EXPECT_EQ(report.at("noise").at("control_before").size(), 6u);
  EXPECT_EQ(report.at("noise").at("control_after").size(), 6u);
}

TEST_F(PlanCommand, SaysWhatWouldBeRunAndRunsNothing) {
  write_plan();
  CommandRun run(long_run({"--plan", "--json", path("r.json")}));
  EXPECT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("3 cells, 24 pairs of trials each"));
  EXPECT_THAT(run.out(), HasSubstr("primes/workers:2"));
  EXPECT_THAT(run.out(), HasSubstr("Nothing was run."));
  EXPECT_FALSE(has("r.json"));
}

TEST_F(PlanCommand, GoesOnAfterCtrlCWithWhatIsLeft) {
  write_plan();
  {
    CommandRun run(long_run({"--json", path("r.json")}));
    ASSERT_TRUE(wait_for("r.json.partial"));  // the first cell is done
    run.send(SIGINT);
    ASSERT_EQ(run.code(), 130) << run.error();
    EXPECT_FALSE(has("r.json.partial"));  // all of it is in the JSON
  }
  const json before = read_json("r.json");
  EXPECT_TRUE(before.at("partial"));

  CommandRun other(long_run({"--resume", path("r.json"), "--seed", "7"}));
  EXPECT_EQ(other.code(), 2);
  EXPECT_THAT(other.error(), HasSubstr("its seed is 42, and this run's is 7"));
  EXPECT_EQ(read_json("r.json"), before);

  CommandRun run(long_run({"--resume", path("r.json")}));
  ASSERT_EQ(run.code(), 0) << run.error();
  const json after = read_json("r.json");
  expect_whole(after);
  EXPECT_FALSE(has("r.json.partial"));
  EXPECT_EQ(samples_of(after, 0), samples_of(before, 0));
  const std::size_t last = before.at("cells").size() - 1;
  for (std::size_t side = 0; side < 2; ++side) {  // of the interrupted cell nothing is lost either
    const json& kept = before.at("cells")[last].at("backends")[side].at("samples");
    for (std::size_t i = 0; i < kept.size(); ++i)
      EXPECT_EQ(after.at("cells")[last].at("backends")[side].at("samples")[i], kept[i]);
  }

  CommandRun again(long_run({"--resume", path("r.json")}));
  EXPECT_EQ(again.code(), 2);
  EXPECT_THAT(again.error(), HasSubstr("nothing to resume"));
}

TEST_F(PlanCommand, GoesOnAfterItWasKilled) {
  write_plan();
  {
    CommandRun run(long_run({"--json", path("r.json")}));
    ASSERT_TRUE(wait_for("r.json.partial"));
    run.send(SIGKILL);
    ASSERT_EQ(run.code(), 1000 + SIGKILL);
  }
  EXPECT_FALSE(has("r.json"));
  const json before = read_json("r.json.partial");
  EXPECT_GT(before.at("wall_s").get<double>(), 0);
  CommandRun run(long_run({"--resume", path("r.json.partial")}));
  ASSERT_EQ(run.code(), 0) << run.error();
  expect_whole(read_json("r.json"));
  EXPECT_EQ(samples_of(read_json("r.json"), 0), samples_of(before, 0));
  EXPECT_FALSE(has("r.json.partial"));
}

TEST_F(PlanCommand, EndsWithoutThePrecisionThatCannotBeHadAndSaysSo) {
  const std::vector<std::string> words{"bench",   "--workload",   "noop",        "--workers", "1",
                                       "--tasks", "20",           "--trials",    "6",         "--quiet",
                                       "--json",  path("r.json"), "--precision", "0.0001%"};
  CommandRun run(words);
  EXPECT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("NOT REACHED within 60 pairs"));
  EXPECT_THAT(run.error(), IsEmpty());
  const json cell = read_json("r.json").at("cells")[0];
  EXPECT_EQ(cell.at("backends")[0].at("samples").size(), 60u);
  EXPECT_EQ(cell.at("judgement").at("precision_reached"), false);
}

TEST_F(PlanCommand, StopsOnceThePrecisionIsThereAndStrictMindsWhenItIsNot) {
  const auto words = [&](const char* precision) {
    return std::vector<std::string>{"bench",    "--workload",  "noop",     "--workers", "1",
                                    "--tasks",  "20",          "--trials", "6",         "--quiet",
                                    "--strict", "--precision", precision,  "--json",    path("r.json")};
  };
  CommandRun easy(words("100%"));
  const int code = easy.code();
  const json judgement = read_json("r.json").at("cells")[0].at("judgement");
  EXPECT_EQ(code, judgement.at("precision_reached") == true ? 0 : 6) << easy.out();
  EXPECT_EQ(judgement.at("precision_reached"), judgement.at("half_width").get<double>() <= 1.0);
  CommandRun hard(words("0.0001%"));
  EXPECT_EQ(hard.code(), 6) << hard.error();
}

TEST_F(PlanCommand, RunsOneBackendOnBothSides) {
  CommandRun run({"bench", "--workload", "noop", "--workers", "1", "--tasks", "20", "--trials", "6", "--aa",
                  "threads", "--interval", "bootstrap", "--json", path("r.json")});
  ASSERT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), HasSubstr("A/A test: threads ran on both sides"));
  EXPECT_THAT(run.out(), Not(HasSubstr("One crash")));
  const json report = read_json("r.json");
  EXPECT_EQ(report.at("options").at("interval"), "bootstrap");
  EXPECT_EQ(report.at("cells")[0].at("aa"), "threads");
  // Both are pools of threads: one process each.
  for (const json& side : report.at("cells")[0].at("backends"))
    EXPECT_EQ(side.at("memory_at_rest").at("processes"), 1);
}

}  // namespace
}  // namespace twinpool::bench
