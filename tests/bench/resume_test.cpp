// SPDX-License-Identifier: Apache-2.0
#include "bench/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bench/cli.h"
#include "bench/formats/format.h"
#include "bench/partial_file.h"
#include "bench/reporters/json.h"
#include "tests/bench/fixed_results.h"
#include "tests/bench/scratch_directory.h"

namespace twinpool::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// What the run itself tells goes nowhere.
class Deaf final : public Progress {
  void control(const BenchResults&) override {}
  void cell_begins(const BenchResults&) override {}
  void pair_done(const BenchResults&, std::size_t) override {}
  void cell_done(const BenchResults&) override {}
  void finished() override {}
};

class Resumed : public ::testing::Test {
 protected:
  void SetUp() override {
    // Three cells were planned; the run was interrupted in the second.
    results_ = fixed_results();
    for (const int workers : {3, 4}) {
      results_.plan.cells.push_back(results_.plan.cells[0]);
      results_.plan.cells.back().workers = workers;
    }
    results_.cells.push_back(results_.cells[0]);
    results_.cells[1].cell = results_.plan.cells[1];
    results_.cells[1].complete = false;
    for (BackendResult& side : results_.cells[1].sides) side.samples.resize(4);
    results_.control_after.pairs.clear();
    results_.signal = SIGINT;
  }
  [[nodiscard]] std::string path(const char* name = "r.json") const { return (directory_ / name).string(); }
  void write(const nlohmann::json& document) const { std::ofstream(path()) << document.dump(); }
  [[nodiscard]] nlohmann::json document() const {
    return nlohmann::json::parse(write_json({.results = results_}));
  }
  [[nodiscard]] std::string refusal() const { return refusal_of(results_.plan); }
  [[nodiscard]] std::string refusal_of(const Plan& plan) const {
    try {
      (void)resume_from(path(), plan);
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path()));
      return error.what();
    }
    return "it was accepted";
  }

  const ScratchDirectory directory_;
  BenchResults results_;
};

TEST_F(Resumed, HasAllThatWasMeasured) {
  write(document());
  const BenchResults earlier = resume_from(path(), results_.plan);
  ASSERT_EQ(earlier.cells.size(), 2u);
  EXPECT_TRUE(earlier.cells[0].complete);
  EXPECT_FALSE(earlier.cells[1].complete);
  EXPECT_EQ(earlier.cells[1].cell.workload, results_.plan.cells[1].workload);
  EXPECT_EQ(earlier.cells[1].cell.workers, 3);
  EXPECT_EQ(earlier.cells[1].tasks, 1000u);
  ASSERT_EQ(earlier.cells[1].sides[1].samples.size(), 4u);
  EXPECT_EQ(earlier.cells[1].sides[1].samples[3].throughput_tasks_per_s,
            results_.cells[1].sides[1].samples[3].throughput_tasks_per_s);
  EXPECT_EQ(earlier.control_before.pairs.size(), 6u);
  EXPECT_TRUE(earlier.control_after.pairs.empty());
  EXPECT_EQ(earlier.wall_s, 4);
  EXPECT_FALSE(earlier.partial());
}

TEST_F(Resumed, BeginsACellAnewInWhichNothingWasMeasured) {
  auto text = document();
  text["cells"][1]["tasks"] = 0;
  for (auto& side : text["cells"][1]["backends"]) side["samples"] = nlohmann::json::array();
  write(text);
  EXPECT_EQ(resume_from(path(), results_.plan).cells.size(), 1u);
  text["cells"] = nlohmann::json::array();  // interrupted in the control
  write(text);
  EXPECT_TRUE(resume_from(path(), results_.plan).cells.empty());
}

TEST_F(Resumed, RefusesOtherOptions) {
  write(document());
  Plan other = results_.plan;
  other.trials = 12;
  EXPECT_THAT(refusal_of(other), AllOf(HasSubstr("its option trials is 10, and this run's is 12"),
                                       HasSubstr("resume with what the run began with")));
  other = results_.plan;
  other.seed = 43;
  EXPECT_THAT(refusal_of(other), HasSubstr("its seed is 42, and this run's is 43"));
  other = results_.plan;
  other.precision = 0.03;
  EXPECT_THAT(refusal_of(other), HasSubstr("its option precision is null, and this run's is 0.03"));
  other = results_.plan;
  other.cells.pop_back();
  EXPECT_THAT(refusal_of(other), HasSubstr("its number of cells is 3, and this run's is 2"));
  other = results_.plan;
  other.cells[2].window = 8;
  EXPECT_THAT(refusal_of(other), HasSubstr("options.cells[2].window is 64 there, and 8"));
  other = results_.plan;
  other.cells[2].planted = {0.05, 0};
  EXPECT_THAT(refusal_of(other), HasSubstr("options.cells[2].planted"));
}

TEST_F(Resumed, RefusesAnotherMachineOrBuild) {
  auto text = document();
  text["machine"]["hash"] = "0123456789abcdef";
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("its machine is 0123456789abcdef"));
  text = document();
  text["build_type"] = "Other";
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("its build type is Other"));
  text = document();
  text["version"] = "0.0.1";
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("its version is 0.0.1"));
}

TEST_F(Resumed, RefusesForeignCompleteAndChangedFiles) {
  EXPECT_THAT(refusal(), HasSubstr("cannot read"));
  std::ofstream(path()) << "{\"kind\": \"be";
  EXPECT_THAT(refusal(), HasSubstr("breaks off"));
  write({{"some", "json"}});
  EXPECT_THAT(refusal(), HasSubstr("no result of twinpool"));
  write({{"schema_version", 1}, {"kind", "faults"}});
  EXPECT_THAT(refusal(), HasSubstr("`twinpool faults`"));
  auto text = document();
  text["partial"] = false;
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("nothing to resume"));
  text = document();
  text["options"].erase("cells");
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("written before there was --resume"));
  text = document();
  text["cells"][0]["workers"] = 7;
  write(text);
  EXPECT_THAT(refusal(), HasSubstr("cells[0] does not follow the order"));
}

TEST_F(Resumed, FindsWhatAPartialFileKept) {
  Deaf deaf;
  const std::string kept = partial_path(path());
  {
    PartialFile partial(deaf, kept, {"twinpool", "bench"});
    EXPECT_FALSE(std::filesystem::exists(kept));
    results_.signal = 0;  // the run goes on
    partial.cell_done(results_);
    EXPECT_TRUE(nlohmann::json::parse(std::ifstream(kept)).at("partial"));
    EXPECT_EQ(resume_from(kept, results_.plan).cells.size(), 2u);
    partial.discard();
    EXPECT_FALSE(std::filesystem::exists(kept));
  }
  EXPECT_EQ(without_partial_suffix(kept), path());
  EXPECT_EQ(without_partial_suffix(path()), path());
}

TEST_F(Resumed, GoesOnWithoutAPartialFileThatCannotBeWritten) {
  Deaf deaf;
  PartialFile partial(deaf, (directory_ / "nowhere/r.json.partial").string(), {});
  ::testing::internal::CaptureStderr();
  partial.cell_done(results_);
  partial.cell_done(results_);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("the run goes on"));
  EXPECT_EQ(said.find("warning"), said.rfind("warning"));  // once
}

}  // namespace
}  // namespace twinpool::bench
