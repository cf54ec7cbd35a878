// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/cell_name.h"
#include "bench/cli.h"
#include "bench/diff.h"
#include "bench/formats/outputs.h"
#include "tests/bench/fixed_results.h"
#include "tests/bench/scratch_directory.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

TEST(CellName, IsTheWorkloadAndWhatDiffersFromTheDefaults) {
  const Plan plan = make_plan({.workloads = {"echo"}, .workers = {"2"}, .window = "8", .payload = "4096"},
                              {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  EXPECT_EQ(name_of(plan.cells[0]), "echo/workers:2/payload:4096/window:8");
  EXPECT_EQ(name_of(plan.cells[0], "threads", '='), "echo/backend=threads/workers=2/payload=4096/window=8");
  EXPECT_EQ(file_name_of(fixed_results().cells[0].cell), "noop,workers=2");
}

TEST(CellName, HasTheLoadOfAnOpenLoop) {
  const Plan plan = make_plan({.workloads = {"noop"},
                               .workers = {"2"},
                               .rates = {"70%,20k"},
                               .arrivals = "poisson",
                               .stall = "20ms",
                               .stall_every = "100ms"},
                              {.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30});
  EXPECT_EQ(name_of(plan.cells[0]),
            "noop/workers:2/rate:70%/arrivals:poisson/stall_ms:20/stall_every_ms:100");
  EXPECT_EQ(name_of(plan.cells[1]),
            "noop/workers:2/rate:20000/arrivals:poisson/stall_ms:20/stall_every_ms:100");
}

TEST(CellName, HasTheRatesOfARamp) {
  const auto name = [](const char* ramp) {
    const MachineRoom room{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};
    return name_of(make_plan({.workloads = {"noop"}, .ramp = ramp}, room).cells.at(0));
  };
  EXPECT_EQ(name("10%..120%"), "noop/workers:2/rate:10%..120%");
  EXPECT_EQ(name("1k..20k"), "noop/workers:2/rate:1000..20000");
}

TEST(CellName, HasTheParametersThatAreNotAtTheirDefaults) {
  const MachineRoom room{.usable_cpus = 2, .available_bytes = std::uint64_t{8} << 30};
  const auto name = [&](const char* parameter) {
    BenchOptions options{.workloads = {"batch"}, .workers = {"2"}};
    if (parameter != nullptr) options.parameters = {parameter};
    return name_of(make_plan(options, room).cells.at(0));
  };
  EXPECT_EQ(name(nullptr), "batch/workers:2");
  EXPECT_EQ(name("batch=8"), "batch/workers:2/batch:8");
}

TEST(Formats, AreChosenBySuffixOrName) {
  EXPECT_EQ(choose_format("a/b.google.json", "").name, "google");
  EXPECT_EQ(choose_format("b.json", "").name, "json");
  EXPECT_EQ(choose_format("b.json", "bencher").name, "bencher");
  EXPECT_EQ(choose_format("-", "csv").name, "csv");
  EXPECT_THROW(static_cast<void>(choose_format("b.pdf", "")), UsageError);
  EXPECT_THROW(static_cast<void>(choose_format("-", "")), UsageError);
  EXPECT_THROW(static_cast<void>(choose_format("b.json", "jsno")), UsageError);
}

TEST(Formats, NeverWriteWhatIsNoNumber) {
  BenchResults results = fixed_results();
  Sample& sample = results.cells[0].sides[0].samples[0];
  sample.wall_s = sample.cpu_user_s = std::numeric_limits<double>::quiet_NaN();
  sample.start_up_s = std::numeric_limits<double>::infinity();
  for (const char* name : {"google", "csv", "go", "hyperfine"}) {  // those that write samples
    const std::string text = choose_format("", name).write({.results = results});
    EXPECT_THAT(text, Not(ContainsRegex("[^a-z](nan|inf|NaN|Infinity)[^a-z]"))) << name;
    EXPECT_FALSE(text.empty());
  }
}

TEST(Formats, TakeARunThatMeasuredNothing) {
  BenchResults results = fixed_results();
  for (auto& side : results.cells[0].sides) side = {.backend = side.backend};
  for (const Format& format : formats()) EXPECT_NO_THROW(format.write({.results = results})) << format.name;
}

TEST(Csv, HasOneSampleARowAndEveryFieldOfTheHeader) {
  const auto lines = lines_of(write_csv({.results = fixed_results()}));
  ASSERT_EQ(lines.size(), 21u);
  for (const std::string& line : lines) EXPECT_EQ(count(line, ","), count(lines[0], ",")) << line;
  EXPECT_EQ(lines[1],
            "noop,2,,64,0,,shared-queue,true,threads,1,1000,1,1000,1,1,0.002,0,0,1000,0,0,0,fedcba9876543210,"
            "true,4,"
            "2e-06,4e-06,4e-06,4e-06,1048576,2097152,524288,4194304"
            ",,,,,,,,,,,");  // a closed loop has nothing in the columns of an open one
}

TEST(GoogleBenchmark, HasAllRepetitionsAndTheirAggregates) {
  const json document = json::parse(write_google_benchmark({.results = fixed_results()}));
  EXPECT_EQ(document.at("context").at("json_schema_version"), 1);
  EXPECT_TRUE(document.at("context").at("caches").is_array());
  const json& list = document.at("benchmarks");
  ASSERT_EQ(list.size(), 2u * (10 + 4));
  EXPECT_EQ(list[0].at("name"), "noop/backend:threads/workers:2/real_time");
  EXPECT_EQ(list[0].at("real_time"), 1e6);  // 1 s for 1000 tasks
  EXPECT_EQ(list[0].at("cpu_time"), 2e6);
  EXPECT_EQ(list[0].at("time_unit"), "ns");
  EXPECT_EQ(list[9].at("repetition_index"), 9);
  EXPECT_EQ(list[11].at("name"), "noop/backend:threads/workers:2/real_time_median");
  EXPECT_EQ(list[11].at("run_type"), "aggregate");
  EXPECT_EQ(list[14].at("run_name"), "noop/backend:processes/workers:2/real_time");
}

TEST(GoogleBenchmark, HasOneEntryANameWhereReadersDoNotFilter) {
  const json list = json::parse(write_google_benchmark_flat({.results = fixed_results()})).at("benchmarks");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("run_type"), "iteration");
  EXPECT_NEAR(list[1].at("real_time").get<double>(), 1e9 / 600, 2e4);
}

TEST(GithubActionBenchmark, HasNoBarsInNamesAndNoZeros) {
  BenchResults results = fixed_results();
  results.cells[0].sides[0].peak->pss_bytes = 0;
  const json smaller = json::parse(write_smaller_is_better({.results = results}));
  const json bigger = json::parse(write_bigger_is_better({.results = results}));
  EXPECT_EQ(smaller.size(), 5u);
  EXPECT_EQ(bigger.size(), 4u);
  for (const json* list : {&smaller, &bigger}) {
    for (const json& one : *list) {
      EXPECT_THAT(one.at("name").get<std::string>(), Not(HasSubstr("|")));
      EXPECT_GT(one.at("value").get<double>(), 0);
      EXPECT_TRUE(one.at("unit").is_string());
    }
  }
  EXPECT_EQ(smaller[0].at("name"), "noop/workers:2 - threads - time/task");
  EXPECT_THAT(smaller[0].at("range").get<std::string>(), ::testing::StartsWith("± "));
}

TEST(Bencher, HasTheRatioWithItsInterval) {
  const json document = json::parse(write_bencher({.results = fixed_results()}));
  const json& ratio = document.at("noop/backend:ratio/workers:2").at("processes-over-threads");
  EXPECT_NEAR(ratio.at("value").get<double>(), 0.6, 0.01);
  EXPECT_LT(ratio.at("lower_value"), ratio.at("value"));
  EXPECT_NEAR(document.at("noop/backend:threads/workers:2").at("latency").at("value").get<double>(), 1e6,
              5e3);
}

TEST(GoBenchmark, HasOneLineASampleThatBenchstatCanPivot) {
  const auto lines = lines_of(write_go_benchmark({.results = fixed_results()}));
  ASSERT_EQ(lines.size(), 24u);
  EXPECT_EQ(
      lines[4],
      "BenchmarkPool/workload=noop/backend=threads/workers=2-2 1000 1e+06 ns/op 1000 tasks/s 2097152 pss-B");
}

TEST(Hyperfine, HasOneRunATrial) {
  const json results = json::parse(write_hyperfine({.results = fixed_results()})).at("results");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].at("times").size(), 10u);
  EXPECT_EQ(results[0].at("exit_codes").size(), 10u);
  for (const char* key : {"mean", "stddev", "median", "user", "system", "min", "max"})
    EXPECT_TRUE(results[0].at(key).is_number()) << key;
  const json one = json::parse(write_hyperfine({.results = fixed_results({.pairs = 1})})).at("results").at(0);
  EXPECT_TRUE(one.at("stddev").is_null());
}

TEST(Junit, HasATestCaseACellWhereThereAreNoGates) {
  BenchResults results = fixed_results();
  EXPECT_THAT(write_junit({.results = results}), HasSubstr("tests=\"1\" failures=\"0\" errors=\"0\""));
  results.cells[0].problems = {"a <wrong> & \"bad\" result\x01\xff"};
  const std::string text = write_junit({.results = results});
  EXPECT_THAT(text, HasSubstr("failures=\"1\""));
  EXPECT_THAT(text, HasSubstr("a &lt;wrong&gt; &amp; &quot;bad&quot; result?\xEF\xBF\xBD"));
  EXPECT_EQ(text.substr(text.find("<testsuites"), text.find("<testsuite ") - text.find("<testsuites"))
                .find("skipped"),
            std::string::npos);
}

TEST(Junit, HasATestCaseAGateWhereThereAreSome) {
  const BenchResults base = fixed_results(), slow = fixed_results({.processes = 480});
  Comparison comparison = compare(base, slow, 0.05);
  ask_gates(comparison, {read_gate("ratio<-10%"), read_gate("threads.throughput<-5%")});
  const std::string text = write_junit({.results = slow, .comparison = &comparison});
  EXPECT_THAT(text, HasSubstr("tests=\"2\" failures=\"1\""));
  EXPECT_THAT(text, HasSubstr("<failure type=\"regression\""));
}

TEST(OpenMetrics, KeepsFamiliesTogetherAndEnds) {
  const std::string text = write_openmetrics({.results = fixed_results()});
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_THAT(text,
              HasSubstr("twinpool_tasks{cell=\"noop/workers:2\",workload=\"noop\",workers=\"2\",backend="
                        "\"threads\",outcome=\"delivered\"} 10000\n"));
  EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("# UNIT twinpool_memory_bytes bytes\n"));
  std::vector<std::string> families;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("# TYPE ")) families.push_back(line.substr(7, line.rfind(' ') - 7));
    EXPECT_TRUE(line.starts_with("#") || line.starts_with(families.back())) << line;
  }
  EXPECT_EQ(families.size(), 6u);
}

TEST(Hgrm, CountsUpToAllSamples) {
  BenchResults results = fixed_results({.pairs = 1});
  results.cells[0].sides.pop_back();
  const auto lines = lines_of(write_hgrm({.results = results}));
  EXPECT_EQ(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
  EXPECT_EQ(lines[2], "       1.000 0.000000000000          1           1.00");
  EXPECT_EQ(lines[lines.size() - 4], "       4.000 1.000000000000          4");
  EXPECT_EQ(lines[lines.size() - 3], "#[Mean    =        2.500, StdDeviation   =        1.118]");
  EXPECT_EQ(lines[lines.size() - 2], "#[Max     =        4.000, Total count    =            4]");
}

TEST(Markdown, StaysBelow64KiBWhateverTheRun) {
  BenchResults results = fixed_results();
  EXPECT_THAT(write_markdown({.results = results}), HasSubstr("| noop/workers:2 |"));
  const CellResult cell = results.cells[0];
  results.cells.assign(2000, cell);
  for (CellResult& one : results.cells) one.problems.emplace_back(500, '|');
  const std::string text = write_markdown({.results = results, .command = {std::string(100'000, 'y')}});
  EXPECT_LT(text.size(), 64u << 10);
  EXPECT_THAT(text, HasSubstr("more rows are in the JSON"));
}

class OutputSet : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const char* name) const { return (directory_ / name).string(); }
  const ScratchDirectory directory_;
};

TEST_F(OutputSet, WritesSeveralFormatsInOneRun) {
  const BenchResults results = fixed_results();
  Outputs outputs({path("a.csv"), path("a.xml")}, "", path("a.json"), results.plan);
  EXPECT_FALSE(outputs.use_standard_output());
  outputs.commit({.results = results});
  for (const char* name : {"a.csv", "a.xml", "a.json"})
    EXPECT_GT(std::filesystem::file_size(path(name)), 100u);
}

TEST_F(OutputSet, GivesEachBackendItsOwnHistogram) {
  const BenchResults results = fixed_results();
  Outputs outputs({path("l.hgrm")}, "", "", results.plan);
  outputs.commit({.results = results});
  EXPECT_TRUE(std::filesystem::exists(path("l.noop,workers=2.threads.hgrm")));
  EXPECT_TRUE(std::filesystem::exists(path("l.noop,workers=2.processes.hgrm")));
  EXPECT_THROW(Outputs({"-"}, "hgrm", "", results.plan), UsageError);
}

TEST_F(OutputSet, RefusesWhatCannotBeMeant) {
  const Plan plan = fixed_results().plan;
  EXPECT_THROW(Outputs({"-"}, "csv", "-", plan), UsageError);
  EXPECT_THROW(Outputs({path("a.csv"), path("a.csv")}, "", "", plan), UsageError);
  EXPECT_THROW(Outputs({path("a.csv"), path("b.csv")}, "csv", "", plan), UsageError);
  EXPECT_THROW(Outputs({}, "csv", "", plan), UsageError);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(OutputSet, KeepsTheOldFileWhenTheDiskIsFull) {
  std::ofstream(path("a.csv")) << "old";
  const BenchResults results = fixed_results();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  {
    Outputs outputs({path("a.csv")}, "", path("a.json"), results.plan);
    rlimit small = before;
    small.rlim_cur = 512;  // as a full disk: the first bytes fit, the rest is refused
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_THROW(outputs.commit({.results = results}), std::system_error);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  }
  std::signal(SIGXFSZ, handler);
  std::ostringstream content;
  content << std::ifstream(path("a.csv")).rdbuf();
  EXPECT_EQ(content.str(), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}),
            1);  // no temporary file is left
}

}  // namespace
}  // namespace twinpool::bench
