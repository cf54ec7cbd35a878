// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/events.h"

/// Memory in which one traced trial writes down what each task did, and which outlives it: the driver makes
/// it, the trial maps it before there is a pool, and workers inherit it. Every number is one relaxed atomic
/// with one writer. A worker gone mad may scribble over it, so who reads it trusts nothing (trial_trace.h).
namespace twinpool::bench {

enum class TaskEnd : std::uint32_t { kOpen, kReturned, kThrew };

/// Times are nanoseconds of the steady clock, 0: has not happened.
struct TaskRecord {
  // By the submitter.
  std::atomic<std::int64_t> submitted_ns;  // before submit was called
  std::atomic<std::int64_t> accepted_ns;   // after it had accepted the task; 0: it refused
  std::atomic<std::uint32_t> name;         // place in the table of names
  // By the worker.
  std::atomic<TaskEnd> end;
  std::atomic<std::int64_t> begun_ns;
  std::atomic<std::int64_t> ended_ns;
  std::atomic<std::int32_t> process;
  std::atomic<std::int32_t> thread;
};
static_assert(sizeof(TaskRecord) == 48);

/// What a pool told of a worker or of itself (shared/events.h).
struct EventRecord {
  std::atomic<std::int64_t> when_ns;  // stored last; 0: not there yet
  std::atomic<std::uint32_t> kind;
  std::atomic<std::int32_t> worker;
  std::atomic<std::int32_t> id;
  std::atomic<std::int32_t> signal;
  std::atomic<std::int32_t> exit_status;
  std::atomic<std::int32_t> unused;
};
static_assert(sizeof(EventRecord) == 32);

/// Threads: take, refuse and name from the one thread that submits; the rest from any, each record by who is
/// named there.
class SharedTrace {
 public:
  static constexpr std::uint32_t kNames = 64;
  static constexpr std::size_t kNameBytes = 48;
  static constexpr std::uint32_t kEvents = 4096;

  /// The driver: makes room for `tasks` tasks. Memory is only taken where something is written.
  ///
  /// Errors: std::system_error.
  [[nodiscard]] static SharedTrace create(std::uint32_t tasks);
  /// The trial: maps what path() names. Requires: the maker lives. Errors: std::system_error.
  [[nodiscard]] static SharedTrace open(const std::string& path);

  SharedTrace(SharedTrace&& other) noexcept;
  SharedTrace(const SharedTrace&) = delete;
  SharedTrace& operator=(const SharedTrace&) = delete;
  SharedTrace& operator=(SharedTrace&&) = delete;
  ~SharedTrace();

  /// Where another process of this user opens it.
  [[nodiscard]] std::string path() const;
  /// When this side made or opened it, in nanoseconds of the steady clock.
  [[nodiscard]] std::int64_t made_ns() const { return made_ns_; }
  /// Memory that it takes by now.
  [[nodiscard]] std::uint64_t used_bytes() const;

  /// Whether submissions are recorded; off at first.
  void record(bool on) { recording_ = on; }
  /// A record for the next task. Gives: nothing while nothing is recorded, or when there is no more room (the
  /// task then counts as left out).
  [[nodiscard]] std::optional<std::uint32_t> take();
  /// Puts a name into the table. Gives: its place; that of the last name where the table is full.
  std::uint32_t name(std::string_view text);
  /// Any thread.
  void note(const Event& event);

  [[nodiscard]] std::uint32_t capacity() const { return tasks_; }
  /// How many records were taken.
  [[nodiscard]] std::uint32_t taken() const;
  [[nodiscard]] std::uint64_t left_out() const;
  /// Requires: below capacity().
  [[nodiscard]] TaskRecord& task(std::uint32_t number) const;
  /// How many events were noted, kEvents at most.
  [[nodiscard]] std::uint32_t events() const;
  [[nodiscard]] EventRecord& event(std::uint32_t number) const;
  [[nodiscard]] std::string name_at(std::uint32_t place) const;

 private:
  struct Header;
  SharedTrace(int fd, std::uint32_t tasks);
  [[nodiscard]] Header& header() const;

  std::int64_t made_ns_ = 0;
  int fd_ = -1;
  std::byte* memory_ = nullptr;
  std::uint32_t tasks_ = 0;
  bool recording_ = false;
};

}  // namespace twinpool::bench
