// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shared/histogram.h"
#include "shared/options.h"
#include "shared/task.h"

/// The layout of the memory that owner, supervisor and workers share. Who writes what, when, and what a crash
/// in each state means is told in processes/PROTOCOL.md; each field below names its writer.
///
/// Nothing here is a lock: every step that a worker takes is one instruction on one word, so a worker may be
/// killed between any two of them.
namespace twinpool::processes {

/// What a slot's task is doing. Terminal states are those from kDone on.
enum class SlotState : std::uint8_t {
  kFree = 0,
  kQueued,       ///< the owner has published it
  kRunning,      ///< the worker named in the word has claimed it
  kNeedsMemory,  ///< that worker waits for the owner to attach memory for its result
  kDone,         ///< a value lies in the result
  kThrew,        ///< an exception's type and text lie in the result
  kLost,         ///< its worker died, or none was left to run it
  kClosed,       ///< the pool was stopped
  kTooLarge,     ///< its result can never fit
  kOutOfMemory,  ///< no memory for its result
};

/// The one word that a slot's life is told by: generation (32 bits) | worker (16) | flags (8) | state (8).
///
/// The low half is the futex word of whoever waits for the task. The generation rises by one with each use of
/// the slot, so a stale reference to the slot never matches.
struct SlotWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t kWaiterFlag = 1ULL << 8;
  // The other flag bits repeat the low bits of the generation: who sleeps on the low half must not take a
  // later use of the slot for its own.
  static constexpr std::uint64_t generation_echo(std::uint32_t generation) {
    return (generation & 0x7fULL) << 9;
  }

  [[nodiscard]] static constexpr SlotWord make(std::uint32_t generation, std::uint16_t worker,
                                               SlotState state) {
    return {std::uint64_t{generation} << 32 | std::uint64_t{worker} << 16 | generation_echo(generation) |
            static_cast<std::uint64_t>(state)};
  }
  /// A state that nobody writes is a broken worker's doing: that task is lost.
  [[nodiscard]] constexpr SlotState state() const {
    const auto value = static_cast<std::uint8_t>(bits & 0xff);
    return value <= static_cast<std::uint8_t>(SlotState::kOutOfMemory) ? static_cast<SlotState>(value)
                                                                       : SlotState::kLost;
  }
  [[nodiscard]] constexpr std::uint16_t worker() const { return static_cast<std::uint16_t>(bits >> 16); }
  [[nodiscard]] constexpr std::uint32_t generation() const { return static_cast<std::uint32_t>(bits >> 32); }
  [[nodiscard]] constexpr bool has_waiter() const { return (bits & kWaiterFlag) != 0; }
  [[nodiscard]] constexpr bool terminal() const { return state() >= SlotState::kDone; }
  /// The same task in another state, in the hands of `worker`; flags stay.
  [[nodiscard]] constexpr SlotWord with(SlotState state, std::uint16_t worker) const {
    return {(bits & ~0xffff00ffULL) | std::uint64_t{worker} << 16 | static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr SlotWord with(SlotState state) const { return with(state, worker()); }
  [[nodiscard]] constexpr SlotWord with_waiter() const { return {bits | kWaiterFlag}; }
};

/// A slot and the use of it that is meant: generation (32 bits) | slot index + 1 (32). 0 means none.
using SlotRef = std::uint64_t;
[[nodiscard]] constexpr SlotRef make_ref(std::uint32_t generation, std::uint32_t index) {
  return std::uint64_t{generation} << 32 | (index + 1);
}
[[nodiscard]] constexpr std::uint32_t ref_index(SlotRef ref) { return static_cast<std::uint32_t>(ref) - 1; }
[[nodiscard]] constexpr std::uint32_t ref_generation(SlotRef ref) {
  return static_cast<std::uint32_t>(ref >> 32);
}

inline constexpr std::size_t kInlineArguments = 128;
inline constexpr std::size_t kInlineResult = 192;

/// One task. Arguments and result never overlay each other: a task that is run again needs its original
/// arguments.
struct alignas(64) Slot {
  // Line 0, written by the owner while the slot is its own (before kQueued); the word by whoever moves the
  // task on.
  std::atomic<std::uint64_t> word;
  const TaskType* type;  ///< the same address in every fork of the program
  std::uint64_t arguments_bytes;
  std::uint64_t arguments_offset;  ///< into the payload; kInline: in this slot
  std::int64_t submitted_ns;       ///< 0: this task is not timed
  // The owner writes these before kQueued, and again before it answers kNeedsMemory.
  std::uint64_t result_offset;  ///< memory for a result that is too large for this slot; kInline: none
  std::uint64_t result_capacity;
  // Written by the claiming worker, in the line that it owns by then: a task without a result touches no
  // other.
  std::uint64_t result_bytes;

  alignas(64) std::byte arguments[kInlineArguments];

  // Written by the claiming worker while kRunning, or by the recovery instead of it.
  alignas(64) std::int64_t started_ns;  ///< the times of a timed task only
  std::int64_t settled_ns;
  std::int32_t lost_pid;     ///< with kLost: the worker's process id
  std::int32_t lost_status;  ///< with kLost: its wait status
  std::uint32_t lost_was_running;
  std::uint32_t reserved2;
  alignas(64) std::byte result[kInlineResult];
};
inline constexpr std::uint64_t kInline = UINT64_MAX;
static_assert(sizeof(Slot) == 64 + 128 + 64 + 192);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8);

/// The half of a slot's word that its waiters sleep on.
[[nodiscard]] inline const void* waiter_word(const Slot& slot) {
  static_assert(std::endian::native == std::endian::little);
  return &slot.word;
}

/// What is known of one worker's place. Zeroed memory is a place that nobody has had yet.
struct alignas(64) WorkerRecord {
  // Line 0, written for each task by the worker that has the place; the owner reads it only to take stock.
  // What it is about to claim, runs, or ran last: the one slot that its death concerns.
  std::atomic<SlotRef> intent;
  std::atomic<std::uint64_t> tasks;    ///< finished
  std::atomic<std::uint64_t> busy_ns;  ///< running, of the timed tasks
  std::atomic<std::uint64_t> timed_tasks;

  // Line 1: the door. Its sleeper waits on `door`; whoever wakes it adds one.
  alignas(64) std::atomic<std::uint32_t> door;

  // Line 2, rarely written: these two by the worker, the rest by the supervisor. Waiting threads read `cpu`.
  alignas(64) std::atomic<std::uint32_t> cpu;  ///< CPU it last ran on, plus 1
  std::atomic<std::uint32_t> ready;            ///< the incarnation that has begun to look for tasks
  std::atomic<std::uint32_t> pid;              ///< 0: nobody is there; a new worker stores its own
  std::atomic<std::uint32_t> incarnation;      ///< how many have had this place
  std::atomic<std::uint32_t> deaths;           ///< unasked ones
  std::atomic<std::uint32_t> last_status;      ///< wait status of the last death
  std::atomic<std::uint32_t> last_pid;
  std::atomic<const TaskType*> last_type;  ///< that task

  // Written by the worker.
  HistogramCells waiting;
  HistogramCells running;
};

inline constexpr std::size_t kWorkerWords = kMaxWorkers / 64;

/// One bit a worker. Bits, not counters: a dead worker's bit can be cleared, a count cannot be repaired.
struct WorkerBits {
  std::array<std::atomic<std::uint64_t>, kWorkerWords> words;

  /// Gives: whether the bit was set before.
  bool set(int worker) {
    return (words[index(worker)].fetch_or(mask(worker), std::memory_order_seq_cst) & mask(worker)) != 0;
  }
  [[nodiscard]] bool test(int worker) const {
    return (words[index(worker)].load(std::memory_order_seq_cst) & mask(worker)) != 0;
  }
  /// Gives: whether the bit was set.
  bool clear(int worker) {
    return (words[index(worker)].fetch_and(~mask(worker), std::memory_order_seq_cst) & mask(worker)) != 0;
  }

 private:
  static std::size_t index(int worker) { return static_cast<std::size_t>(worker) / 64; }
  static std::uint64_t mask(int worker) { return 1ULL << (static_cast<unsigned>(worker) % 64); }
};

/// The first bytes of the segment.
struct alignas(64) SegmentHeader {
  // Written by the owner before anybody else sees the segment.
  std::uint64_t magic;
  std::uint32_t worker_count;
  std::uint32_t worker_words;  ///< words of WorkerBits in use
  std::uint32_t slot_count;
  std::uint32_t ring_mask;
  std::uint64_t workers_offset, slots_offset, ring_offset, payload_offset, payload_bytes;

  alignas(64) std::atomic<std::uint64_t> head;  ///< advanced by whoever finds the front entry taken
  alignas(64) std::atomic<std::uint64_t> tail;  ///< written by the owner, under its own lock
  std::atomic<std::uint32_t> owner_cpu;         ///< CPU the last submitter ran on, plus 1
  alignas(64) WorkerBits idle;       ///< asleep or about to be: set before the last look at the ring
  alignas(64) WorkerBits searching;  ///< awake and looking: it will see what is pushed now
  // Waits for room and for the pool to come to rest.
  alignas(64) std::atomic<std::uint32_t> room_wanted;  ///< 1: somebody waits for a task to settle
  alignas(64) std::atomic<std::uint32_t> room;  ///< futex word, changed when a task settles while wanted
  // Rarely written.
  alignas(64) std::atomic<std::uint32_t> stopping;  ///< owner: workers leave when they have nothing to run
  std::atomic<std::uint32_t> degraded;              ///< supervisor (or monitor): see RestartPolicy
  std::atomic<std::uint32_t> alive;                 ///< supervisor: workers that are there
  std::atomic<std::uint32_t> start_errno;           ///< supervisor: fork failed with this
  std::atomic<std::uint64_t> deaths;                ///< supervisor: unasked deaths of workers
};
inline constexpr std::uint64_t kSegmentMagic = 0x31306c6f6f707774;  // "twpool01"

}  // namespace twinpool::processes
