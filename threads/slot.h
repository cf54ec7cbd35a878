// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string_view>

#include "shared/cpu_aware_spin.h"
#include "shared/future.h"
#include "shared/task.h"

/// Where an accepted task of the thread twin lives: its arguments, its result, and the word that says how far
/// it is.
namespace twinpool::threads {

class PoolCore;
struct TaskControl;

/// What the word of a slot holds. A slot in the free list has kFinished set and kHeld clear.
namespace slot_bits {
inline constexpr std::uint32_t kFinished =
    1;                                       ///< settled, and no queue or worker refers to the slot any more
inline constexpr std::uint32_t kValue = 2;   ///< came with kFinished: a result was constructed
inline constexpr std::uint32_t kFailed = 4;  ///< came with kFinished: there is a Failure
inline constexpr std::uint32_t kNeverRan = 8;  ///< came with what settled it: the task never began
inline constexpr std::uint32_t kEarly = 16;    ///< settled while a queue or a worker still refers to the slot
inline constexpr std::uint32_t kHeld = 32;     ///< a Future refers to it
inline constexpr std::uint32_t kWaited = 64;   ///< somebody may sleep on the word
inline constexpr std::uint32_t kSampled = 128;  ///< carries times
// Asked for while the task was not settled. A worker that sees one before the task begins does not run it.
inline constexpr std::uint32_t kCancelAsked = 1U << 8;
inline constexpr std::uint32_t kOverdue = 1U << 9;  ///< waited longer than its limit
// Whose a task is that is asked for and has not begun: the claimer's, or who took it out of its queue.
inline constexpr std::uint32_t kClaimed = 1U << 10;
inline constexpr std::uint32_t kOwned = 1U << 11;
inline constexpr std::uint32_t kClaimDone = 1U << 12;   ///< the claimer has settled it
inline constexpr std::uint32_t kDequeued = 1U << 13;    ///< a claimed task was taken out of its queue
inline constexpr std::uint32_t kContinued = 1U << 14;   ///< there is a Continuation
inline constexpr std::uint32_t kControlled = 1U << 15;  ///< there is a TaskControl
// Why, with kEarly or kNeverRan; neither: the pool was stopped.
inline constexpr std::uint32_t kCancelled = 1U << 16;
inline constexpr std::uint32_t kTimedOut = 1U << 17;
inline constexpr std::uint32_t kLost = 1U << 18;  ///< no worker was left to run it
inline constexpr std::uint32_t kAsked = kCancelAsked | kOverdue;
}  // namespace slot_bits

/// One task from acceptance until both its worker and its Future are done with it.
///
/// Invariant: the slot goes back to the free list once, by whoever comes second: the one that sets kFinished,
/// or the Future that clears kHeld. Both do it by one read-modify-write of the word, so each sees whether the
/// other was there; a Future that finds kFinished set already knows, and only stores. What the caller knows
/// of the outcome is decided by the first of kFinished (by the worker) and kEarly (by who cancels, times out
/// or stops), which is set only while kFinished is not (C1).
///
/// Who ends a task that waits must know that no worker begins it, and the usual task must not pay for that
/// with a locked instruction at its beginning. Worker: mark_begun (A), store Worker::running (B), read the
/// word (C), and run only if nothing was asked. Who cancels: ask (D), read every worker's running (E), read
/// begun (F). B to E are sequentially consistent. A worker that did not see D at C has C, and so B, before D
/// in their single order; then E reads what B or a later store of that worker left, so F sees A. Hence: not
/// begun at F means that whoever takes the slot sees what was asked, and then the word decides whose it is:
/// kClaimed or kOwned. A claimed task is finished by the second of the claimer and who takes it out of its
/// queue.
///
/// The submitter writes everything before it publishes the slot; then the worker alone, until it sets
/// kFinished; then the Future alone. A task with small arguments and result uses one cache line.
class alignas(64) TaskSlot final : public TaskState {
 public:
  /// Arguments and result lie here when both fit, otherwise both lie in one block of the heap.
  static constexpr std::size_t kInlineBytes = 96;
  static constexpr std::size_t kInlineAlignment = 16;
  /// As worker: the thread that submitted the task runs it.
  static constexpr int kCaller = -2;

  TaskSlot(PoolCore& core, std::uint32_t index) : index_(index), core_(&core) {}

  // The Future's side.
  [[nodiscard]] bool ready() const noexcept override {
    return settled(word_.load(std::memory_order_acquire));
  }
  bool wait_until(std::optional<Clock::time_point> deadline) noexcept override;
  [[nodiscard]] std::optional<TaskTiming> timing() const noexcept override;
  [[nodiscard]] std::unique_ptr<Failure> take(const ResultType& type, void* to) override;
  void release() noexcept override { drop(0); }
  bool cancel() noexcept override;
  void when_settled(Continuation& continuation) noexcept override;

  // The submitter's side.
  /// Makes the slot hold `call`, and kHeld and `bits`. Takes: `order`, the task's number among the accepted.
  /// Errors: what copying an argument throws; the slot is then as before.
  void fill(const Call& call, std::uint32_t bits, std::uint64_t order) {
    type_ = call.type;
    function_ = static_cast<std::uint16_t>(call.sequence <= UINT16_MAX ? call.sequence : UINT16_MAX);
    if (fits_inline(*type_)) {
      call.build(call.references, inline_);
    } else {
      block_ = build_block(call);
    }
    submitter_cpu_ = current_cpu();
    order_.store(static_cast<std::uint32_t>(order), std::memory_order_relaxed);
    begun_.store(0, std::memory_order_relaxed);
    // Nobody else refers to the slot; who takes it out of a queue sees this through the queue. Release: for
    // who looks at the slot of a limited task.
    word_.store(slot_bits::kHeld | bits, std::memory_order_release);
  }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const TaskType& type() const { return *type_; }
  [[nodiscard]] const PoolCore& core() const { return *core_; }

  // The worker's side: who took the slot out of a queue.
  /// Says that `worker` begins the task, unless something was asked; see above.
  void mark_begun(int worker) noexcept {
    begun_.store(static_cast<std::int16_t>(worker + 1), std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t word_after_begin() const noexcept {
    return word_.load(std::memory_order_seq_cst);
  }
  /// Runs the task and destroys its arguments. Gives the bits to settle with: kValue or kFailed.
  [[nodiscard]] std::uint32_t run(const std::stop_token& stop) noexcept {
    void* const args = memory();
    std::uint32_t bits = slot_bits::kValue;
    try {
      type_->run(args, result(), stop);
    } catch (...) {
      bits = keep_exception();
    }
    if (!type_->destroy_args_is_trivial) type_->destroy_args(args);
    return bits;
  }
  /// Destroys the arguments of a task that will not run.
  void drop_arguments() noexcept;
  /// Sets kFinished and `bits` and tells who waits. Gives: the word before.
  std::uint32_t finish(std::uint32_t bits) noexcept {
    using namespace slot_bits;
    // Release: the outcome, for the Future. Acquire: for clear(), when the Future is gone already.
    const std::uint32_t before = word_.fetch_or(kFinished | bits, std::memory_order_acq_rel);
    // The Future may take the outcome and give the slot back at this moment. Its memory stays while the core
    // does, and whoever uses it next can bear a wake-up that is not for him.
    if ((before & (kWaited | kContinued)) != 0 && (before & kEarly) == 0) tell(before);
    return before;
  }
  /// Destroys what is left of the outcome that `bits` name, the block of the heap and the control.
  void clear(std::uint32_t bits) noexcept {
    using namespace slot_bits;
    if ((bits & kValue) != 0 && !type_->result->destroy_is_trivial) type_->result->destroy(result());
    if ((bits & (kFailed | kControlled)) != 0 || !fits_inline(*type_)) clear_rest(bits);
  }

  // Ending a task before its end.
  /// Sets one of kAsked. Gives: false when the task had settled.
  bool ask(std::uint32_t bit) noexcept;
  /// Requires: asked; every worker's `running` was read since. Gives: whether the task is the caller's to
  /// end; then settle_claimed and end_claim follow.
  [[nodiscard]] bool claim() noexcept;
  /// Settles a claimed task. `why`: kCancelled or kTimedOut.
  void settle_claimed(std::uint32_t why) noexcept;
  /// Gives: whether the caller has to finish the slot, since its queue has let go of it.
  [[nodiscard]] bool end_claim() noexcept;
  enum class Taken : std::uint8_t {
    kMine,      ///< the caller ends the task: finish_unrun follows
    kClaimers,  ///< its claimer is still at it, and finishes it
    kSettled,   ///< its claimer has settled it; the caller finishes the slot
  };
  /// For who took a task out of a queue and will not run it.
  [[nodiscard]] Taken take_over() noexcept;
  /// As finish, for a task that never ran and may have been settled early meanwhile. `why`: kCancelled,
  /// kTimedOut or 0.
  std::uint32_t finish_unrun(std::uint32_t why) noexcept;
  /// Settles a task that runs without its worker, as `why` says or, if that was asked, as cancelled.
  ///
  /// Takes: `count`, called with what it will settle as before anybody can know, `uncount` when it then does
  /// not. Gives: nothing when it had settled, or somebody else is about to settle it; otherwise what tell()
  /// needs.
  template <typename Count, typename Uncount>
  [[nodiscard]] std::optional<std::uint32_t> settle_early(std::uint32_t why, Count&& count,
                                                          Uncount&& uncount) noexcept {
    using namespace slot_bits;
    std::uint32_t word = word_.load(std::memory_order_acquire);
    for (;;) {
      if (settled(word) || (word & (kClaimed | kOwned)) != 0) return std::nullopt;
      const std::uint32_t as = (word & kCancelAsked) != 0 ? kCancelled : why;
      count(as);
      if (word_.compare_exchange_strong(word, word | kEarly | as, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
        return word;
      }
      uncount(as);
    }
  }
  /// Wakes who waits and calls the continuation. Takes: the word before it was settled.
  void tell(std::uint32_t before) noexcept;
  /// Which worker has begun the task; kCaller; -1: none has. Stable only for who has claimed or settled it.
  [[nodiscard]] int begun_on() const noexcept { return begun_.load(std::memory_order_acquire) - 1; }

  [[nodiscard]] std::uint32_t word() const { return word_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t word_acquired() const { return word_.load(std::memory_order_acquire); }
  [[nodiscard]] static bool settled(std::uint32_t word) {
    return (word & (slot_bits::kFinished | slot_bits::kEarly)) != 0;
  }
  [[nodiscard]] int submitter_cpu() const { return submitter_cpu_; }
  /// The function's place in the registry, as far as 16 bits can say it.
  [[nodiscard]] std::uint32_t function() const { return function_; }
  [[nodiscard]] std::string_view name() const { return type_->name; }
  [[nodiscard]] TaskTiming& times() { return times_; }
  /// The lower half of `order`. Any thread, also when the slot is another task's meanwhile.
  [[nodiscard]] std::uint32_t order() const { return order_.load(std::memory_order_relaxed); }
  /// Says that there is a control now. Gives: false when the task had settled.
  bool set_controlled() noexcept;

  /// The next slot of a chain of free ones, or of a list of waiting ones; atomic, since a thread that lost a
  /// race for the head may still look.
  std::atomic<std::uint32_t> next_free{0};
  /// Written by TaskControls alone, under its lock. Readable without it by who keeps the slot from being
  /// cleared: its submitter, worker, Future or stop callback.
  [[nodiscard]] TaskControl* control() const { return control_; }
  void set_control(TaskControl* control) { control_ = control; }

 private:
  friend class SlotWait;
  [[nodiscard]] std::unique_ptr<Failure> take_failure(std::uint32_t word);
  [[nodiscard]] bool wait_asleep(std::optional<Clock::time_point> deadline) noexcept;
  void drop(std::uint32_t taken) noexcept;
  [[nodiscard]] static bool fits_inline(const TaskType& type) {
    return type.block_size <= kInlineBytes && type.block_alignment <= kInlineAlignment;
  }
  [[nodiscard]] std::byte* memory() noexcept { return fits_inline(*type_) ? inline_ : block_; }
  [[nodiscard]] void* result() noexcept { return memory() + type_->result_offset; }
  [[nodiscard]] std::byte* build_block(const Call& call) const;
  /// Inside a catch block. Gives: kFailed.
  [[nodiscard]] std::uint32_t keep_exception() noexcept;
  void clear_rest(std::uint32_t bits) noexcept;

  std::atomic<std::uint32_t> word_{slot_bits::kFinished};
  const std::uint32_t index_;
  int submitter_cpu_ = -1;
  PoolCore* const core_;
  const TaskType* type_ = nullptr;
  std::atomic<std::uint32_t> order_{0};
  std::atomic<std::int16_t> begun_{0};  // the worker's number + 1
  std::uint16_t function_ = 0;
  union {
    alignas(kInlineAlignment) std::byte inline_[kInlineBytes];
    std::byte* block_;  // valid when the type does not fit inline
  };
  Failure* failure_;            // valid with kFailed
  TaskTiming times_;            // valid with kSampled
  Continuation* continuation_;  // valid with kContinued
  TaskControl* control_ = nullptr;
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
  [[nodiscard]] TaskSlot& acquire() {
    Stripe& mine = stripe();
    TaskSlot* const slot = pop(mine);
    return slot != nullptr ? *slot : acquire_from_others(mine);
  }
  /// Puts back a slot; it was cleared.
  void give_back(TaskSlot& slot) noexcept {
    // The arena may be touched only until the slot is in a list: then the core may go.
    if (!push_chain(stripe(), slot, slot)) drop_reference();
  }
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
  /// Requires: a slot of that number was ever used.
  [[nodiscard]] TaskSlot* at(std::uint32_t index) const {
    // Chunk k holds kFirstChunk << k slots and begins at kFirstChunk * (2^k - 1).
    const auto chunk = static_cast<unsigned>(std::bit_width(index / kFirstChunk + 1)) - 1;
    const std::uint32_t begin = ((1U << chunk) - 1) * kFirstChunk;
    return chunks_[chunk].load(std::memory_order_acquire) + (index - begin);
  }

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

  [[nodiscard]] Stripe& stripe() noexcept {
    if (this_thread_number == SIZE_MAX) this_thread_number = number_this_thread();
    return stripes_[this_thread_number % kStripes];
  }
  [[nodiscard]] TaskSlot* pop(Stripe& from) const noexcept {
    std::uint64_t head = from.head.load(std::memory_order_acquire);  // pairs with push_chain
    while (static_cast<std::uint32_t>(head) != kNone) {
      TaskSlot* const slot = at(static_cast<std::uint32_t>(head));
      const std::uint64_t pops = (head >> 32) + 1;
      const std::uint64_t next = pops << 32 | slot->next_free.load(std::memory_order_relaxed);
      if (from.head.compare_exchange_weak(head, next, std::memory_order_acquire)) return slot;
    }
    return nullptr;
  }
  static bool push_chain(Stripe& to, TaskSlot& first, TaskSlot& last) noexcept {
    std::uint64_t head = to.head.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
      if (static_cast<std::uint32_t>(head) == kRetired) return false;
      last.next_free.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
      next = (head >> 32) << 32 | first.index();
    } while (!to.head.compare_exchange_weak(head, next, std::memory_order_release, std::memory_order_relaxed));
    return true;
  }
  [[nodiscard]] static std::size_t number_this_thread() noexcept;
  void drop_reference() noexcept;
  /// Takes one slot of a chain and puts the others into `to`.
  [[nodiscard]] TaskSlot& split(std::uint32_t chain, Stripe& to) noexcept;
  [[nodiscard]] TaskSlot& acquire_from_others(Stripe& mine);
  [[nodiscard]] TaskSlot& construct_some(Stripe& mine);

  static inline constinit thread_local std::size_t this_thread_number = SIZE_MAX;

  PoolCore& core_;
  std::array<std::atomic<TaskSlot*>, kMaxChunks> chunks_{};
  std::array<Stripe, kStripes> stripes_;
  alignas(64) std::atomic<std::uint32_t> returned_{kNone};
  mutable std::mutex growing_;  // guards constructed_ and the making of chunks
  std::uint32_t constructed_ = 0;
};

}  // namespace twinpool::threads
