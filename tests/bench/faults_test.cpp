// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "bench/faults/fault.h"
#include "tests/bench/scratch_directory.h"

/// Each fault over each twin, through the built command. Counts are exact; times are never looked at.
namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr int kTasks = 100;
constexpr int kWorkers = 2;
constexpr int kRepeats = 2;

struct Ended {
  int status = 0;
  std::string output;
  std::string complaints;
};

std::string read_all(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

using Scratch = ScratchDirectory;

/// `twinpool faults ...` as a user's shell would start it.
class Command {
 public:
  Command(const Scratch& scratch, std::vector<std::string> words)
      : out_(scratch / "out"), err_(scratch / "err") {
    words.insert(words.begin(), {TWINPOOL_PROGRAM, "faults"});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    prctl(PR_SET_CHILD_SUBREAPER, 1);  // whatever the command leaves behind becomes a child of this test
    pid_ = fork();
    if (pid_ == 0) {
      dup2(open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      dup2(open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string complaints() const { return read_all(err_); }

  Ended finish() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_all(out_), read_all(err_)};
  }

 private:
  std::filesystem::path out_, err_;
  pid_t pid_ = -1;
};

/// The command's descendants would be children of this process now.
void expect_nothing_left() {
  const pid_t left = waitpid(-1, nullptr, WNOHANG);
  EXPECT_TRUE(left < 0 && errno == ECHILD) << "a process outlived the command";
}

class EachFaultInEachTwin : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  [[nodiscard]] const Fault& fault() const { return fault_at(find_fault(std::get<0>(GetParam()))); }
  [[nodiscard]] bool threads() const { return std::get<1>(GetParam()) == "threads"; }
  [[nodiscard]] const Expectation& expected() const {
    return fault().expected_in(threads() ? Backend::kThreads : Backend::kProcesses);
  }
};

bool is(const json& run, Answer answer) { return run["answer"] == name_of(answer); }

Answer answer_of(const json& run) {
  for (const Answer answer : {Answer::kContained, Answer::kWorkerTainted, Answer::kWorkerStuck,
                              Answer::kSpread, Answer::kProgramDied, Answer::kProgramHung}) {
    if (is(run, answer)) return answer;
  }
  throw std::invalid_argument(run.dump());
}

void expect_contained_crash(const json& run, const Fault& fault) {
  const bool worker_died = fault.name != "throw";
  EXPECT_EQ(run["delivered"], kTasks - 1);
  EXPECT_EQ(run["failed"], worker_died ? 0 : 1);
  EXPECT_EQ(run["lost"], worker_died ? 1 : 0);
  EXPECT_EQ(run["workers_lost"], !worker_died ? 0 : fault.name == "crash-loop" ? 6 : 1);
  EXPECT_EQ(run["spoilt"], 0);
  EXPECT_TRUE(run["full_strength"]);
  EXPECT_EQ(run["restored_s"].is_null(), !worker_died);
}

/// The faulty task gave its value, and so did all others, whatever they felt.
void expect_all_delivered(const json& run) {
  EXPECT_EQ(run["delivered"], kTasks);
  EXPECT_EQ(run["workers_lost"], 0);
  EXPECT_TRUE(run["full_strength"]);
  EXPECT_TRUE(run["noticed_s"].is_null());
}

void expect_stuck(const json& run, const Fault& fault, bool threads) {
  EXPECT_EQ(run["workers_stuck"], fault.tasks);
  EXPECT_GE(run["hung"], fault.tasks);
  EXPECT_EQ(run["lost"], 0);
  EXPECT_FALSE(run["full_strength"]);
  EXPECT_EQ(run["trial"]["stop"]["worker_gone"], !threads);
}

void expect_death(const json& run, bool hung) {
  EXPECT_FALSE(run["program"]["survived"]);
  EXPECT_EQ(run["workers_lost"], kWorkers);
  EXPECT_GE(run[hung ? "hung" : "lost"], 1);
  EXPECT_EQ(run[hung ? "lost" : "hung"], 0);
  EXPECT_EQ(run["failed"], 0);
  EXPECT_LT(run["delivered"], kTasks);
  EXPECT_EQ(run["noticed_s"].is_null(), hung);
}

void expect_right_counts(const json& run, const Fault& fault, bool threads) {
  EXPECT_TRUE(run["fired"]);
  EXPECT_EQ(run["wrong"], 0);
  EXPECT_EQ(run["imbalance"], "");
  EXPECT_EQ(run["submitted"].get<int>(), run["delivered"].get<int>() + run["failed"].get<int>() +
                                             run["lost"].get<int>() + run["hung"].get<int>());
  switch (answer_of(run)) {
    case Answer::kProgramDied:
    case Answer::kProgramHung:
      return expect_death(run, is(run, Answer::kProgramHung));
    case Answer::kWorkerTainted:
    case Answer::kContained:
      EXPECT_EQ(run["spoilt_others"], 0);
      break;
    case Answer::kWorkerStuck:
    case Answer::kSpread:
      break;
  }
  if (fault.ending == Ending::kReturns) {
    expect_all_delivered(run);
  } else if (fault.ending == Ending::kNever) {
    expect_stuck(run, fault, threads);
  } else if (is(run, Answer::kContained) && fault.name != "supervisor-killed") {
    expect_contained_crash(run, fault);
  }
}

/// The process twin leaves nothing, whatever happened; threads keep what a stuck or careless one holds.
void expect_residue(const json& run, const Fault& fault, bool threads) {
  const json& left = run["residue"];
  EXPECT_EQ(left["processes"], 0);
  EXPECT_EQ(left["core_files"], 0);
  if (threads && fault.ending == Ending::kNever && !is(run, Answer::kProgramHung)) {
    EXPECT_EQ(left["threads"], fault.tasks);
  } else if (threads && fault.name == "descriptor-leak") {
    EXPECT_GT(left["descriptors"], 0);
  } else {
    EXPECT_EQ(left["threads"], 0);
    EXPECT_EQ(left["descriptors"], 0);
    EXPECT_EQ(left["shared_memory"], 0);
  }
}

TEST_P(EachFaultInEachTwin, CostsExactlyWhatItsAuthorWroteDown) {
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  Command command(scratch, {"--fault", std::string(fault().name), "--backend", std::get<1>(GetParam()),
                            "--workers", std::to_string(kWorkers), "--tasks", std::to_string(kTasks),
                            "--repeat", std::to_string(kRepeats), "--json", file});
  const Ended ended = command.finish();
  ASSERT_EQ(ended.status, 0) << ended.output << ended.complaints;
  const json document = json::parse(read_all(file));
  EXPECT_FALSE(document["partial"]);
  if (!expected().applies) {
    EXPECT_TRUE(document["runs"].empty());
    EXPECT_THAT(ended.output, HasSubstr("does not apply"));
    return;
  }
  ASSERT_EQ(document["runs"].size(), static_cast<std::size_t>(kRepeats));
  if (document["runs"][0]["skipped"] != "") GTEST_SKIP() << document["runs"][0]["skipped"];
  bool as_expected = false;
  for (const json& run : document["runs"]) {
    SCOPED_TRACE(run.dump());
    EXPECT_EQ(run["fault"], fault().name);
    EXPECT_EQ(run["backend"], std::get<1>(GetParam()));
    // Where the task leaves something behind, whoever could find it may by chance not have run again.
    const Answer mildest = fault().ending == Ending::kReturns ? Answer::kContained : expected().best;
    EXPECT_GE(answer_of(run), mildest);
    EXPECT_LE(answer_of(run), expected().worst);
    as_expected = as_expected || expected().includes(answer_of(run));
    expect_right_counts(run, fault(), threads());
    expect_residue(run, fault(), threads());
  }
  EXPECT_TRUE(as_expected) << "no run was as its author expected";
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Faults, EachFaultInEachTwin,
                         Combine(ValuesIn(fault_names()), Values("threads", "processes")),
                         [](const auto& parameter) {
                           std::string name =
                               std::get<0>(parameter.param) + "_in_" + std::get<1>(parameter.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(FaultsCommand, StrikesAtTheSamePointsUnderTheSameSeed) {
  std::vector<json> points;
  for (const char* seed : {"7", "7", "8"}) {
    const Scratch scratch;
    const auto file = (scratch / "runs.json").string();
    Command command(scratch, {"--fault", "throw", "--tasks", "200", "--repeat", "2", "--workers", "2",
                              "--seed", seed, "--backend", "threads", "--json", file});
    ASSERT_EQ(command.finish().status, 0);
    const json document = json::parse(read_all(file));
    ASSERT_EQ(document["runs"].size(), 2u);
    json strikes;
    for (const json& run : document["runs"]) strikes.push_back(run["strike_at"]);
    points.push_back(strikes);
  }
  EXPECT_EQ(points[0], points[1]);
  EXPECT_NE(points[0], points[2]);
}

/// Interrupts a drill of `all` runs once the first is done. `list`: where the document has them.
void expect_ctrl_c_gives_a_part_of(std::vector<std::string> words, const char* list, std::size_t all) {
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  words.insert(words.end(), {"--json", file});
  Command command(scratch, std::move(words));
  // Progress goes to standard error line by line: the first finished run is the moment.
  const std::string first = "/" + std::to_string(all) + "]";
  while (command.complaints().find(first) == std::string::npos && kill(command.pid(), 0) == 0) usleep(1000);
  kill(command.pid(), SIGINT);
  const Ended ended = command.finish();
  EXPECT_EQ(ended.status, 130) << ended.complaints;
  EXPECT_THAT(ended.output, HasSubstr("Interrupted"));
  const json document = json::parse(read_all(file));
  EXPECT_TRUE(document["partial"]);
  EXPECT_GE(document[list].size(), 1u);
  EXPECT_LT(document[list].size(), all);
  expect_nothing_left();
}

TEST(FaultsCommand, CtrlCGivesWhatWasMeasuredAndLeavesNothing) {
  expect_ctrl_c_gives_a_part_of({"--fault", "throw", "--repeat", "1000", "--tasks", "20", "--workers", "2"}, "runs",
                                2000);
}

TEST(FaultsCommand, RefusesAFaultThatSoFewWorkersCannotShowAndLeavesItOutOfASet) {
  const Scratch scratch;
  Command named(scratch, {"--fault", "deadlock", "--workers", "1"});
  const Ended ended = named.finish();
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.complaints, HasSubstr("fault 'deadlock' needs --workers 2 or more"));
}

TEST(FaultsCommand, EndsWhatHangsByARunningLimitWhereAWorkerCanBeKilled) {
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  // Generous, so that no ordinary task of a busy machine is hit.
  Command command(scratch, {"--fault", "endless-loop,sigstop", "--run-limit", "3s", "--tasks", "40",
                            "--workers", "2", "--repeat", "1", "--json", file});
  const Ended ended = command.finish();
  ASSERT_EQ(ended.status, 0) << ended.output << ended.complaints;
  const json document = json::parse(read_all(file));
  ASSERT_EQ(document["runs"].size(), 4u);
  for (const json& run : document["runs"]) {
    SCOPED_TRACE(run.dump());
    EXPECT_FALSE(run["surprise"]);
    if (run["backend"] == "processes") {
      EXPECT_EQ(run["answer"], "contained");
      EXPECT_EQ(run["failed"], 1);
      EXPECT_EQ(run["trial"]["pool"]["timed_out"], 1);
      EXPECT_EQ(run["workers_lost"], 1);
      EXPECT_EQ(run["residue"]["threads"], 0);
    } else if (run["fault"] == "endless-loop") {
      EXPECT_EQ(run["answer"], "worker stuck");
      EXPECT_EQ(run["failed"], 1);
      EXPECT_EQ(run["workers_stuck"], 1);
      EXPECT_EQ(run["residue"]["threads"], 1);
    } else {
      EXPECT_EQ(run["answer"], "program hung");
    }
  }
  expect_nothing_left();
}

TEST(FaultsCommand, KeepsAnOpenLoopGoingWhileAWorkerIsStuck) {
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  Command command(scratch, {"--fault", "deadlock", "--rate", "200", "--tasks", "40", "--workers", "2",
                            "--repeat", "1", "--json", file});
  const Ended ended = command.finish();
  ASSERT_EQ(ended.status, 0) << ended.output << ended.complaints;
  const json document = json::parse(read_all(file));
  EXPECT_EQ(document["options"]["rate_tasks_per_s"], 200);
  ASSERT_EQ(document["runs"].size(), 2u);
  for (const json& run : document["runs"]) {
    SCOPED_TRACE(run.dump());
    EXPECT_EQ(run["answer"], "spread");
    // Nobody is left to run anything, and yet all the others became due.
    EXPECT_EQ(run["submitted"], 40);
    EXPECT_GT(run["hung"], 2);
    EXPECT_EQ(run["refused"], 0);
  }
  expect_nothing_left();
}

/// The rates of `fault` in both twins, with and without faults; each run's books are checked.
std::vector<json> measure_rates(const std::string& fault, const std::string& every) {
  const Scratch scratch;
  const auto file = (scratch / "rates.json").string();
  Command command(
      scratch, {"--fault", fault, "--every", every, "--duration", "300ms", "--workers", "2", "--json", file});
  const Ended ended = command.finish();
  EXPECT_EQ(ended.status, 0) << ended.complaints;
  EXPECT_THAT(ended.output, HasSubstr("The books balance"));
  expect_nothing_left();
  const json document = json::parse(read_all(file));
  EXPECT_TRUE(document["runs"].empty());
  for (const json& run : document["rates"]) {
    EXPECT_EQ(run["imbalance"], "") << run.dump();
    EXPECT_EQ(run["wrong"], 0) << run.dump();
    EXPECT_EQ(run["submitted"].get<int>(), run["delivered"].get<int>() + run["failed"].get<int>() +
                                               run["lost"].get<int>() + run["hung"].get<int>())
        << run.dump();
    if (run["every"] == 0) {
      EXPECT_EQ(run["delivered"], run["submitted"]) << run.dump();
      EXPECT_EQ(run["fired"], 0) << run.dump();
      EXPECT_EQ(run["worker_deaths"], 0) << run.dump();
    } else {
      EXPECT_GE(run["fired"], 1) << run.dump();
    }
  }
  return document["rates"];
}

TEST(FaultRates, CountACrashForEachFaultInTheProcessTwinAndOneInTheOther) {
  const std::vector<json> runs = measure_rates("segv", "10");
  ASSERT_EQ(runs.size(), 4u);
  for (const json& run : runs) {
    SCOPED_TRACE(run.dump());
    if (run["every"] == 0) continue;
    if (run["backend"] == "threads") {
      EXPECT_FALSE(run["program"]["survived"]);
      // Two workers may have been at a faulty task each when the first one's crash ended both.
      EXPECT_LE(run["fired"], 2);
    } else {
      EXPECT_TRUE(run["program"]["survived"]);
      EXPECT_EQ(run["lost"], run["fired"]);
      EXPECT_EQ(run["worker_deaths"], run["fired"]);
    }
  }
}

TEST(FaultRates, CountAFailedTaskForEachExceptionInBothTwins) {
  for (const json& run : measure_rates("throw", "5")) {
    SCOPED_TRACE(run.dump());
    EXPECT_EQ(run["failed"], run["fired"]);
    EXPECT_EQ(run["worker_deaths"], 0);
    EXPECT_EQ(run["lost"], 0);
  }
}

TEST(FaultRates, CtrlCGivesWhatWasMeasuredAndLeavesNothing) {
  expect_ctrl_c_gives_a_part_of(
      {"--fault", "throw", "--every", "5", "--duration", "100ms", "--repeat", "1000", "--workers", "2"}, "rates", 4000);
}

struct Mistake {
  std::vector<std::string> words;
  std::string sentence;
};

TEST(FaultsCommand, RefusesWhatItCannotFollowWithOneSentence) {
  const Mistake mistakes[] = {
      {{"--fault", "segfv"}, "unknown fault 'segfv'; did you mean 'segv'?"},
      {{"--backend", "thread"}, "unknown backend 'thread'; did you mean 'threads'?"},
      {{"--workers", "0"}, "--workers must be 1 or more, not 0"},
      {{"--workers", "-2"}, "--workers must be 1 or more, not -2"},
      {{"--workers", "100000"}, "--workers can be 256 at most"},
      {{"--tasks", "0"}, "--tasks must be 8 or more"},
      {{"--repeat", "0"}, "--repeat must be 1 or more"},
      {{"--fault", "segv", "--every", "2"}, "--every must be 3 or more"},
      {{"--fault", "segv", "--every", "9", "--duration", "1"}, "--duration"},
      {{"--fault", "segv", "--every", "9", "--duration", "1ms"}, "--duration must be from 100 ms to"},
      {{"--fault", "segv", "--every", "9", "--tasks", "90"}, "not for a number of --tasks"},
      {{"--fault", "segv", "--duration", "1s"}, "--duration needs --every"},
      {{"--every", "100"}, "--every needs --fault"},
      {{"--rate", "fast"}, "--rate"},
      {{"--rate", "2G"}, "--rate must be from 1 to 1000000 tasks/s"},
      {{"--rate", "9", "--fault", "segv", "--every", "9"}, "--rate is for single faults"},
      {{"--trace", "x.json", "--fault", "segv", "--every", "9"}, "--trace is for single faults"},
      {{"--run-limit", "1ms"}, "--run-limit must be from 10.0 ms to 10.0 s"},
      {{"--seed", "x"}, "--seed: 'x' is not a whole number"},
      {{"--json", "/nonexistent/runs.json"}, "--json: cannot write '/nonexistent/runs.json'"},
  };
  for (const Mistake& mistake : mistakes) {
    const Scratch scratch;
    Command command(scratch, mistake.words);
    const Ended ended = command.finish();
    EXPECT_EQ(ended.status, 2) << mistake.sentence;
    EXPECT_THAT(ended.complaints, HasSubstr(mistake.sentence));
    EXPECT_EQ(ended.output, "");
  }
}

}  // namespace
}  // namespace twinpool::bench
