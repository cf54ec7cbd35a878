// SPDX-License-Identifier: Apache-2.0
#include "bench/status_command.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "bench/option_readers.h"
#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"
#include "bench/reporters/terminal.h"
#include "bench/reporters/text_table.h"
#include "bench/units.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

struct StatusFlags {
  std::string pid;
  std::string json;
};

/// What happened at all places of one worker number.
struct Seat {
  std::vector<const ScoreboardWorker*> present;
  const ScoreboardWorker* last = nullptr;  // where nobody is: the place that was used last
  std::array<std::uint64_t, kDeathCauses> deaths{};
  std::uint64_t recycled = 0;
};

std::map<int, Seat> by_seat(const ScoreboardSnapshot& shot) {
  std::map<int, Seat> seats;
  for (const ScoreboardWorker& worker : shot.workers) {
    Seat& seat = seats[worker.seat];
    if (worker.id != 0) seat.present.push_back(&worker);
    if (worker.generation != 0 && (seat.last == nullptr || seat.last->state == WorkerState::kAbsent))
      seat.last = &worker;
    for (std::size_t cause = 0; cause < kDeathCauses; ++cause) seat.deaths[cause] += worker.deaths[cause];
    seat.recycled += worker.recycled;
  }
  return seats;
}

/// "3 (2 signal, 1 limit; last SIGSEGV)", or "0".
std::string print_deaths(const Seat& seat, const ScoreboardWorker& worker) {
  std::uint64_t all = 0;
  std::string causes;
  for (std::size_t cause = 0; cause < kDeathCauses; ++cause) {
    if (seat.deaths[cause] == 0) continue;
    all += seat.deaths[cause];
    causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", seat.deaths[cause],
                          name_of(static_cast<DeathCause>(cause)));
  }
  if (all == 0) return "0";
  const char* const signal = worker.last_signal == 0 ? nullptr : ::sigabbrev_np(static_cast<int>(worker.last_signal));
  return fmt::format("{} ({}{})", all, causes, signal == nullptr ? "" : fmt::format("; last SIG{}", signal));
}

std::vector<std::string> print_row(const Seat& seat, const ScoreboardWorker& worker, int seats) {
  const auto delay = worker.last_restart_delay;
  return {worker.seat < seats ? std::to_string(worker.seat) : "spare",
          worker.id == 0 ? "-" : std::to_string(worker.id),
          std::string(name_of(worker.state)),
          worker.in_state ? print_duration(*worker.in_state) : "-",
          worker.function.empty() ? "-" : worker.function,
          print_count(worker.tasks, Grouping::kNone),
          print_deaths(seat, worker),
          delay.count() == 0 ? "-" : print_duration(delay),
          print_count(seat.recycled, Grouping::kNone)};
}

nlohmann::json to_json(const ScoreboardWorker& worker) {
  nlohmann::json deaths;
  for (std::size_t cause = 0; cause < kDeathCauses; ++cause)
    deaths[std::string(name_of(static_cast<DeathCause>(cause)))] = worker.deaths[cause];
  nlohmann::json in_state_s;
  if (worker.in_state) in_state_s = std::chrono::duration<double>(*worker.in_state).count();
  return {{"worker", worker.seat},
          {"place", worker.place},
          {"id", worker.id},
          {"state", name_of(worker.state)},
          {"in_state_s", in_state_s},
          {"function", worker.function},
          {"tasks", worker.tasks},
          {"generation", worker.generation},
          {"recycled", worker.recycled},
          {"deaths", deaths},
          {"last_signal", worker.last_signal},
          {"last_restart_delay_s", std::chrono::duration<double>(worker.last_restart_delay).count()}};
}

nlohmann::json to_json(const ScoreboardSnapshot& shot) {
  auto workers = nlohmann::json::array();
  for (const ScoreboardWorker& worker : shot.workers) workers.push_back(to_json(worker));
  return {{"name", shot.pool_name},
          {"backend", name_of(shot.backend)},
          {"owner_pid", shot.owner_pid},
          {"up_s", std::chrono::duration<double>(shot.up).count()},
          {"max_workers", shot.seats},
          {"degraded", (shot.flags & kScoreboardDegraded) != 0},
          {"paused", (shot.flags & kScoreboardPaused) != 0},
          {"closed", (shot.flags & kScoreboardClosed) != 0},
          {"workers", workers}};
}

/// All pools of the process; one that ends while it is looked at is left out.
std::vector<ScoreboardSnapshot> read_pools(int pid) {
  std::vector<ScoreboardSnapshot> pools;
  std::vector<std::string> paths;
  try {
    paths = find_scoreboards(pid);
  } catch (const std::system_error& error) {
    if (error.code().value() == ESRCH) throw UsageError(fmt::format("there is no process {}", pid));
    throw UnfitError(fmt::format("cannot look into process {}: {}; it has to be one of yours, or be root", pid,
                                 error.code().message()));
  }
  for (const std::string& path : paths) {
    try {
      pools.push_back(Scoreboard(path).read());
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) throw UnfitError(error.what());
    } catch (const std::runtime_error& error) {
      throw UnfitError(error.what());
    }
  }
  return pools;
}

int run_status(const StatusFlags& flags) {
  const int pid = static_cast<int>(read_count("PID", flags.pid, 1, INT_MAX));
  const auto json = open_output("--json", flags.json);
  const auto pools = read_pools(pid);
  if (pools.empty()) throw UsageError(fmt::format("process {} has no pool", pid));
  std::FILE* const out = json != nullptr && json->is_standard_output() ? stderr : stdout;
  for (std::size_t i = 0; i < pools.size(); ++i)
    fmt::print(out, "{}{}", i == 0 ? "" : "\n", print_scoreboard(pools[i]));
  if (json == nullptr) return kExitOk;
  nlohmann::json report{{"schema_version", kSchemaVersion}, {"kind", "status"}, {"version", kVersion}, {"pid", pid}};
  report["pools"] = nlohmann::json::array();
  for (const ScoreboardSnapshot& pool : pools) report["pools"].push_back(to_json(pool));
  json->commit(print_document(report));  // a pool's name is whatever its maker wrote
  return kExitOk;
}

std::function<int()> set_up(CLI::App& app) {
  const auto flags = std::make_shared<StatusFlags>();
  app.add_option("PID", flags->pid, "The process that made the pools")->required();
  app.add_option("--json", flags->json, "Write the same to this file; - is standard output")->type_name("FILE");
  return [flags] { return run_status(*flags); };
}

}  // namespace

std::string print_scoreboard(const ScoreboardSnapshot& shot) {
  using Align = TextTable::Align;
  TextTable table({Align::kRight, Align::kRight, Align::kLeft, Align::kRight, Align::kLeft, Align::kRight,
                   Align::kLeft, Align::kRight, Align::kRight});
  table.add({"worker", shot.backend == ScoreboardBackend::kThreads ? "tid" : "pid", "state", "for", "function",
             "tasks", "deaths", "back-off", "recycled"});
  std::size_t present = 0;
  std::size_t spares = 0;
  for (const auto& [number, seat] : by_seat(shot)) {
    (number < shot.seats ? present : spares) += seat.present.empty() ? 0 : 1;
    for (const ScoreboardWorker* const worker : seat.present) table.add(print_row(seat, *worker, shot.seats));
    if (seat.present.empty() && seat.last != nullptr) table.add(print_row(seat, *seat.last, shot.seats));
  }
  std::string notes;
  if (spares != 0) notes += fmt::format(", {} hot spare{}", spares, spares == 1 ? "" : "s");
  if ((shot.flags & kScoreboardDegraded) != 0) notes += ", degraded";
  if ((shot.flags & kScoreboardPaused) != 0) notes += ", paused";
  if ((shot.flags & kScoreboardClosed) != 0) notes += ", closed";
  return fmt::format("pool '{}' of process {}: {}, up {}, {} of at most {} workers{}\n{}", shot.pool_name,
                     shot.owner_pid, name_of(shot.backend), print_duration(shot.up), present, shot.seats, notes,
                     table.str());
}

constinit const Command kStatusCommand{
    .name = "status",
    .sentence = "Shows what the workers of a running program's pools do",
    .examples =
        "Examples:\n"
        "  twinpool status 4711            a table for each pool of process 4711\n"
        "  twinpool status 4711 --json -   the same as data\n"
        "Reads shared memory: the process may be stopped or hang. Pools show their workers' current task only; a time\n"
        "is '-' where none was taken.\n"
        "Ends with 2 when there is no such process or it has no pool, with 4 when it may not be looked into.",
    .set_up = &set_up};

}  // namespace twinpool::bench
