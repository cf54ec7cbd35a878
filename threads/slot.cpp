// SPDX-License-Identifier: Apache-2.0
#include "threads/slot.h"

#include <algorithm>
#include <bit>
#include <climits>
#include <utility>

#include "shared/futex.h"
#include "threads/pool_core.h"
#include "threads/task_control.h"
#include "threads/worker.h"

namespace twinpool::threads {
namespace {

using namespace slot_bits;

static_assert(sizeof(TaskSlot) == 192, "three cache lines, of which a small task uses the first");
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

void free_block(std::byte* block, const TaskType& type) noexcept {
  ::operator delete (block, std::align_val_t{type.block_alignment});
}

/// Stands in when there is no memory for the description of an exception.
Failure& undescribed_failure() {
  static Failure failure{.kind = FailureKind::kOutOfMemory,
                         .type_name = {},
                         .message = "the task threw, and no memory was left to say what",
                         .loss = std::nullopt};
  return failure;
}

Failure* describe_current_exception() noexcept {
  try {
    return new Failure(failure_of_current_exception());
  } catch (...) {
    return &undescribed_failure();
  }
}

std::atomic<std::size_t> next_thread_number{0};

}  // namespace

std::byte* TaskSlot::build_block(const Call& call) const {
  auto* const block =
      static_cast<std::byte*>(::operator new (type_->block_size, std::align_val_t{type_->block_alignment}));
  try {
    call.build(call.references, block);
  } catch (...) {
    free_block(block, *type_);
    throw;
  }
  return block;
}

std::uint32_t TaskSlot::keep_exception() noexcept {
  failure_ = describe_current_exception();
  return kFailed;
}

void TaskSlot::drop_arguments() noexcept { type_->destroy_args(memory()); }

void TaskSlot::tell(std::uint32_t before) noexcept {
  // With a continuation the Future holds on until it was called.
  Continuation* const continuation = (before & kContinued) != 0 ? continuation_ : nullptr;
  if ((before & kWaited) != 0) futex_wake(word_, INT_MAX, FutexScope::kThisProcess);
  if (continuation != nullptr) continuation->settled();
}

void TaskSlot::when_settled(Continuation& continuation) noexcept {
  continuation_ = &continuation;
  // Release: the pointer, for who settles. Acquire: the outcome, when that has happened.
  if (settled(word_.fetch_or(kContinued, std::memory_order_acq_rel))) continuation.settled();
}

bool TaskSlot::cancel() noexcept { return core_->controls().cancel(*this); }

bool TaskSlot::ask(std::uint32_t bit) noexcept {
  std::uint32_t word = word_.load(std::memory_order_acquire);
  do {
    if (settled(word)) return false;
  } while (
      !word_.compare_exchange_weak(word, word | bit, std::memory_order_seq_cst, std::memory_order_acquire));
  return true;
}

bool TaskSlot::set_controlled() noexcept {
  std::uint32_t word = word_.load(std::memory_order_acquire);
  do {
    if (settled(word)) return false;
  } while (!word_.compare_exchange_weak(word, word | kControlled, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

bool TaskSlot::claim() noexcept {
  if (begun_on() != -1) return false;
  std::uint32_t word = word_.load(std::memory_order_acquire);
  do {
    if (settled(word) || (word & (kClaimed | kOwned)) != 0) return false;
  } while (!word_.compare_exchange_weak(word, word | kClaimed, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

void TaskSlot::settle_claimed(std::uint32_t why) noexcept {
  tell(word_.fetch_or(kEarly | kNeverRan | why, std::memory_order_acq_rel));
}

bool TaskSlot::end_claim() noexcept {
  return (word_.fetch_or(kClaimDone, std::memory_order_acq_rel) & kDequeued) != 0;
}

TaskSlot::Taken TaskSlot::take_over() noexcept {
  std::uint32_t word = word_.load(std::memory_order_acquire);
  for (;;) {
    const std::uint32_t mark = (word & kClaimed) != 0 ? kDequeued : kOwned;
    if (!word_.compare_exchange_weak(word, word | mark, std::memory_order_acq_rel,
                                     std::memory_order_acquire)) {
      continue;
    }
    if (mark == kOwned) return Taken::kMine;
    return (word & kClaimDone) != 0 ? Taken::kSettled : Taken::kClaimers;
  }
}

std::uint32_t TaskSlot::finish_unrun(std::uint32_t why) noexcept {
  std::uint32_t word = word_.load(std::memory_order_acquire);
  std::uint32_t bits = 0;
  do {
    bits = (word & kEarly) != 0 ? kFinished : kFinished | kNeverRan | why;
  } while (
      !word_.compare_exchange_weak(word, word | bits, std::memory_order_acq_rel, std::memory_order_acquire));
  if ((word & kEarly) == 0) tell(word);
  return word;
}

void TaskSlot::clear_rest(std::uint32_t bits) noexcept {
  if ((bits & kFailed) != 0 && failure_ != &undescribed_failure()) delete failure_;
  if (!fits_inline(*type_)) free_block(block_, *type_);
  if ((bits & kControlled) != 0) core_->controls().detach(*this);
}

bool TaskSlot::wait_until(std::optional<Clock::time_point> deadline) noexcept {
  if (ready()) return true;
  if (Worker* const worker = Worker::current(); worker != nullptr && &worker->core() == core_) {
    // A worker that only slept here would be one less to run what it waits for: it runs its own descendants.
    while (!(deadline && Clock::now() >= *deadline) && worker->run_descendant()) {
      if (ready()) return true;
    }
  }
  return wait_asleep(deadline);
}

bool TaskSlot::wait_asleep(std::optional<Clock::time_point> deadline) noexcept {
  std::chrono::nanoseconds spin = kSpinLimit;
  if (deadline) spin = std::min(spin, std::chrono::nanoseconds(*deadline - Clock::now()));
  if (spin.count() > 0 && spin_until([this] { return ready(); }, core_->worker_cpu(), spin)) return true;
  std::uint32_t word = word_.fetch_or(kWaited, std::memory_order_acquire) | kWaited;
  while (!settled(word)) {
    const bool in_time = futex_wait(word_, word, FutexScope::kThisProcess, deadline);
    word = word_.load(std::memory_order_acquire);
    if (!in_time) return settled(word);
  }
  return true;
}

std::optional<TaskTiming> TaskSlot::timing() const noexcept {
  const std::uint32_t word = word_.load(std::memory_order_acquire);
  // The worker that was left behind may be writing the times of a task that settled without it.
  if ((word & kSampled) == 0 || (word & (kEarly | kNeverRan)) == kEarly) return std::nullopt;
  return times_;
}

std::unique_ptr<Failure> TaskSlot::take(const ResultType& type, void* to) {
  if (!ready()) wait_until(std::nullopt);
  const std::uint32_t word = word_.load(std::memory_order_acquire);
  // A request to cancel that came before the end counts, whatever the task made of it.
  if ((word & (kEarly | kNeverRan | kCancelAsked | kFailed)) != 0) return take_failure(word);
  type.relocate(to, result());
  drop(kValue);
  return nullptr;
}

std::unique_ptr<Failure> TaskSlot::take_failure(std::uint32_t word) {
  // Also when there is no memory for a message: the Future does not refer to the slot any more.
  const struct Release {
    ~Release() { slot.drop(0); }
    TaskSlot& slot;
  } release{*this};
  if ((word & (kEarly | kNeverRan | kCancelAsked)) != 0)
    return std::make_unique<Failure>(failure_of_ended_task(*this, word));
  const bool shared = failure_ == &undescribed_failure();
  return std::make_unique<Failure>(shared ? *failure_ : std::move(*failure_));
}

void TaskSlot::drop(std::uint32_t taken) noexcept {
  // The slot, not the Future, keeps the core alive: until it is back in a list or has dropped its reference.
  PoolCore& core = *core_;
  std::uint32_t before = word_.load(std::memory_order_acquire);
  if ((before & kFinished) != 0) {
    // The usual case: the worker came first, saw kHeld and is done with the word, and who ends tasks changes
    // only a word without kFinished. Nobody is left to race with, so no locked instruction.
    word_.store(before & ~kHeld, std::memory_order_relaxed);
  } else {
    // Release: what the Future did with the outcome, for the worker of a task that settled early, which
    // clears it.
    before = word_.fetch_and(~kHeld, std::memory_order_acq_rel);
  }
  if ((before & kFinished) != 0) {
    clear(before & ~taken);
    if (Worker* const worker = Worker::current(); worker != nullptr && &worker->core() == &core) {
      worker->free_slot(*this);
    } else {
      core.arena().give_back(*this);
    }
  }
}

SlotArena::~SlotArena() {
  for_each([](TaskSlot& slot) { slot.~TaskSlot(); });
  for (auto& chunk : chunks_) {
    ::operator delete (static_cast<void*>(chunk.load(std::memory_order_relaxed)),
                       std::align_val_t{alignof(TaskSlot)});
  }
}

TaskSlot& SlotArena::split(std::uint32_t chain, Stripe& to) noexcept {
  TaskSlot& first = *at(chain);
  const std::uint32_t rest = first.next_free.load(std::memory_order_relaxed);
  if (rest == kNone) return first;
  // Almost always the stripe is still empty, and nobody has to walk to the end of the chain.
  std::uint64_t head = to.head.load(std::memory_order_relaxed);
  const bool empty = static_cast<std::uint32_t>(head) == kNone;
  if (empty && to.head.compare_exchange_strong(head, (head >> 32) << 32 | rest, std::memory_order_release,
                                               std::memory_order_relaxed)) {
    return first;
  }
  TaskSlot* last = at(rest);
  for (std::uint32_t next; (next = last->next_free.load(std::memory_order_relaxed)) != kNone;)
    last = at(next);
  push_chain(to, *at(rest), *last);
  return first;
}

TaskSlot& SlotArena::acquire_from_others(Stripe& mine) {
  // Nothing but whole chains is ever taken from `returned_`, so a plain index is enough there.
  if (const auto chain = returned_.exchange(kNone, std::memory_order_acquire); chain != kNone) {
    return split(chain, mine);
  }
  for (Stripe& other : stripes_) {
    if (&other == &mine) continue;
    std::uint64_t head = other.head.load(std::memory_order_relaxed);
    while (static_cast<std::uint32_t>(head) != kNone) {
      const std::uint64_t empty = ((head >> 32) + 1) << 32 | kNone;
      if (other.head.compare_exchange_weak(head, empty, std::memory_order_acquire)) {
        return split(static_cast<std::uint32_t>(head), mine);
      }
    }
  }
  return construct_some(mine);
}

TaskSlot& SlotArena::construct_some(Stripe& mine) {
  const std::lock_guard lock(growing_);
  const unsigned chunk = static_cast<unsigned>(std::bit_width(constructed_ / kFirstChunk + 1)) - 1;
  if (chunk >= kMaxChunks) throw std::bad_alloc();
  if (chunks_[chunk].load(std::memory_order_relaxed) == nullptr) {
    const std::size_t bytes = sizeof(TaskSlot) * (std::size_t{kFirstChunk} << chunk);
    // Not constructed yet: pages of a large chunk cost memory only once their slots are used.
    chunks_[chunk].store(static_cast<TaskSlot*>(::operator new (bytes, std::align_val_t{alignof(TaskSlot)})),
                         std::memory_order_release);
  }
  static_assert(kFirstChunk % kFreshAtOnce == 0, "a batch lies in one chunk");
  TaskSlot* const first = at(constructed_);
  for (std::uint32_t i = 0; i < kFreshAtOnce; ++i) {
    auto* const slot = ::new (static_cast<void*>(first + i)) TaskSlot(core_, constructed_ + i);
    slot->next_free.store(constructed_ + i + 1, std::memory_order_relaxed);
  }
  constructed_ += kFreshAtOnce;
  push_chain(mine, first[1], first[kFreshAtOnce - 1]);
  return *first;
}

std::size_t SlotArena::number_this_thread() noexcept {
  return next_thread_number.fetch_add(1, std::memory_order_relaxed);
}

void SlotArena::drop_reference() noexcept { core_.drop_references(1); }

// The arena may be touched only until the slots are in the list: then the core may go.
void SlotArena::give_back_chain(TaskSlot& first, TaskSlot& last, std::uint32_t count) noexcept {
  std::uint32_t head = returned_.load(std::memory_order_relaxed);
  do {
    if (head == kRetired) return core_.drop_references(count);
    last.next_free.store(head, std::memory_order_relaxed);
  } while (!returned_.compare_exchange_weak(head, first.index(), std::memory_order_release,
                                            std::memory_order_relaxed));
}

std::int64_t SlotArena::retire() noexcept {
  std::int64_t in_use = constructed();
  const auto take_off = [&](std::uint32_t index) {
    for (; index != kNone; index = at(index)->next_free.load(std::memory_order_relaxed)) --in_use;
  };
  for (Stripe& stripe : stripes_) {
    take_off(static_cast<std::uint32_t>(stripe.head.exchange(kRetired, std::memory_order_acq_rel)));
  }
  take_off(returned_.exchange(kRetired, std::memory_order_acq_rel));
  return in_use;
}

std::uint32_t SlotArena::constructed() const {
  const std::lock_guard lock(growing_);
  return constructed_;
}

}  // namespace twinpool::threads
