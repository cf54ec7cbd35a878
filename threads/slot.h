// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "shared/cpu_aware_spin.h"
#include "shared/future.h"
#include "shared/task.h"

/// Where an accepted task of the thread twin lives: its arguments, its result, and the word that says how far
/// it is.
namespace twinpool::threads {

class PoolCore;

/// What the word of a slot holds. A slot in the free list has kFinished set and kHeld clear.
namespace slot_bits {
inline constexpr std::uint32_t kFinished = 1;    ///< settled, and no worker will touch the slot any more
inline constexpr std::uint32_t kValue = 2;       ///< came with kFinished: a result was constructed
inline constexpr std::uint32_t kFailed = 4;      ///< came with kFinished: there is a Failure
inline constexpr std::uint32_t kRejected = 8;    ///< came with kFinished: stop() ended it while it waited
inline constexpr std::uint32_t kAbandoned = 16;  ///< stop() settled it as pool_closed while it still ran
inline constexpr std::uint32_t kHeld = 32;       ///< a Future refers to it
inline constexpr std::uint32_t kWaited = 64;     ///< somebody may sleep on the word
inline constexpr std::uint32_t kSampled = 128;   ///< carries times
}  // namespace slot_bits

/// One task from acceptance until both its worker and its Future are done with it.
///
/// Invariant: the slot goes back to the free list once, by whoever comes second: the worker that sets
/// kFinished, or the Future that clears kHeld. Both do it by one read-modify-write of the word, so each sees
/// whether the other was there; a Future that finds kFinished set already knows, and only stores. What the
/// caller knows of the outcome is decided by the first of kFinished (by the worker) and kAbandoned (by stop),
/// which is set only while kFinished is not (C1).
///
/// The submitter writes everything before it publishes the slot; then the worker alone, until it sets
/// kFinished; then the Future alone. A task with small arguments and result uses one cache line.
class alignas(64) TaskSlot final : public TaskState {
 public:
  /// Arguments and result lie here when both fit, otherwise both lie in one block of the heap.
  static constexpr std::size_t kInlineBytes = 104;
  static constexpr std::size_t kInlineAlignment = 16;

  TaskSlot(PoolCore& core, std::uint32_t index) : index_(index), core_(&core) {}

  // The Future's side.
  [[nodiscard]] bool ready() const noexcept override {
    return settled(word_.load(std::memory_order_acquire));
  }
  bool wait_until(std::optional<Clock::time_point> deadline) noexcept override;
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept override;
  [[nodiscard]] std::optional<Failure> take(const ResultType& type, void* to) override;
  void release() noexcept override { drop(0); }
  bool cancel() noexcept override { return false; }
  void when_settled(Continuation& continuation) noexcept override {
    (void)wait_until(std::nullopt);
    continuation.settled();
  }

  // The submitter's side.
  /// Makes the slot hold `call`. Errors: what copying an argument throws; the slot is then as before.
  void fill(const Call& call, bool sampled);
  [[nodiscard]] std::uint32_t index() const { return index_; }

  // The worker's side: who took the slot out of a queue.
  /// Runs the task and destroys its arguments. Gives the bits to settle with: kValue or kFailed.
  [[nodiscard]] std::uint32_t run() noexcept;
  /// Destroys the arguments of a task that will not run.
  void drop_arguments() noexcept;
  /// Makes the failure of a task that no worker is left to run, `why` in it; then finish(kFailed).
  void lose(const std::string& why) noexcept;
  /// Sets kFinished and `bits` and wakes who waits. Gives: the word before.
  std::uint32_t finish(std::uint32_t bits) noexcept;
  /// Settles a task that still runs as pool_closed. Gives: false when it had settled.
  bool abandon() noexcept;
  /// Destroys what is left of the outcome that `bits` name, and the block of the heap.
  void clear(std::uint32_t bits) noexcept;

  [[nodiscard]] std::uint32_t word() const { return word_.load(std::memory_order_relaxed); }
  [[nodiscard]] int submitter_cpu() const { return submitter_cpu_; }
  /// The function's place in the registry.
  [[nodiscard]] std::uint32_t function() const { return function_; }
  [[nodiscard]] std::string_view name() const { return type_->name; }
  [[nodiscard]] TaskTiming& times() { return times_; }

  /// The next slot of a chain of free ones; atomic, since a thread that lost a race for the head may still
  /// look.
  std::atomic<std::uint32_t> next_free{0};

 private:
  friend class SlotWait;
  static bool settled(std::uint32_t word) {
    return (word & (slot_bits::kFinished | slot_bits::kAbandoned)) != 0;
  }
  [[nodiscard]] bool wait_asleep(std::optional<Clock::time_point> deadline) noexcept;
  void drop(std::uint32_t taken) noexcept;
  [[nodiscard]] std::byte* memory() noexcept;
  [[nodiscard]] void* result() noexcept;

  std::atomic<std::uint32_t> word_{slot_bits::kFinished};
  const std::uint32_t index_;
  int submitter_cpu_ = -1;
  std::uint32_t function_ = 0;
  PoolCore* const core_;
  const TaskType* type_ = nullptr;
  alignas(kInlineAlignment) std::byte inline_[kInlineBytes];
  std::byte* block_;  // valid when the type does not fit inline
  Failure* failure_;  // valid with kFailed
  TaskTiming times_;  // valid with kSampled
};

/// All slots of one pool: a growing set of chunks that are freed together, and lists of the free ones.
///
/// A thread takes from, and gives back to, the stripe that its number picks, so that one thread's round trips
/// stay in its own cache lines. Slots that workers free (their Future was dropped before) come back in chains
/// through `returned_`. Only when all lists are empty does the arena grow.
///
/// Threads: all members but the destructor from any thread.
class SlotArena {
 public:
  explicit SlotArena(PoolCore& core) : core_(core) {}
  ~SlotArena();
  SlotArena(const SlotArena&) = delete;
  SlotArena& operator=(const SlotArena&) = delete;

  /// Takes a free slot.
  ///
  /// Errors: std::bad_alloc.
  [[nodiscard]] TaskSlot& acquire();
  /// Puts back a slot; it was cleared.
  void give_back(TaskSlot& slot) noexcept;
  /// Puts back a chain of `count` slots that is linked through `next_free`.
  void give_back_chain(TaskSlot& first, TaskSlot& last, std::uint32_t count) noexcept;
  /// The pool is gone: ends the lists of free slots. Each slot that is in none of them, because a Future, a
  /// worker or a thread on its way to give it back has it, drops a reference of the core when it is given
  /// back from here on.
  ///
  /// Gives: how many these are. Requires: nobody acquires any more.
  [[nodiscard]] std::int64_t retire() noexcept;

  /// Calls `visit` for every slot that was ever used.
  template <typename Visit>
  void for_each(Visit&& visit) {
    const std::uint32_t count = constructed();
    for (std::uint32_t i = 0; i < count; ++i) visit(*at(i));
  }
  [[nodiscard]] std::uint32_t constructed() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;         // ends a list
  static constexpr std::uint32_t kRetired = UINT32_MAX - 1;  // the head of a list that takes no more slots
  static constexpr std::uint32_t kFirstChunk = 256;          // each next chunk is twice as large
  static constexpr std::uint32_t kFreshAtOnce = 16;          // slots constructed when all lists are empty
  static constexpr unsigned kMaxChunks = 22;                 // 2^30 slots
  static constexpr std::size_t kStripes = 16;

  /// The head's upper half counts pops: a slot that was taken and put back in between is not taken for
  /// unchanged.
  struct alignas(64) Stripe {
    std::atomic<std::uint64_t> head{kNone};
  };

  [[nodiscard]] TaskSlot* at(std::uint32_t index) const;
  [[nodiscard]] Stripe& stripe() noexcept;
  [[nodiscard]] TaskSlot* pop(Stripe& from) const noexcept;
  bool push_chain(Stripe& to, TaskSlot& first, TaskSlot& last) noexcept;
  /// Takes one slot of a chain and puts the others into `to`.
  [[nodiscard]] TaskSlot& split(std::uint32_t chain, Stripe& to) noexcept;
  [[nodiscard]] TaskSlot& acquire_from_others(Stripe& mine);
  [[nodiscard]] TaskSlot& construct_some(Stripe& mine);

  PoolCore& core_;
  std::array<std::atomic<TaskSlot*>, kMaxChunks> chunks_{};
  std::array<Stripe, kStripes> stripes_;
  alignas(64) std::atomic<std::uint32_t> returned_{kNone};
  mutable std::mutex growing_;  // guards constructed_ and the making of chunks
  std::uint32_t constructed_ = 0;
};

}  // namespace twinpool::threads
