// SPDX-License-Identifier: Apache-2.0
// A user's own workloads, through the built command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/command_run.h"

namespace twinpool::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kPlugins = TWINPOOL_PLUGINS;

std::string plugin(const std::string& name) { return kPlugins + "/libplugin_" + name + ".so"; }

std::vector<std::string> bench_one(const std::string& name) {
  return {"bench", "--workload", name, "--trials", "1", "--tasks", "20", "--workers", "2", "--json", "-"};
}

nlohmann::json only_cell(CommandRun& run) { return nlohmann::json::parse(run.out()).at("cells").at(0); }

TEST(Plugin, RunsOnBothTwinsWithOneChecksum) {
  auto words = bench_one("collatz");
  words.insert(words.end(), {"--load", plugin("collatz")});
  CommandRun run(words);
  ASSERT_EQ(run.code(), 0) << run.error();
  const auto cell = only_cell(run);
  EXPECT_EQ(cell.at("workload"), "collatz");
  ASSERT_EQ(cell.at("backends").size(), 2u);
  for (const auto& side : cell.at("backends")) {
    EXPECT_EQ(side.at("samples").at(0).at("delivered"), 60) << "20 warm, 20 measured, 10 warm and 10 timed";
  }
  EXPECT_EQ(cell.at("backends").at(0).at("samples").at(0).at("checksum"),
            cell.at("backends").at(1).at("samples").at(0).at("checksum"));
  EXPECT_TRUE(CommandRun::nothing_left());
}

TEST(Plugin, IsListedBesideTheBuiltInWorkloads) {
  CommandRun run({"list", "workloads", "--load", plugin("collatz")});
  EXPECT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), AllOf(HasSubstr("collatz"), HasSubstr("primes")));
}

struct Refusal {
  std::string path;
  std::string sentence;
};
class RefusedPlugin : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedPlugin, IsNamedInOneSentenceWithExitCode2) {
  CommandRun run({"bench", "--load", GetParam().path});
  EXPECT_EQ(run.code(), 2);
  EXPECT_THAT(run.error(), AllOf(HasSubstr(GetParam().path), HasSubstr(GetParam().sentence)));
  const std::string text = run.error();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(run.out(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Each, RefusedPlugin,
    ::testing::Values(Refusal{"/nonexistent/libmine.so", "No such file"}, Refusal{"/", "it is not a file"},
                      Refusal{TWINPOOL_COMMAND, "cannot load"},
                      Refusal{plugin("no_symbol"), "no symbol 'twinpool_workloads'"},
                      Refusal{plugin("other_abi"), "built for workload interface 2"},
                      Refusal{plugin("taken_name"), "the name of workload 'noop' is taken"},
                      Refusal{plugin("crashes_while_loaded"), "was killed by SIGSEGV"}));

TEST(Plugin, ThatCrashesInItsSetUpIsReportedAndNotFollowed) {
  auto words = bench_one("crashing-set-up");
  words.insert(words.end(), {"--load", plugin("crashing_set_up")});
  CommandRun run(words);
  EXPECT_EQ(run.code(), 1);
  EXPECT_THAT(run.error(), AllOf(HasSubstr("crashing-set-up"), HasSubstr("was killed by SIGSEGV")));
  EXPECT_TRUE(CommandRun::nothing_left());
}

TEST(Plugin, WhoseTasksCrashLosesTheThreadTwinsTrial) {
  auto words = bench_one("crashing-task");
  words.insert(words.end(), {"--load", plugin("crashing_set_up"), "--backend", "threads"});
  CommandRun run(words);
  EXPECT_EQ(run.code(), 1);
  EXPECT_THAT(run.error(), HasSubstr("was killed by SIGSEGV"));
}

TEST(LinkedWorkloads, AreThereWithoutLoading) {
  CommandRun run({"list", "workloads"}, {}, TWINPOOL_LINKED);
  EXPECT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.out(), AllOf(HasSubstr("collatz"), HasSubstr("primes")));
}

TEST(Suite, RunsEveryWorkloadOnBothTwinsWithOneChecksum) {
  CommandRun run(
      {"bench", "--suite", "full", "--trials", "1", "--tasks", "4", "--workers", "2", "--json", "-"});
  EXPECT_EQ(run.code(), 0) << run.error();
  const auto report = nlohmann::json::parse(run.out());
  EXPECT_GE(report.at("cells").size(), 35u);
  for (const auto& cell : report.at("cells")) {
    SCOPED_TRACE(cell.at("workload").get<std::string>());
    EXPECT_TRUE(cell.at("problems").empty()) << cell.at("problems");
    EXPECT_TRUE(cell.at("crashes").empty()) << cell.at("crashes");
    ASSERT_EQ(cell.at("backends").size(), 2u);
    EXPECT_EQ(cell.at("backends").at(0).at("samples").at(0).at("checksum"),
              cell.at("backends").at(1).at("samples").at(0).at("checksum"));
  }
}

}  // namespace
}  // namespace twinpool::bench
