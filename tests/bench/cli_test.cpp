// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/strategies.h"
#include "bench/workloads/registry.h"
#include "tests/bench/command_run.h"

namespace twinpool::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct BadInput {
  std::vector<std::string> arguments;
  int code;
  std::string sentence;
};

std::ostream& operator<<(std::ostream& out, const BadInput& input) {
  for (const std::string& word : input.arguments) out << word << ' ';
  return out;
}

class BadInputs : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, EndWithOneSentenceAndTheirCode) {
  CommandRun run(GetParam().arguments);
  EXPECT_EQ(run.code(), GetParam().code) << run.error();
  EXPECT_THAT(run.error(), StartsWith("twinpool: "));
  EXPECT_THAT(run.error(), HasSubstr(GetParam().sentence));
  const std::string error = run.error();
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  EXPECT_THAT(run.out(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadInputs,
    ::testing::Values(
        BadInput{{"bnech"}, 2, "unknown command 'bnech'; did you mean 'bench'?"},
        BadInput{{"bench", "--workload", "prims"}, 2, "unknown workload 'prims'; did you mean 'primes'?"},
        BadInput{
            {"bench", "--backend", "procesess"}, 2, "unknown backend 'procesess'; did you mean 'processes'?"},
        BadInput{{"bench", "--wrokers", "2"}, 2, "unknown flag '--wrokers'; did you mean '--workers'?"},
        BadInput{{"bench", "stray"}, 2, "'bench' takes no argument 'stray'"},
        BadInput{{"bench", "--workers"}, 2, "--workers needs a value"},
        BadInput{{"bench", "--workers", "0"}, 2, "--workers must be 1 or more, not 0"},
        BadInput{{"bench", "--workers", "-1"}, 2, "--workers must be 1 or more, not -1"},
        BadInput{{"bench", "--workers", "1000000"}, 2, "--workers can be 256 at most, not 1000000"},
        BadInput{{"bench", "--workers", "many"}, 2, "--workers"},
        BadInput{{"bench", "--workers", "4..1"}, 2, "--workers: the range '4..1' runs backwards; write 1..4"},
        BadInput{{"bench", "--workers", "1..300"}, 2, "--workers can be 256 at most, not 300"},
        BadInput{
            {"bench", "--priority", "-21"}, 2, "--priority must be a whole number from -20 to 19, not '-21'"},
        BadInput{{"bench", "--priority"}, 2, "--priority needs a value"},
        BadInput{{"bench", "--strategy", "rund-robin"},
                 2,
                 "unknown strategy 'rund-robin'; did you mean 'round-robin'?"},
        BadInput{{"bench", "--strategy", "custom"}, 2, "--strategy custom is a function"},
        BadInput{{"bench", "--strategy", "least-busy", "--stealing", "of"},
                 2,
                 "--stealing cannot be 'of'; did you mean"},
        BadInput{{"bench", "--stealing", "off"}, 2, "--stealing means nothing to strategy 'shared-queue'"},
        BadInput{{"bench", "--window", "99999999"}, 2, "--window can be 1048576 at most"},
        BadInput{{"bench", "--tasks", "10", "--duration", "1s"}, 2, "exclude each other"},
        BadInput{{"bench", "--workload", "echo", "--payload", "900TB"}, 2, "--payload"},
        BadInput{{"bench", "--payload", "huge"}, 2, "--payload"},
        BadInput{{"bench", "--trials", "0"}, 2, "--trials must be 1 or more"},
        BadInput{{"bench", "--seed", "x"}, 2, "--seed"},
        BadInput{{"bench", "--precision", "0%"}, 2, "--precision must be above 0 %"},
        BadInput{{"bench", "--precision", "3%", "--backend", "threads"}, 2, "ratio of the two backends"},
        BadInput{{"bench", "--interval", "t-test"}, 2, "--interval cannot be 't-test'"},
        BadInput{{"bench", "--aa", "both"}, 2, "--aa runs one backend on both sides"},
        BadInput{{"bench", "--strict"}, 2, "--strict is about gates"},
        BadInput{{"bench", "--plan-file", "/nonexistent"}, 2, "cannot read '/nonexistent'"},
        BadInput{{"bench", "--resume", "/nonexistent"}, 2, "cannot read '/nonexistent'"},
        BadInput{{"bench", "--color", "allways"}, 2, "--color cannot be 'allways'; did you mean 'always'?"},
        BadInput{{"bench", "--workload", "wordcount", "--input", "/nonexistent"},
                 2,
                 "cannot read --input '/nonexistent'"},
        BadInput{{"bench", "--workload", "wordcount", "--input", "/"}, 2, "--input '/' is not a file"},
        BadInput{{"bench", "--workload", "noop", "--json", "/nonexistent/x.json"},
                 2,
                 "cannot write '/nonexistent/x.json'"},
        BadInput{{"bench", "--workload", "noop", "--json", "/"}, 2, "cannot write '/'"},
        BadInput{{"list", "wrokloads"}, 2, "there is no list of 'wrokloads'; did you mean 'workloads'?"},
        BadInput{{"doctor", "--json", "/nonexistent/x.json"}, 2, "cannot write"},
        BadInput{{"__trial"}, 1, "trials are started by the bench itself"}));

TEST(Cli, ListsAllWorkloadsFaultsBackendsAndStrategies) {
  CommandRun run({"list"});
  EXPECT_EQ(run.code(), 0);
  for (const std::string& name : workload_names()) EXPECT_THAT(run.out(), HasSubstr(name));
  EXPECT_THAT(run.out(), HasSubstr("stack-overflow"));
  EXPECT_THAT(run.out(), HasSubstr("forked worker processes"));
  for (const std::string& name : strategy_names()) EXPECT_THAT(run.out(), HasSubstr(name));
  EXPECT_THAT(run.error(), IsEmpty());
}

TEST(Cli, ListsOneKindAlone) {
  CommandRun run({"list", "backends"});
  EXPECT_EQ(run.code(), 0);
  EXPECT_THAT(run.out(), Not(HasSubstr("primes")));
}

TEST(Cli, TakesACommandsNameAfterAnotherCommandAsAnArgument) {
  CommandRun run({"list", "faults"});
  EXPECT_EQ(run.code(), 0);
  EXPECT_THAT(run.out(), HasSubstr("expected of processes"));
  EXPECT_THAT(run.out(), HasSubstr("stray-write-shared *"));
  EXPECT_THAT(run.error(), IsEmpty());
}

TEST(Cli, ListsStrategiesWithTheirRules) {
  CommandRun run({"list", "strategies"});
  EXPECT_EQ(run.code(), 0);
  EXPECT_THAT(run.out(), HasSubstr("least-busy"));
  EXPECT_THAT(run.out(), HasSubstr("each worker in turn"));
  EXPECT_THAT(run.out(), Not(HasSubstr("custom")));
}

TEST(Cli, SaysItsVersion) {
  CommandRun run({"--version"});
  EXPECT_EQ(run.code(), 0);
  EXPECT_THAT(run.out(), ::testing::MatchesRegex("twinpool [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Cli, ExplainsEachCommandWithExamples) {
  for (const char* command : {"bench", "faults", "list", "doctor", "status"}) {
    CommandRun run({command, "--help"});
    EXPECT_EQ(run.code(), 0);
    EXPECT_THAT(run.out(), HasSubstr("Example")) << command;
    EXPECT_THAT(run.out(), HasSubstr(std::string("twinpool ") + command));
  }
}

TEST(Cli, WithoutACommandShowsHelpAndIsNotASuccess) {
  CommandRun run({});
  EXPECT_EQ(run.code(), 2);
  EXPECT_THAT(run.out(), HasSubstr("bench"));
}

}  // namespace
}  // namespace twinpool::bench
