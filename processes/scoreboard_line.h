// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "processes/slot.h"
#include "shared/scoreboard.h"

namespace twinpool::processes {

/// The worker's own line of the pool's scoreboard; does nothing where there is none (tests of the parts).
class ScoreboardLine {
 public:
  ScoreboardLine() = default;
  /// Takes: how many tasks its place had finished before this worker came.
  ScoreboardLine(const ScoreboardMemory& board, int place, std::uint64_t tasks_before)
      : board_(&board), entry_(&board.entry(place)), tasks_before_(tasks_before) {}

  void stand_by(std::int64_t now_ns) const {
    if (entry_ != nullptr) entry_->set_state(WorkerState::kSpare, now_ns);
  }
  void idle(std::int64_t now_ns) const {
    if (entry_ != nullptr) entry_->set_state(WorkerState::kIdle, now_ns);
  }
  /// A task begins. Takes: the moment, or 0 where no clock was read.
  void begin(const Slot& slot, std::int64_t started_ns) const {
    if (entry_ == nullptr) return;
    board_->name_function(slot.sequence, slot.type->name);
    entry_->begin(slot.sequence, started_ns);
  }
  /// It is done. Takes: how many its place has finished.
  void end(std::uint64_t tasks) const {
    if (entry_ != nullptr) entry_->end(tasks - tasks_before_);
  }

 private:
  const ScoreboardMemory* board_ = nullptr;
  ScoreboardEntry* entry_ = nullptr;
  std::uint64_t tasks_before_ = 0;
};

}  // namespace twinpool::processes
