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
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include "bench/faults/fault.h"

/// Each fault over each twin, through the built command. Counts are exact; times are never looked at.
namespace twinpool::bench {
namespace {

using nlohmann::json;
using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr int kTasks = 60;
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

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "twinpool-faults-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
    folder_ = name;
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

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

class EachFaultInEachTwin : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

bool crashes(const std::string& fault) { return fault != "throw" && fault != "endless-loop"; }

std::string expected_answer(const std::string& fault, const std::string& backend) {
  if (fault == "throw") return "contained";
  if (fault == "endless-loop") return "worker stuck";
  return backend == "threads" ? "program died" : "contained";
}

void expect_survival(const json& run, const std::string& fault) {
  EXPECT_TRUE(run["program"]["survived"]);
  EXPECT_EQ(run["submitted"], kTasks);
  EXPECT_EQ(run["delivered"], kTasks - 1);
  EXPECT_EQ(run["failed"], fault == "throw" ? 1 : 0);
  EXPECT_EQ(run["lost"], crashes(fault) ? 1 : 0);
  EXPECT_EQ(run["hung"], fault == "endless-loop" ? 1 : 0);
  EXPECT_EQ(run["workers_lost"], crashes(fault) ? 1 : 0);
  EXPECT_EQ(run["full_strength"], fault != "endless-loop");
}

void expect_death(const json& run, const std::string& fault) {
  EXPECT_FALSE(run["program"]["survived"]);
  EXPECT_EQ(run["workers_lost"], kWorkers);
  EXPECT_GE(run["lost"], 1);
  EXPECT_EQ(run["failed"], 0);
  EXPECT_EQ(run["hung"], 0);
  EXPECT_LT(run["delivered"], kTasks);
  if (fault == "kill") {
    EXPECT_EQ(run["program"]["signal"], SIGKILL);
  }
}

TEST_P(EachFaultInEachTwin, CostsExactlyWhatTheContractSays) {
  const auto& [fault, backend] = GetParam();
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  Command command(scratch,
                  {"--fault", fault, "--backend", backend, "--workers", std::to_string(kWorkers), "--tasks",
                   std::to_string(kTasks), "--repeat", std::to_string(kRepeats), "--json", file});
  const Ended ended = command.finish();
  ASSERT_EQ(ended.status, 0) << ended.output << ended.complaints;
  const std::string answer = expected_answer(fault, backend);
  EXPECT_THAT(ended.output, HasSubstr(answer));

  const json document = json::parse(read_all(file));
  EXPECT_FALSE(document["partial"]);
  ASSERT_EQ(document["runs"].size(), static_cast<std::size_t>(kRepeats));
  for (const json& run : document["runs"]) {
    SCOPED_TRACE(run.dump());
    EXPECT_EQ(run["fault"], fault);
    EXPECT_EQ(run["backend"], backend);
    EXPECT_EQ(run["answer"], answer);
    EXPECT_TRUE(run["fired"]);
    EXPECT_EQ(run["wrong"], 0);
    EXPECT_EQ(run["imbalance"], "");
    EXPECT_EQ(run["program"]["left_over_processes"], 0);
    EXPECT_EQ(run["submitted"].get<int>(), run["delivered"].get<int>() + run["failed"].get<int>() +
                                               run["lost"].get<int>() + run["hung"].get<int>());
    if (backend == "threads" && crashes(fault)) {
      expect_death(run, fault);
    } else {
      expect_survival(run, fault);
    }
    if (fault == "endless-loop") {
      EXPECT_EQ(run["trial"]["stop"]["worker_gone"], backend == "processes");
    }
  }
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

TEST(FaultsCommand, CtrlCGivesWhatWasMeasuredAndLeavesNothing) {
  const Scratch scratch;
  const auto file = (scratch / "runs.json").string();
  Command command(
      scratch, {"--fault", "throw", "--repeat", "1000", "--tasks", "20", "--workers", "2", "--json", file});
  // Progress goes to standard error line by line: the first finished run is the moment.
  while (command.complaints().find("/2000]") == std::string::npos && kill(command.pid(), 0) == 0)
    usleep(1000);
  kill(command.pid(), SIGINT);
  const Ended ended = command.finish();
  EXPECT_EQ(ended.status, 130) << ended.complaints;
  EXPECT_THAT(ended.output, HasSubstr("Interrupted"));
  const json document = json::parse(read_all(file));
  EXPECT_TRUE(document["partial"]);
  EXPECT_GE(document["runs"].size(), 1u);
  EXPECT_LT(document["runs"].size(), 2000u);
  expect_nothing_left();
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
