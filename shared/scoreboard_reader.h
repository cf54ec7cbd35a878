// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/scoreboard.h"

/// Reading another process's scoreboard, from outside and without its help: it may be stopped or wedged.
namespace twinpool {

/// One place of a worker, copied.
struct ScoreboardWorker {
  int place = 0;
  int seat = 0;  ///< the worker's number
  int id = 0;    ///< process or thread id; 0: nobody is there
  WorkerState state = WorkerState::kAbsent;
  std::string function;                            ///< what it runs; empty: nothing
  std::optional<std::chrono::nanoseconds> in_state;  ///< for how long; none: the change was not timed
  std::uint64_t tasks = 0;                         ///< finished by the worker that is there
  std::uint32_t generation = 0;                    ///< workers that have been at this place
  std::uint32_t recycled = 0;
  std::array<std::uint32_t, kDeathCauses> deaths{};  ///< by DeathCause
  std::uint32_t last_signal = 0;
  std::chrono::milliseconds last_restart_delay{0};
};

struct ScoreboardSnapshot {
  int owner_pid = 0;
  std::string pool_name;  ///< control characters replaced by '?'
  ScoreboardBackend backend{};
  int seats = 0;
  std::uint32_t flags = 0;  ///< ScoreboardFlag
  std::chrono::nanoseconds up{0};           ///< since the pool was made
  std::vector<ScoreboardWorker> workers;    ///< one a place
};

/// One scoreboard, mapped read-only.
///
/// Nothing that is written in it is trusted: a worker that scribbles over it gives a reader odd numbers and no more.
/// Its size is sealed, so reading cannot fault.
/// Threads: one.
class Scoreboard {
 public:
  /// Takes: a path as Pool::scoreboard_path gives it.
  ///
  /// Errors: std::system_error when it cannot be opened (ENOENT: the pool is gone; EACCES: another user's);
  ///         std::runtime_error with a sentence when it is no scoreboard, or one of another version.
  explicit Scoreboard(const std::string& path);
  Scoreboard(Scoreboard&& other) noexcept;
  Scoreboard& operator=(Scoreboard&&) = delete;
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;
  ~Scoreboard();

  /// Gives: each number whole; several may be of different moments.
  [[nodiscard]] ScoreboardSnapshot read() const;

 private:
  void map(int fd, const std::string& path);
  [[nodiscard]] const ScoreboardEntry& entry(std::uint32_t place) const;
  [[nodiscard]] std::string function_name(std::uint32_t number) const;

  const std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t places_ = 0;  // by the sealed size
};

/// The paths of all scoreboards that a process holds, in the order of their descriptors, each once.
///
/// Errors: std::system_error: ESRCH: there is no such process; EACCES: another user's.
[[nodiscard]] std::vector<std::string> find_scoreboards(int pid);

}  // namespace twinpool
