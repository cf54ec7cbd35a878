// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/status_command.h"
#include "tests/bench/command_run.h"

namespace twinpool::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ScoreboardMemory make_board() {
  auto memory = ScoreboardMemory::create({.pool_name = "render",
                                          .backend = ScoreboardBackend::kProcesses,
                                          .seats = 3,
                                          .places = 6});
  memory.name_function(0, "parse");
  memory.entry(0).arrive(4711, 0, 1);
  memory.entry(0).begin(0, 1);
  memory.entry(1).arrive(4712, 1, 1);
  memory.entry(1).count_death(DeathCause::kSignal, SIGSEGV);
  memory.entry(1).count_death(DeathCause::kLimit, 0);
  memory.entry(1).leave(WorkerState::kLost, 1);
  memory.entry(1).count_restart(std::chrono::milliseconds(20));
  return memory;
}

TEST(Status, PrintsALineForEachWorkerThatIsOrWas) {
  const auto memory = make_board();
  memory.set_flag(kScoreboardPaused, true);
  const auto text = print_scoreboard(Scoreboard(memory.path()).read());
  EXPECT_THAT(text, HasSubstr("pool 'render' of process"));
  EXPECT_THAT(text, HasSubstr("1 of at most 3 workers, paused"));
  EXPECT_THAT(text, HasSubstr("parse"));
  EXPECT_THAT(text, HasSubstr("2 (1 signal, 1 limit; last SIGSEGV)"));
  EXPECT_THAT(text, HasSubstr("20.0 ms"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4) << text;
}

TEST(Status, SumsThePlacesOfAWorker) {
  const auto memory = make_board();
  memory.entry(4).arrive(4713, 1, 1);
  const auto text = print_scoreboard(Scoreboard(memory.path()).read());
  EXPECT_THAT(text, HasSubstr("2 of at most 3 workers"));
  EXPECT_THAT(text, HasSubstr("4713"));
  EXPECT_THAT(text, HasSubstr("2 (1 signal, 1 limit"));
  EXPECT_THAT(text, Not(HasSubstr("lost")));
}

TEST(Status, ShowsHotSparesBesideTheWorkers) {
  const auto memory = ScoreboardMemory::create(
      {.pool_name = "ward", .backend = ScoreboardBackend::kProcesses, .seats = 1, .places = 4});
  memory.entry(0).arrive(4711, 0, 1);
  memory.entry(2).arrive(4712, 1, 1);
  memory.entry(2).set_state(WorkerState::kSpare, 1);
  const auto text = print_scoreboard(Scoreboard(memory.path()).read());
  EXPECT_THAT(text, HasSubstr("1 of at most 1 workers, 1 hot spare\n"));
  EXPECT_THAT(text, HasSubstr(" spare  4712  spare "));
}

TEST(Status, TheCommandReadsAnotherProcess) {
  const auto memory = make_board();
  CommandRun run({"status", std::to_string(getpid()), "--json", "-"});
  EXPECT_EQ(run.code(), 0) << run.error();
  EXPECT_THAT(run.error(), HasSubstr("parse"));
  const auto report = nlohmann::json::parse(run.out());
  EXPECT_EQ(report["kind"], "status");
  EXPECT_EQ(report["pools"][0]["owner_pid"], getpid());
  EXPECT_EQ(report["pools"][0]["workers"][0]["function"], "parse");
  EXPECT_EQ(report["pools"][0]["workers"][1]["deaths"]["signal"], 1);
}

TEST(Status, SaysWhyThereIsNothingToShow) {
  CommandRun none({"status", std::to_string(getpid())});
  EXPECT_EQ(none.code(), 2);
  EXPECT_THAT(none.error(), HasSubstr("has no pool"));
  CommandRun gone({"status", "2147483646"});
  EXPECT_EQ(gone.code(), 2);
  EXPECT_THAT(gone.error(), HasSubstr("there is no process 2147483646"));
  CommandRun word({"status", "init"});
  EXPECT_EQ(word.code(), 2);
  EXPECT_THAT(word.error(), HasSubstr("PID"));
  CommandRun nobody({"status"});
  EXPECT_EQ(nobody.code(), 2);
}

}  // namespace
}  // namespace twinpool::bench
