// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/cli.h"
#include "bench/reporters/environment.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/progress.h"
#include "bench/reporters/table.h"
#include "bench/reporters/terminal.h"
#include "bench/reporters/text_table.h"
#include "bench/reporters/verdict.h"
#include "tests/bench/scratch_directory.h"

namespace twinpool::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Sample make_sample(double throughput) {
  Sample sample;
  sample.tasks = 1000;
  sample.delivered = 1000;
  sample.throughput_tasks_per_s = throughput;
  sample.wall_s = 1000 / throughput;
  sample.cpu_user_s = 2 * sample.wall_s;
  sample.start_up_s = 0.001;
  sample.checksum = 0xfedcba9876543210;
  sample.balanced = true;
  sample.latency_ns = {1000, 2000, 3000};
  return sample;
}

/// `pairs` pairs in which processes reach `ratio` of the threads' throughput, give or take a little.
BenchResults make_results(double ratio, int pairs, double jitter = 0.01, const char* workload = "noop") {
  BenchResults results;
  results.plan =
      make_plan({.workloads = {workload}}, {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  results.usable_cpus = 2;
  CellResult cell{.cell = results.plan.cells.front(), .tasks = 1000};
  cell.sides = {{.backend = Backend::kThreads}, {.backend = Backend::kProcesses}};
  for (int i = 0; i < pairs; ++i) {
    cell.sides[0].samples.push_back(make_sample(1000));
    cell.sides[1].samples.push_back(make_sample(1000 * ratio * (1 + jitter * (i % 2 == 0 ? 1 : -1))));
  }
  for (auto& side : cell.sides) {
    side.rest = MemoryUse{.pss_bytes = 1 << 20, .uss_bytes = 1 << 19, .rss_bytes = 1 << 21, .processes = 1};
    side.peak = MemoryUse{.pss_bytes = 2 << 20, .uss_bytes = 1 << 19, .rss_bytes = 1 << 21, .processes = 1};
  }
  cell.sides[1].peak->pss_bytes = 6 << 20;
  cell.complete = true;
  results.cells.push_back(cell);
  return results;
}

TEST(Finding, IsTheFasterTwinWhenTheIntervalIsClearOfOne) {
  EXPECT_EQ(find(make_results(0.6, 10).cells[0], 2), CellFinding::kThreads);
  EXPECT_EQ(find(make_results(1.6, 10).cells[0], 2), CellFinding::kProcesses);
}

TEST(Finding, IsNoClearDifferenceWhenTheIntervalIncludesOne) {
  EXPECT_EQ(find(make_results(1.0, 10, 0.3).cells[0], 2), CellFinding::kNoDifference);
  EXPECT_EQ(name_of(CellFinding::kNoDifference), "no clear difference");
}

TEST(Finding, IsTheSameWhenItIsSmallerThanTheMargin) {
  EXPECT_EQ(find(make_results(0.98, 10, 0.001).cells[0], 2), CellFinding::kSame);
  EXPECT_EQ(find(make_results(0.96, 10, 0.001).cells[0], 2), CellFinding::kThreads);
}

TEST(Finding, NeedsSixPairs) {
  EXPECT_EQ(find(make_results(0.6, 5).cells[0], 2), CellFinding::kTooFewPairs);
  EXPECT_EQ(find(make_results(0.6, 6).cells[0], 2), CellFinding::kThreads);
}

TEST(Finding, IsWithheldWhenOthersTookTheCpus) {
  BenchResults results = make_results(0.6, 10);
  for (auto& side : results.cells[0].sides) {
    for (Sample& sample : side.samples) sample.cpu_user_s = sample.wall_s;
  }
  EXPECT_EQ(find(results.cells[0], 2), CellFinding::kThreads);  // the cell just does not use more
  results.cells[0].foreign_cpu = 0.4;
  EXPECT_EQ(find(results.cells[0], 2), CellFinding::kTooNoisy);
}

TEST(Expectation, IsMetMissedOrOpen) {
  const auto compare = [](const BenchResults& results) {
    return compare_with_expectation(results.cells[0], find(results.cells[0], 2));
  };
  EXPECT_EQ(compare(make_results(0.6, 10)), "as expected");
  EXPECT_EQ(compare(make_results(1.6, 10)), "surprise");
  EXPECT_EQ(compare(make_results(1.0, 10, 0.001)), "surprise");
  EXPECT_EQ(compare(make_results(1.0, 10, 0.001, "primes")), "as expected");
  // A difference within the margin that the author declared (10 %) is one that was expected to be none.
  EXPECT_EQ(compare(make_results(0.93, 10, 0.001, "sort")), "as expected");
  EXPECT_EQ(compare(make_results(0.8, 10, 0.001, "sort")), "surprise");
  EXPECT_THAT(compare(make_results(1.0, 10, 0.3)), Not(HasSubstr("surprise")));
}

TEST(Verdict, SaysRatioIntervalAndMemory) {
  const std::string text = print_verdict(make_results(0.6, 10));
  EXPECT_THAT(text,
              HasSubstr("processes delivered 0.60x (95 % CI 0.59 to 0.61) of the throughput of threads"));
  EXPECT_THAT(text, HasSubstr("3.0x the memory"));
  EXPECT_THAT(text, HasSubstr("All 20"));
}

TEST(Verdict, SaysNoClearDifference) {
  EXPECT_THAT(print_verdict(make_results(1.0, 10, 0.3)), HasSubstr("no clear difference"));
}

TEST(Verdict, SaysWhatWasWrong) {
  BenchResults results = make_results(0.6, 10);
  results.cells[0].sides[1].samples[3].checksum = 1;
  collect_problems(results.cells[0]);
  ASSERT_EQ(results.cells[0].problems.size(), 1u);
  EXPECT_THAT(print_verdict(results),
              HasSubstr("WRONG RESULT: noop: the checksum of processes in trial 4 differs"));
  EXPECT_THAT(print_verdict(results), Not(HasSubstr("checked and right")));
}

TEST(Problems, NameWrongResultsAndUnbalancedCounts) {
  BenchResults results = make_results(0.6, 6);
  results.cells[0].sides[0].samples[0].first_mistake = "task 7: its result is wrong";
  results.cells[0].sides[1].samples[1].balanced = false;
  collect_problems(results.cells[0]);
  ASSERT_EQ(results.cells[0].problems.size(), 2u);
  EXPECT_THAT(results.cells[0].problems[0], HasSubstr("task 7"));
  EXPECT_THAT(results.cells[0].problems[1], HasSubstr("do not add up"));
}

TEST(Tables, HaveColoursOnlyWhereTheStyleHas) {
  const BenchResults results = make_results(0.6, 10);
  EXPECT_THAT(print_tables(results, {.colour = false}), Not(HasSubstr("\033[")));
  EXPECT_THAT(print_tables(results, {.colour = true}), HasSubstr("\033["));
}

TEST(Tables, NeverPrintARatioWithoutItsIntervalOrCount) {
  EXPECT_THAT(print_tables(make_results(0.6, 10), {}), HasSubstr("0.60x [0.59, 0.61]"));
  EXPECT_THAT(print_tables(make_results(0.6, 3), {}), HasSubstr("x (n=3)"));
}

TEST(Report, HoldsEverySampleAndNoNumberThatIsNone) {
  const auto report = make_report(make_results(0.6, 3), {"twinpool", "bench"});
  const auto& cell = report.at("cells").at(0);
  EXPECT_EQ(report.at("schema_version"), 1);
  EXPECT_FALSE(report.at("partial"));
  EXPECT_EQ(cell.at("backends").at(0).at("samples").size(), 3u);
  EXPECT_EQ(cell.at("backends").at(1).at("samples").at(2).at("latency_ns").size(), 3u);
  EXPECT_EQ(cell.at("backends").at(0).at("samples").at(0).at("checksum"), "fedcba9876543210");
  EXPECT_FALSE(
      cell.at("processes_over_threads").at("throughput").contains("low"));  // three pairs have no interval
}

TEST(Dispatch, IsNamedByTheFirstLineAndEachCell) {
  BenchResults results = make_results(0.6, 3);
  EXPECT_THAT(environment_line(results.plan), Not(HasSubstr("stealing")));
  const auto plain = make_report(results, {}).at("cells").at(0);
  EXPECT_EQ(plain.at("strategy"), "shared-queue");
  EXPECT_TRUE(plain.at("priority").is_null());

  results.plan = make_plan({.workloads = {"noop"}, .priority = "7", .strategy = "round-robin"},
                           {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  results.cells[0].cell = results.plan.cells[0];
  EXPECT_THAT(environment_line(results.plan),
              HasSubstr("  2 workers  round-robin, stealing on  priority 7  "));
  const auto told = make_report(results, {}).at("cells").at(0);
  EXPECT_EQ(told.at("strategy"), "round-robin");
  EXPECT_EQ(told.at("stealing"), true);
  EXPECT_EQ(told.at("priority"), 7);
}

TEST(RoundSpec, CrossesAsJsonWithItsDispatch) {
  const Plan plan =
      make_plan({.workloads = {"noop"}, .priority = "-3", .strategy = "least-used", .stealing = "off"},
                {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  const nlohmann::json json = make_round_spec(plan.cells[0], Backend::kThreads, 5, {});
  const auto back = json.get<RoundSpec>();
  EXPECT_EQ(back.flow.priority, -3);
  EXPECT_EQ(back.strategy, Strategy::kLeastUsed);
  EXPECT_FALSE(back.stealing);
}

TEST(Samples, CrossAsJson) {
  const nlohmann::json json = make_sample(1234.5);
  const auto back = json.get<Sample>();
  EXPECT_EQ(back.throughput_tasks_per_s, 1234.5);
  EXPECT_EQ(back.checksum, 0xfedcba9876543210);
  EXPECT_EQ(back.latency_ns, (std::vector<std::int64_t>{1000, 2000, 3000}));
}

TEST(TextTable, LinesUpWhateverTheLettersAndColours) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kRight});
  table.add({"a", "1 ±"});
  table.add({"\033[34mbb\033[0m", "100"});
  EXPECT_EQ(table.str(), "a   1 ±\n\033[34mbb\033[0m  100\n");
}

TEST(Spelling, IsAsciiWhereTheStyleIs) {
  EXPECT_EQ(spell({.utf8 = false}, "3 ± 1 µs, a ÷ b, 1\u202f000"), "3 +- 1 us, a / b, 1 000");
  EXPECT_EQ(spell({.utf8 = true}, "3 ± 1"), "3 ± 1");
}

TEST(Style, HasNoColoursForAFileUnlessAsked) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_FALSE(detect_style(file, ColorChoice::kAuto, false).colour);
  EXPECT_TRUE(detect_style(file, ColorChoice::kAlways, false).colour);
  EXPECT_FALSE(detect_style(file, ColorChoice::kAlways, true).utf8);
  EXPECT_FALSE(can_redraw(file));
  std::fclose(file);
}

TEST(ProgressLines, TellCellEstimateAndRest) {
  BenchResults results = make_results(0.6, 10);
  results.plan.cells.push_back(results.plan.cells[0]);  // one is still to come
  const auto progress = make_progress(ProgressKind::kLines);
  ::testing::internal::CaptureStderr();
  progress->cell_begins(results);
  progress->pair_done(results, 10);
  progress->cell_done(results);
  progress->finished();
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, ::testing::StartsWith("[1/2] noop"));
  EXPECT_THAT(line, HasSubstr("foreign 0 %"));
  EXPECT_THAT(line, HasSubstr("ratio 0.60 [0.59, 0.61]"));
  EXPECT_THAT(line, HasSubstr(" left\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(ProgressLines, AreNoneWhenItShallBeSilent) {
  const BenchResults results = make_results(0.6, 10);
  const auto progress = make_progress(ProgressKind::kNone);
  ::testing::internal::CaptureStderr();
  progress->control(results);
  progress->cell_begins(results);
  progress->pair_done(results, 1);
  progress->cell_done(results);
  progress->finished();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

class OutputFiles : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const char* name) const { return (directory_ / name).string(); }
  [[nodiscard]] std::string content(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(path(name)).rdbuf();
    return text.str();
  }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(directory_.path()), {});
  }
  const ScratchDirectory directory_;
};

TEST_F(OutputFiles, AreThereWholeOrNotAtAll) {
  std::ofstream(path("result")) << "old";
  {
    OutputFile file(path("result"));
    EXPECT_EQ(content("result"), "old");
    file.commit("new");
  }
  EXPECT_EQ(content("result"), "new");
  EXPECT_EQ(files(), 1);
}

TEST_F(OutputFiles, AreUntouchedWhenNothingWasCommitted) {
  std::ofstream(path("result")) << "old";
  { const OutputFile file(path("result")); }
  EXPECT_EQ(content("result"), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(OutputFiles, AreRefusedBeforeTheWork) {
  EXPECT_THROW(static_cast<void>(open_output("--json", path("missing/result"))), UsageError);
  EXPECT_THROW(static_cast<void>(open_output("--json", directory_.path().string())), UsageError);
  EXPECT_EQ(open_output("--json", ""), nullptr);
}

}  // namespace
}  // namespace twinpool::bench
