// SPDX-License-Identifier: Apache-2.0
#include "processes/endings.h"

#include <algorithm>
#include <utility>

#include "processes/door.h"
#include "processes/growth_request.h"
#include "processes/recovery.h"
#include "shared/future.h"

namespace twinpool::processes {
namespace {

/// A supervisor that dies before it has heard whom to kill: its successor is told again.
constexpr std::chrono::milliseconds kAskAgain{100};

Clock::time_point later(Clock::time_point since, std::chrono::nanoseconds limit) {
  return limit < Clock::time_point::max() - since ? since + limit : Clock::time_point::max();
}

std::optional<Clock::time_point> unless_never(Clock::time_point when) {
  return when == Clock::time_point::max() ? std::nullopt : std::optional(when);
}

bool waits(SlotWord word) {
  return word.state() == SlotState::kQueued || word.state() == SlotState::kRequeue;
}

SlotWord word_of(const Segment& segment, SlotRef ref) {
  return {segment.slot(ref_index(ref)).word.load(std::memory_order_acquire)};
}

}  // namespace

Endings::Endings(const Segment& segment)
    : segment_(segment), deadlines_([this](std::uint64_t key, Clock::time_point now) {
        return look(static_cast<std::uint32_t>(key), now);
      }) {}

void Endings::start(std::chrono::nanoseconds grace, Descriptor owner_bell, Descriptor poke) {
  const std::lock_guard lock(mutex_);
  grace_ = grace;
  owner_bell_ = std::move(owner_bell);
  poke_ = std::move(poke);
}

void Endings::stop() noexcept {
  deadlines_.stop();
  const std::lock_guard lock(mutex_);
  owner_bell_ = {};
  poke_ = {};
}

void Endings::watch(SlotRef ref, const Limits& limits, bool follows) {
  auto terms = std::make_shared<Terms>();
  terms->ref = ref;
  terms->limits = limits;
  terms->follows = follows;
  terms->waits_since = Clock::now();
  auto first = Clock::time_point::max();
  if (limits.wait.count() > 0) first = later(terms->waits_since, limits.wait);
  if (limits.run.count() > 0) first = std::min(first, later(terms->waits_since, limits.run));
  {
    const std::lock_guard lock(mutex_);
    terms_[ref_index(ref)].swap(terms);  // what was left from the slot's last use goes without the lock
  }
  if (const auto when = unless_never(first)) deadlines_.set(ref_index(ref), *when);
}

void Endings::follow(SlotRef ref, const std::stop_token& stop) noexcept {
  TermsPtr terms;
  {
    const std::lock_guard lock(mutex_);
    const auto found = terms_.find(ref_index(ref));
    if (found == terms_.end() || found->second->ref != ref) return;  // it has settled and been forgotten
    terms = found->second;
  }
  // Without the lock: it may call at once. When the task is forgotten meanwhile, the last holder is here.
  terms->on_stop.emplace(stop, Cancel{this, ref});
}

void Endings::waits_again(SlotRef ref) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = terms_.find(ref_index(ref));
  if (found == terms_.end() || found->second->ref != ref) return;
  Terms& terms = *found->second;
  terms.waits_since = Clock::now();
  if (terms.limits.wait.count() <= 0) return;
  try {
    deadlines_.set(ref_index(ref), later(terms.waits_since, terms.limits.wait));
  } catch (...) {  // NOLINT: no memory; the thread is there. The task runs when it runs.
  }
}

void Endings::forget(SlotRef ref) noexcept {
  TermsPtr gone;  // destroyed without the lock: a stop callback that runs just now is waited for
  const std::lock_guard lock(mutex_);
  const auto found = terms_.find(ref_index(ref));
  if (found == terms_.end() || found->second->ref != ref) return;
  gone = std::move(found->second);
  terms_.erase(found);
}

bool Endings::end_waiting(SlotRef ref, SlotWord word, SlotState state) {
  Slot& slot = segment_.slot(ref_index(ref));
  if (slot.has(kSampled)) slot.settled_ns = now_ns();
  // Fails when a worker claims it, or when somebody begins to wait for it: the caller looks again.
  if (!slot.word.compare_exchange_strong(word.bits, word.with(state).bits, std::memory_order_seq_cst)) return false;
  tell_settled(segment_, ref_index(ref), word, owner_bell_.get());
  announce_room(segment_);
  return true;
}

void Endings::ask(SlotRef ref, SlotWord word) {
  if (word.worker() < segment_.place_count()) {
    std::atomic<std::uint32_t>& bell = segment_.worker(word.worker()).stop_bell;
    bell.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(bell, 1, FutexScope::kAllProcesses);
  }
  try {
    const auto now = Clock::now();
    TermsPtr& terms = terms_[ref_index(ref)];
    if (terms == nullptr || terms->ref != ref) {
      if (terms != nullptr && terms->follows) return;  // of another use of the slot: this one has settled
      terms = std::make_shared<Terms>();
      terms->ref = ref;
    }
    terms->asked = now;
    deadlines_.set(ref_index(ref), later(now, grace_));
  } catch (...) {  // NOLINT: no memory or no thread: it settles when it returns
    if (const auto found = terms_.find(ref_index(ref)); found != terms_.end() && found->second == nullptr)
      terms_.erase(found);
  }
}

void Endings::cancel_unqueued(SlotRef ref) noexcept {
  segment_.slot(ref_index(ref)).word.store(SlotWord::make(ref_generation(ref), 0, SlotState::kQueued).bits,
                                           std::memory_order_release);
  cancel(ref);
}

bool Endings::cancel(SlotRef ref) noexcept {
  const std::lock_guard lock(mutex_);
  std::atomic<std::uint64_t>& slot_word = segment_.slot(ref_index(ref)).word;
  for (;;) {
    SlotWord word = word_of(segment_, ref);
    if (word.generation() != ref_generation(ref) || word.terminal() || word.state() == SlotState::kFree) return false;
    if (waits(word)) {
      if (end_waiting(ref, word, SlotState::kCancelled)) return true;
      continue;
    }
    if (word.ending() != Ending::kNone) return true;
    const SlotWord asked = word.with_ending(Ending::kCancelled);
    if (!slot_word.compare_exchange_strong(word.bits, asked.bits, std::memory_order_seq_cst)) continue;
    ask(ref, asked);
    return true;
  }
}

int Endings::owner_bell() const {
  const std::lock_guard lock(mutex_);
  return owner_bell_.get();
}

std::size_t Endings::cancel_waiting() noexcept {
  const std::lock_guard lock(mutex_);
  return processes::end_waiting(segment_, SlotState::kCancelled, owner_bell_.get());
}

void Endings::settle(SlotRef ref, SlotState state) noexcept {
  const std::lock_guard lock(mutex_);
  const auto before = settle_slot(segment_.slot(ref_index(ref)), ref_generation(ref), state);
  if (!before) return;
  tell_settled(segment_, ref_index(ref), *before, owner_bell_.get());
  announce_room(segment_);
}

std::optional<Clock::time_point> Endings::look(std::uint32_t index, Clock::time_point now) {
  TermsPtr gone;
  const std::lock_guard lock(mutex_);
  const auto found = terms_.find(index);
  if (found == terms_.end()) return std::nullopt;
  Terms& terms = *found->second;
  for (;;) {
    const SlotWord word = word_of(segment_, terms.ref);
    if (word.generation() < ref_generation(terms.ref)) return now + std::chrono::milliseconds(1);  // it is just being queued
    if (word.generation() != ref_generation(terms.ref) || word.terminal()) {
      // One that follows a stop token is forgotten with its slot.
      if (!terms.follows) {
        gone = std::move(found->second);
        terms_.erase(found);
      }
      return std::nullopt;
    }
    if (!waits(word)) return look_at_running(terms, word, now);
    if (terms.limits.wait.count() > 0 && later(terms.waits_since, terms.limits.wait) <= now) {
      if (!end_waiting(terms.ref, word, SlotState::kTimedOut)) continue;
      return std::nullopt;
    }
    return look_at_waiting(terms, now);
  }
}

std::optional<Clock::time_point> Endings::look_at_waiting(const Terms& terms, Clock::time_point now) {
  auto next = Clock::time_point::max();
  if (terms.limits.wait.count() > 0) next = later(terms.waits_since, terms.limits.wait);
  if (terms.limits.run.count() > 0) next = std::min(next, later(now, terms.limits.run));
  return unless_never(next);
}

std::optional<Clock::time_point> Endings::look_at_running(Terms& terms, SlotWord word, Clock::time_point now) {
  if (word.ending() == Ending::kNone) {
    if (terms.limits.run.count() <= 0) return std::nullopt;
    // Written by the worker just after its claim, and not trusted: it cannot have begun in the future.
    Slot& slot = segment_.slot(ref_index(terms.ref));
    const std::int64_t said = slot.started_ns.load(std::memory_order_acquire);
    const Clock::time_point started = said != 0 ? std::min(Clock::time_point(std::chrono::nanoseconds(said)), now) : now;
    if (const auto end = later(started, terms.limits.run); end > now) return end;
    const SlotWord asked = word.with_ending(Ending::kTimedOut);
    if (!slot.word.compare_exchange_strong(word.bits, asked.bits, std::memory_order_seq_cst)) return now;
    ask(terms.ref, asked);
    return std::nullopt;  // `ask` has set the next look
  }
  const auto end = later(terms.asked.value_or(now), grace_);
  if (end > now) return unless_never(end);
  kill(terms.ref, word);
  return now + kAskAgain;
}

void Endings::kill(SlotRef ref, SlotWord word) const {
  if (word.worker() >= segment_.place_count() || !poke_.open()) return;
  segment_.worker(word.worker()).kill_ref.store(ref, std::memory_order_release);
  poke_supervisor(poke_.get());
}

}  // namespace twinpool::processes
