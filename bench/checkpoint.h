// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace twinpool::bench {

/// What is kept of one task of an open loop whose program may die. Times by the steady clock.
struct TaskOutcome {
  std::int64_t due_ns = 0;
  std::int64_t submitted_ns = 0;
  std::int64_t settled_ns = 0;
  std::int64_t late_ns = 0;  ///< of the generator itself
  std::uint64_t checksum = 0;
  std::uint32_t delivered = 0;
  std::uint32_t lost = 0;
  std::uint32_t failed = 0;
  std::uint32_t wrong = 0;
};

/// How far an open loop has come, in memory that outlives the program that runs it: the next life of that
/// program goes on behind the last record.
///
/// The program writes, one thread of it; whoever started it reads when it has ended. A record counts only
/// when `taken` says so, so one that a crash cuts short is written again.
struct Checkpoint {
  std::int64_t begin_ns = 0;  ///< of the schedule; 0: not begun
  std::int64_t ready_ns = 0;  ///< from the begin of the first life until the first result
  std::atomic<std::uint64_t> taken = 0;
  std::atomic<std::uint64_t> submitted = 0;  ///< by the life that is or was the last
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> cancelled = 0;
  std::atomic<std::int32_t> crashes = 0;
  bool balanced = false;  ///< the last life's pool
  std::array<char, 256> error{};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// A checkpoint with room for a schedule's records, shared with all forks.
class SharedCheckpoint {
 public:
  /// Errors: std::system_error.
  explicit SharedCheckpoint(std::uint64_t tasks);
  SharedCheckpoint(const SharedCheckpoint&) = delete;
  SharedCheckpoint& operator=(const SharedCheckpoint&) = delete;
  ~SharedCheckpoint();

  [[nodiscard]] Checkpoint& head() { return *head_; }
  [[nodiscard]] TaskOutcome& record(std::uint64_t number) { return records_[number]; }

 private:
  std::size_t bytes_;
  Checkpoint* head_;
  TaskOutcome* records_;
};

}  // namespace twinpool::bench
