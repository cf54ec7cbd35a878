// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shared/function_counts.h"
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
  kRequeue,      ///< its worker died and it may run again: the owner queues it anew
  kDone,         ///< a value lies in the result
  kThrew,        ///< an exception's type and text lie in the result
  kLost,         ///< its worker died, or none was left to run it
  kClosed,       ///< the pool was stopped
  kTooLarge,     ///< its result can never fit
  kOutOfMemory,  ///< no memory for its result
  kCancelled,    ///< by the user
  kTimedOut,     ///< over its waiting limit, or (Ending::kTimedOut in the word) its running limit
};
inline constexpr SlotState kLastState = SlotState::kTimedOut;

/// What a running task was asked to end as. It settles so, whatever it returns.
enum class Ending : std::uint8_t { kNone = 0, kCancelled, kTimedOut };

/// The one word that a slot's life is told by: generation (32 bits) | worker (16) | flags (8) | state (8).
///
/// The low half is the futex word of whoever waits for the task. The generation rises by one with each use of
/// the slot, so a stale reference to the slot never matches.
struct SlotWord {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t kWaiterFlag = 1ULL << 8;  ///< somebody sleeps on the low half
  static constexpr std::uint64_t kNotifyFlag = 1ULL << 9;  ///< the owner's monitor wants to hear of the end
  static constexpr unsigned kEndingShift = 10;             // two bits: Ending
  // The other flag bits repeat the low bits of the generation: who sleeps on the low half must not take a
  // later use of the slot for its own.
  static constexpr std::uint64_t generation_echo(std::uint32_t generation) {
    return (generation & 0xfULL) << 12;
  }

  [[nodiscard]] static constexpr SlotWord make(std::uint32_t generation, std::uint16_t worker,
                                               SlotState state) {
    return {std::uint64_t{generation} << 32 | std::uint64_t{worker} << 16 | generation_echo(generation) |
            static_cast<std::uint64_t>(state)};
  }
  /// A state that nobody writes is a broken worker's doing: that task is lost.
  [[nodiscard]] constexpr SlotState state() const {
    const auto value = static_cast<std::uint8_t>(bits & 0xff);
    return value <= static_cast<std::uint8_t>(kLastState) ? static_cast<SlotState>(value) : SlotState::kLost;
  }
  [[nodiscard]] constexpr std::uint16_t worker() const { return static_cast<std::uint16_t>(bits >> 16); }
  [[nodiscard]] constexpr std::uint32_t generation() const { return static_cast<std::uint32_t>(bits >> 32); }
  [[nodiscard]] constexpr bool has_waiter() const { return (bits & kWaiterFlag) != 0; }
  [[nodiscard]] constexpr bool wants_notice() const { return (bits & kNotifyFlag) != 0; }
  /// Bits that nobody writes are a broken worker's doing: taken for a cancellation.
  [[nodiscard]] constexpr Ending ending() const {
    const auto value = static_cast<std::uint8_t>(bits >> kEndingShift & 3);
    return value == 3 ? Ending::kCancelled : static_cast<Ending>(value);
  }
  [[nodiscard]] constexpr bool terminal() const { return state() >= SlotState::kDone; }
  /// In a worker's hands.
  [[nodiscard]] constexpr bool in_hands() const {
    return state() == SlotState::kRunning || state() == SlotState::kNeedsMemory;
  }
  /// What it settles as when its worker would have published `state`.
  [[nodiscard]] constexpr SlotState settled_as(SlotState state) const {
    if (ending() == Ending::kNone) return state;
    return ending() == Ending::kCancelled ? SlotState::kCancelled : SlotState::kTimedOut;
  }
  /// The same task in another state, in the hands of `worker`; flags stay.
  [[nodiscard]] constexpr SlotWord with(SlotState state, std::uint16_t worker) const {
    return {(bits & ~0xffff00ffULL) | std::uint64_t{worker} << 16 | static_cast<std::uint64_t>(state)};
  }
  [[nodiscard]] constexpr SlotWord with(SlotState state) const { return with(state, worker()); }
  [[nodiscard]] constexpr SlotWord with_waiter() const { return {bits | kWaiterFlag}; }
  [[nodiscard]] constexpr SlotWord with_notice() const { return {bits | kNotifyFlag}; }
  /// Requires: ending() is kNone.
  [[nodiscard]] constexpr SlotWord with_ending(Ending ending) const {
    return {bits | static_cast<std::uint64_t>(ending) << kEndingShift};
  }
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
/// A result of at most so many bytes lies beside the slot's word; no line but the first moves for it.
inline constexpr std::size_t kSmallResult = 8;

/// Where a lost task's worker was, in place of its result. Addresses are those of every fork of the program.
struct LostTrace {
  static constexpr std::uint32_t kFrames = 20;
  std::uint64_t address;  ///< what a SIGSEGV or SIGBUS was about
  std::uint32_t has_address;
  std::uint32_t frame_count;  ///< not trusted
  std::uint64_t frames[kFrames];
};
static_assert(sizeof(LostTrace) <= kInlineResult);

/// Bits of Slot::control. What they speak of is valid only when they are set: an ordinary task leaves the line
/// of it alone.
enum SlotControl : std::uint32_t {
  kTimesStart = 1,  ///< started_ns is written whether or not the task is sampled
  kMayRetry = 2,    ///< attempt and last_attempt
  kSampled = 4,     ///< submitted_ns, started_ns and settled_ns
  kArgumentsApart = 8,  ///< arguments_offset: they are too large for the slot
  kResultApart = 16,    ///< result_offset and result_capacity: there is memory for a result that is
};

/// One task. Arguments and result never overlay each other: a task that is run again needs its original
/// arguments.
struct alignas(64) Slot {
  // Line 0, written by the owner while the slot is its own (before kQueued); the word by whoever moves the
  // task on.
  std::atomic<std::uint64_t> word;
  const TaskType* type;  ///< the same address in every fork of the program; the owner never follows it
  std::uint64_t arguments_bytes;
  std::uint32_t sequence;  ///< the function's number in the registry
  // SlotControl bits. The owner writes them before kQueued, and again before it answers kNeedsMemory, when others may
  // look.
  std::atomic<std::uint32_t> control;
  // Written by the claiming worker, in the line that it owns by then.
  std::uint64_t result_bytes;
  alignas(8) std::byte small_result[kSmallResult];
  // Their first 16 bytes are in line 0: a task with small arguments and a small result uses no other.
  alignas(16) std::byte arguments[kInlineArguments];
  std::uint64_t arguments_offset;  ///< into the payload
  std::uint64_t result_offset;     ///< written with result_capacity

  // Written by the claiming worker while kRunning, or by the recovery instead of it.
  alignas(64) std::atomic<std::int64_t> started_ns;  ///< of sampled and of limited tasks only
  std::int64_t settled_ns;                           ///< of sampled tasks only
  std::int32_t lost_pid;                             ///< with kLost: the worker's process id
  std::int32_t lost_status;                          ///< with kLost: its wait status
  std::uint32_t lost_was_running;
  std::uint32_t lost_has_trace;  ///< with kLost: a LostTrace lies in the result
  // Written by the owner before kQueued; the capacity also before it answers kNeedsMemory.
  std::uint64_t result_capacity;  ///< only with a result_offset
  std::atomic<std::uint64_t> order;  ///< rises with each push, in pools with more than one ring
  std::uint32_t attempt;          ///< which run it is, from 1
  std::uint32_t last_attempt;     ///< a worker that is lost in this one is not followed by another
  std::int64_t submitted_ns;      ///< of sampled tasks only
  alignas(64) std::byte result[kInlineResult];

  [[nodiscard]] bool has(std::uint32_t bits) const {
    return (control.load(std::memory_order_relaxed) & bits) != 0;
  }
  /// Requires: `bytes` is at most kInlineResult.
  [[nodiscard]] std::byte* room_for(std::uint64_t bytes) { return bytes <= kSmallResult ? small_result : result; }
  [[nodiscard]] const std::byte* room_for(std::uint64_t bytes) const {
    return bytes <= kSmallResult ? small_result : result;
  }
};
static_assert(offsetof(Slot, arguments) == 48 && offsetof(Slot, started_ns) == 192);
static_assert(sizeof(Slot) == 64 + 128 + 64 + 192);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8);

/// The half of a slot's word that its waiters sleep on.
[[nodiscard]] inline const void* waiter_word(const Slot& slot) {
  static_assert(std::endian::native == std::endian::little);
  return &slot.word;
}

/// Left by a worker's fault handler just before it dies.
struct FaultRecord {
  static constexpr std::uint32_t kFrames = 32;
  std::atomic<std::uint32_t> written;  ///< 1: the rest is there. Cleared when a new worker takes the place.
  std::int32_t signal;
  std::uint64_t address;
  std::uint32_t has_address;
  std::uint32_t frame_count;
  std::uint64_t frames[kFrames];
};

/// One worker's count of one function (shared/function_counts.h says which functions share one).
struct FunctionCount {
  std::atomic<std::uint64_t> completed;
  std::atomic<std::uint64_t> failed;
};

/// Room for one sentence on why a worker could not be set up.
inline constexpr std::size_t kFailureBytes = 220;

/// Who has a seat: one of these, or kFirstOccupant + the place of who works there. A fresh worker takes over
/// in one store, so that nobody ever sees the seat empty.
enum SeatState : std::uint32_t { kSeatAbsent = 0, kSeatLost = 1, kFirstOccupant = 2 };

/// What is known of one worker's place. Zeroed memory is a place that nobody has had yet.
///
/// A seat is what users know as a worker: seat s has the places s and s + seats, so that a fresh worker can be
/// ready in one before the old one leaves the other.
struct alignas(64) WorkerRecord {
  // Line 0, written for each task by the worker that has the place; the owner reads it only to take stock.
  // What it is about to claim, runs, or ran last: the one slot that its death concerns.
  std::atomic<SlotRef> intent;
  std::atomic<std::uint64_t> tasks;    ///< finished
  std::atomic<std::uint64_t> busy_ns;  ///< running, of the timed tasks
  std::atomic<std::uint64_t> timed_tasks;
  std::atomic<std::uint64_t> result_bytes;  ///< written into shared memory
  std::atomic<std::uint64_t> looks;         ///< how often it looked for a task among several rings (ageing)
  std::atomic<std::uint32_t> leave;         ///< supervisor: 1: go, after the task at hand

  // Line 1: the door. Its sleeper waits on `door`; whoever wakes it adds one.
  alignas(64) std::atomic<std::uint32_t> door;
  std::atomic<std::uint32_t> stop_bell;  ///< adds one: the task at hand may have been asked to end

  // Line 2, rarely written: these two by the worker, the rest by the supervisor. Waiting threads read `cpu`.
  alignas(64) std::atomic<std::uint32_t> cpu;  ///< CPU it last ran on, plus 1
  std::atomic<std::uint32_t> ready;            ///< the incarnation that has begun to look for tasks
  std::atomic<std::uint32_t> pid;              ///< 0: nobody is there; a new worker stores its own
  std::atomic<std::uint32_t> incarnation;      ///< how many have had this place
  std::atomic<std::uint32_t> deaths;           ///< of those who did not leave in peace
  std::atomic<std::uint32_t> last_status;      ///< wait status of the last death
  std::atomic<std::uint32_t> last_pid;
  std::atomic<std::uint32_t> stopped;       ///< 1: the system has stopped it (SIGSTOP)
  std::atomic<const TaskType*> last_type;  ///< that task
  std::atomic<std::uint32_t> restart_delay_ms;  ///< what back-off made its replacement wait
  std::atomic<std::uint32_t> recycled;          ///< how many have left the place for a fresh one
  std::atomic<std::uint32_t> restarts;          ///< how many came to it in place of a lost one
  std::atomic<std::uint32_t> seat;              ///< of the seat with this number: see SeatState
  std::atomic<std::int64_t> last_death_ns;

  // Line 3: the owner asks for this worker's death while it still runs that task; then pokes the supervisor.
  alignas(64) std::atomic<SlotRef> kill_ref;
  std::atomic<std::uint32_t> take_place;  ///< supervisor, to a hot spare: the place to work at, plus 1

  alignas(64) FaultRecord fault;
  // Written by the worker: the incarnation whose set-up failed, and why, with a zero at the end.
  std::atomic<std::uint32_t> failed_incarnation;
  char set_up_failure[kFailureBytes];
  // Written by the worker.
  FunctionCount functions[kCountedFunctions];
  HistogramCells waiting;
  HistogramCells running;
};

inline constexpr std::size_t kMaxPlaces = std::size_t{2} * kMaxWorkers;
inline constexpr std::size_t kWorkerWords = kMaxPlaces / 64;

/// One bit a place. Bits, not counters: a dead worker's bit can be cleared, a count cannot be repaired.
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

/// What the supervisor tells the owner, in the ring of the header. Every number is checked before it is used.
struct EventRecord {
  std::uint32_t kind;  ///< EventKind
  std::int32_t place;  ///< -1: the pool as a whole
  std::int32_t pid;
  std::int32_t status;      ///< kWorkerLost: wait status
  const TaskType* type;     ///< what it ran, or null; never followed
  std::int64_t when_ns;     ///< steady clock
  std::uint32_t delay_ms;   ///< kWorkerRestarted
  std::uint32_t detail;     ///< EventDetail bits
  std::uint64_t address;    ///< with kHasAddress: what a SIGSEGV or SIGBUS was about
  std::uint64_t reserved;
};
enum EventDetail : std::uint32_t {
  kHasAddress = 1,
  kInSetUp = 2,     ///< kWorkerLost: before it was ready
  kByThePool = 4,   ///< kWorkerLost: killed, over a limit; kWorkerStuck: over a limit
};
static_assert(sizeof(EventRecord) == 56);

/// One writer, the supervisor; one reader, the owner's monitor. What finds no room is dropped and counted.
struct EventRing {
  static constexpr std::uint64_t kEntries = 256;
  alignas(64) std::atomic<std::uint64_t> head;  ///< owner
  alignas(64) std::atomic<std::uint64_t> tail;  ///< supervisor
  std::atomic<std::uint64_t> dropped;           ///< supervisor
  alignas(64) EventRecord entries[kEntries];
};

/// The ends of one ring of waiting tasks.
struct RingEnds {
  alignas(64) std::atomic<std::uint64_t> head;  ///< advanced by whoever finds the front entry taken
  alignas(64) std::atomic<std::uint64_t> tail;  ///< written by the owner, under its own lock
};

/// Queue 0 is the one that all workers pull from, queue 1 + s belongs to seat s. Each has one ring a priority,
/// level 0 for the lowest.
inline constexpr int kLevelOfPriorityZero = -kLowestPriority;
struct QueueRecord {
  /// Owner: one bit for each level whose ring is in use; bits are never taken back.
  alignas(64) std::atomic<std::uint64_t> used;
  RingEnds rings[kPriorityLevels];
};
static_assert(kPriorityLevels <= 64);

/// One function's times, of sampled tasks. Many writers.
struct FunctionCells {
  HistogramCells waiting;
  HistogramCells running;
};

/// The first bytes of the segment.
struct alignas(64) SegmentHeader {
  // Written by the owner before anybody else sees the segment.
  std::uint64_t magic;
  std::uint32_t seats;         ///< the largest number of workers; twice as many places
  std::uint32_t worker_words;  ///< words of WorkerBits in use
  std::uint32_t spares;        ///< hot spares; each has a record behind those of the places
  std::uint32_t slot_count;
  std::uint32_t ring_mask;
  std::uint64_t workers_offset, slots_offset, ring_offset, done_offset, payload_offset, payload_bytes;
  std::uint64_t queues_offset, rings_offset, functions_offset;
  std::uint32_t stealing;  ///< 1: workers take from the own queues of others

  // The ring of priority 0 that all share.
  alignas(64) std::atomic<std::uint64_t> head;  ///< see RingEnds
  alignas(64) std::atomic<std::uint64_t> tail;
  std::atomic<std::uint32_t> owner_cpu;   ///< CPU the last submitter ran on, plus 1
  std::atomic<std::uint32_t> more_rings;  ///< owner: 1: other rings are in use beside it
  alignas(64) WorkerBits idle;       ///< asleep or about to be: set before the last look at the rings
  alignas(64) WorkerBits searching;  ///< awake and looking: it will see what is pushed now
  // Waits for room and for the pool to come to rest.
  alignas(64) std::atomic<std::uint32_t> room_wanted;  ///< 1: somebody waits for a task to settle
  alignas(64) std::atomic<std::uint32_t> room;  ///< futex word, changed when a task settles while wanted
  /// 1: the owner's bell has been rung for the bits of done_offset. The owner clears it before it looks.
  alignas(64) std::atomic<std::uint32_t> notify_pending;
  // Rarely written.
  alignas(64) std::atomic<std::uint32_t> stopping;  ///< owner: workers leave when they have nothing to run
  std::atomic<std::uint32_t> paused;                ///< owner: workers begin no task
  std::atomic<std::uint32_t> degraded;              ///< supervisor (or monitor): see RestartPolicy
  std::atomic<std::uint32_t> alive;                 ///< supervisor: workers that are there
  std::atomic<std::uint32_t> start_errno;           ///< supervisor: fork failed with this
  std::atomic<std::uint32_t> wanted;                ///< supervisor: how many workers there should be
  std::atomic<std::uint32_t> workers_min;           ///< owner: see WorkerRange
  std::atomic<std::uint32_t> workers_max;
  std::atomic<std::uint32_t> reload;                ///< owner: raised to have all workers replaced
  std::atomic<std::uint32_t> reloaded;              ///< supervisor: the generation that is done
  std::atomic<std::uint64_t> functions_ready;       ///< owner: one bit a function whose times have memory
  std::atomic<std::int64_t> reload_until_ns;        ///< owner: after this the rest is left as it is
  std::atomic<std::uint32_t> grow;  ///< anybody: 1: a task waits and nobody is free (dynamic pools)
  std::atomic<std::uint64_t> deaths;                ///< supervisor: unasked deaths of workers
  std::atomic<std::uint64_t> recycled;              ///< supervisor: workers replaced in peace
  /// A worker whose set-up failed: why, with a zero at the end.
  alignas(64) char start_failure[256];
  EventRing events;
};
inline constexpr std::uint64_t kSegmentMagic = 0x32306c6f6f707774;  // "twpool02"

}  // namespace twinpool::processes
