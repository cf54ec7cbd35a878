// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/stats.h"

/// A page of memory on which a pool shows what its workers do, readable by other processes, also while the
/// pool's own process is stopped or wedged. Read-only for readers: shared/scoreboard_reader.h.
///
/// Layout, version 1, native byte order, in a memfd named "twinpool-scoreboard" that can neither shrink nor
/// grow:
///
///     ScoreboardHeader                              512 bytes at 0
///     ScoreboardFunction[kScoreboardFunctions]       64 bytes each, at functions_offset
///     ScoreboardEntry[entry_count]                  128 bytes each, at entries_offset
///
/// One entry a place: the twins give a seat several places, so that a fresh worker is there before the old
/// one leaves. Everything after the header's constant part is relaxed atomics: a reader sees each number whole,
/// but several may be of different moments.
namespace twinpool {

inline constexpr std::uint64_t kScoreboardMagic = 0x3142'4353'4e57'5401;  // "\1TWNSCB1" in memory
inline constexpr std::uint32_t kScoreboardVersion = 1;
inline constexpr std::string_view kScoreboardName = "twinpool-scoreboard";
inline constexpr std::uint32_t kScoreboardFunctions = 256;
inline constexpr std::uint32_t kScoreboardMaxEntries = 1024;

enum class ScoreboardBackend : std::uint32_t { kThreads = 1, kProcesses = 2 };
[[nodiscard]] std::string_view name_of(ScoreboardBackend backend);

/// What a pool as a whole is; bits of ScoreboardHeader::flags.
enum ScoreboardFlag : std::uint32_t {
  kScoreboardDegraded = 1,
  kScoreboardPaused = 2,
  kScoreboardClosed = 4,  ///< drain() or stop() has been called
};

/// Why a worker of a place ended unasked.
enum class DeathCause : std::uint8_t {
  kSignal,  ///< killed by a signal that the pool did not send
  kExit,    ///< left by exit() and the like
  kLimit,   ///< killed by the pool: over a running limit, or cancelled and past its grace period
  kMemory,  ///< killed by the kernel for memory (SIGKILL that nobody here sent, and an OOM kill was counted)
  kSetUp,   ///< its set-up threw or killed it
};
inline constexpr std::size_t kDeathCauses = 5;
[[nodiscard]] std::string_view name_of(DeathCause cause);

struct ScoreboardHeader {
  // Written by the owner before anybody else sees the memory, `magic` last; constant from then on.
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t total_bytes;
  std::uint32_t functions_offset;
  std::uint32_t function_bytes;
  std::uint32_t function_count;
  std::uint32_t entries_offset;
  std::uint32_t entry_bytes;
  std::uint32_t entry_count;
  std::int32_t owner_pid;
  std::uint32_t backend;  // ScoreboardBackend
  std::uint32_t seats;    // the largest number of workers
  std::uint32_t unused;
  std::int64_t started_realtime_ns;   // CLOCK_REALTIME
  std::int64_t started_monotonic_ns;  // CLOCK_MONOTONIC
  std::array<char, 64> pool_name;     // ends with a zero
  std::array<char, 104> reserved;
  // Written by the owner.
  alignas(64) std::atomic<std::uint32_t> flags;  // ScoreboardFlag
  std::array<char, 252> reserved_too;
};
static_assert(sizeof(ScoreboardHeader) == 512 && alignof(ScoreboardHeader) == 64);

/// The name of one task function, written once, by whoever runs it first; several writers write the same.
struct ScoreboardFunction {
  static constexpr std::size_t kMost = 56;
  std::atomic<std::uint32_t> length;  // 0: not there yet; stored after the text (release)
  std::uint32_t unused;
  std::array<std::atomic<std::uint64_t>, kMost / 8> text;
};
static_assert(sizeof(ScoreboardFunction) == 64);

/// One place of a worker.
///
/// The first cache line is written by the worker alone, on the hot path, without a read-modify-write; the second
/// by whoever starts and buries workers (the pool in the thread twin, the supervisor in the process twin).
struct ScoreboardEntry {
  // The worker's line.
  alignas(64) std::atomic<std::uint32_t> state;  // WorkerState
  std::atomic<std::uint32_t> function;           // 1 + the function's number; 0: none
  std::atomic<std::int64_t> since_ns;            // CLOCK_MONOTONIC of the last change of state; 0: not timed
  std::atomic<std::uint64_t> tasks;              // finished by this worker
  std::array<char, 40> reserved;
  // The keeper's line.
  alignas(64) std::atomic<std::int32_t> id;  // process or thread id of who is there; 0: nobody
  std::atomic<std::uint32_t> seat;           // the worker's number as users see it
  std::atomic<std::uint32_t> generation;     // workers that have been at this place so far
  std::atomic<std::uint32_t> recycled;       // how many of them left in peace for a fresh one
  std::array<std::atomic<std::uint32_t>, kDeathCauses> deaths;  // by DeathCause
  std::atomic<std::uint32_t> last_signal;                       // of the last death by signal
  std::atomic<std::int64_t> last_restart_delay_ms;              // what back-off made the last replacement wait
  std::array<char, 16> reserved_too;

  /// The worker begins a task. `now_ns`: CLOCK_MONOTONIC where it was read anyway, else 0.
  void begin(std::uint32_t function_number, std::int64_t now_ns) noexcept {
    function.store(function_number + 1, std::memory_order_relaxed);
    since_ns.store(now_ns, std::memory_order_relaxed);
    state.store(static_cast<std::uint32_t>(WorkerState::kBusy), std::memory_order_relaxed);
  }
  /// It is done with the task. `finished`: with this one. No clock is read for it: an idle worker's time counts
  /// only where it was about to sleep (`set_state`).
  void end(std::uint64_t finished) noexcept {
    tasks.store(finished, std::memory_order_relaxed);
    state.store(static_cast<std::uint32_t>(WorkerState::kIdle), std::memory_order_relaxed);
    since_ns.store(0, std::memory_order_relaxed);
    function.store(0, std::memory_order_relaxed);
  }
  void set_state(WorkerState now_in, std::int64_t now_ns) noexcept {
    since_ns.store(now_ns, std::memory_order_relaxed);
    state.store(static_cast<std::uint32_t>(now_in), std::memory_order_relaxed);
  }

  /// The keeper: a fresh worker is at this place. Its worker's line starts anew; call it before the worker runs.
  void arrive(std::int32_t worker_id, std::uint32_t seat_number, std::int64_t now_ns) noexcept;
  /// The keeper: the worker is gone (and its thread or process can no longer write). `state`: kLost, kAbsent or
  /// kStopped.
  void leave(WorkerState left_as, std::int64_t now_ns) noexcept;
  /// The keeper: it died so.
  void count_death(DeathCause cause, int signal) noexcept;
  void count_recycled() noexcept { recycled.fetch_add(1, std::memory_order_relaxed); }
  void count_restart(std::chrono::milliseconds delay) noexcept {
    last_restart_delay_ms.store(delay.count(), std::memory_order_relaxed);
  }
};
static_assert(sizeof(ScoreboardEntry) == 128 && alignof(ScoreboardEntry) == 64);

// Where the parts of this version lie; readers hold the header's offsets against them.
inline constexpr std::size_t kScoreboardFunctionsAt = sizeof(ScoreboardHeader);
inline constexpr std::size_t kScoreboardEntriesAt =
    kScoreboardFunctionsAt + kScoreboardFunctions * sizeof(ScoreboardFunction);
static_assert(offsetof(ScoreboardEntry, id) == 64);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

/// What is fixed when a pool is made.
struct ScoreboardFacts {
  std::string_view pool_name;  ///< cut to 63 bytes
  ScoreboardBackend backend = ScoreboardBackend::kThreads;
  int seats = 1;   ///< the largest number of workers, as users count them
  int places = 1;  ///< entries; up to kScoreboardMaxEntries
};

/// The memory, mapped to be written.
///
/// Threads: moves and destruction alone; the rest from any thread, each entry's lines as said there.
class ScoreboardMemory {
 public:
  /// Makes it. All states are kAbsent, seat = place % seats.
  ///
  /// Errors: std::system_error.
  [[nodiscard]] static ScoreboardMemory create(const ScoreboardFacts& facts);
  /// Maps one that another process of the same program has made (supervisor, worker). Takes `fd` over.
  ///
  /// Errors: std::system_error; std::runtime_error when it is none.
  [[nodiscard]] static ScoreboardMemory adopt(int fd);

  /// Empty: nothing may be asked of it but open().
  ScoreboardMemory() = default;
  ScoreboardMemory(ScoreboardMemory&& other) noexcept;
  ScoreboardMemory& operator=(ScoreboardMemory&& other) noexcept;
  ScoreboardMemory(const ScoreboardMemory&) = delete;
  ScoreboardMemory& operator=(const ScoreboardMemory&) = delete;
  ~ScoreboardMemory();

  [[nodiscard]] bool open() const { return memory_ != nullptr; }
  /// -1 when empty. Close-on-exec.
  [[nodiscard]] int fd() const { return fd_; }
  /// Closes the descriptor; the memory stays mapped. For those that nobody is to read it through.
  void close_descriptor() noexcept;
  /// Where another process opens it: "/proc/<this process>/fd/<fd>".
  [[nodiscard]] std::string path() const;

  [[nodiscard]] int places() const { return places_; }
  /// Requires: 0 <= place < places().
  [[nodiscard]] ScoreboardEntry& entry(int place) const;
  [[nodiscard]] ScoreboardHeader& header() const;
  void set_flag(ScoreboardFlag flag, bool on) const noexcept;

  /// Makes a task function known, unless it is; cheap enough to call before each task. Names are cut to 56
  /// bytes at the end.
  ///
  /// Takes: the function's place in the registry (Call::sequence); those from kScoreboardFunctions on have no
  ///        name and are shown by number.
  void name_function(std::uint32_t number, std::string_view name) const noexcept;

 private:
  ScoreboardMemory(int fd, void* memory, std::size_t bytes);

  int fd_ = -1;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0;
  // Copies of what the header says, taken once: a worker that scribbles over it moves nobody's pointers.
  int places_ = 0;
};

/// CLOCK_MONOTONIC, as the entries have it.
[[nodiscard]] inline std::int64_t scoreboard_time(std::chrono::steady_clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

}  // namespace twinpool
