// SPDX-License-Identifier: Apache-2.0
#include "threads/parking.h"

#include <bit>

#include "shared/cpu_aware_spin.h"
#include "shared/futex.h"

namespace twinpool::threads {

static_assert(kMaxPlaces % 64 == 0);

Parking::Parking(int workers) : doors_(std::make_unique<Door[]>(static_cast<std::size_t>(workers))) {}

bool Parking::try_search() noexcept {
  std::uint32_t now = gate_.load(std::memory_order_relaxed);
  while ((now & kSearching) == 0) {
    if (gate_.compare_exchange_weak(now, now | kSearching, std::memory_order_seq_cst)) return true;
  }
  return false;
}

void Parking::lie_down(int worker, bool searching) noexcept {
  const auto index = static_cast<std::size_t>(worker);
  doors_[index].word.store(Door::kAsleep, std::memory_order_relaxed);
  // Release: the door is closed before anybody may open it.
  asleep_[index / kBitsPerWord].fetch_or(std::uint64_t{1} << (index % kBitsPerWord),
                                         std::memory_order_release);
  gate_.fetch_add(kOneSleeper - (searching ? kSearching : 0), std::memory_order_seq_cst);
}

Parking::Woken Parking::wait_at_door(int worker, std::optional<Clock::time_point> until) noexcept {
  auto& word = door(worker).word;
  for (;;) {
    const std::uint32_t now = word.load(std::memory_order_acquire);  // pairs with open_door
    if (now == Door::kSearch) return Woken::kToSearch;
    if (now == Door::kLook) return Woken::kToLook;
    if (now == Door::kEnd) return Woken::kToEnd;
    if (futex_wait(word, Door::kAsleep, FutexScope::kThisProcess, until)) continue;
    if (get_up(worker)) return Woken::kTimedOut;
    until.reset();  // somebody is about to open the door
  }
}

bool Parking::asleep(int worker) const noexcept {
  const auto index = static_cast<std::size_t>(worker);
  return (asleep_[index / kBitsPerWord].load(std::memory_order_acquire) >> (index % kBitsPerWord) & 1) != 0;
}

bool Parking::get_up(int worker) noexcept {
  std::uint32_t now = gate();
  do {
    if (now < kOneSleeper) return false;
  } while (!gate_.compare_exchange_weak(now, now - kOneSleeper, std::memory_order_seq_cst));
  if (take(worker)) return true;
  // A waker has taken this worker, so what was taken off stands for another sleeper. A publisher that missed
  // that one in between is seen by this worker, which is woken and looks after this.
  gate_.fetch_add(kOneSleeper, std::memory_order_seq_cst);
  return false;
}

bool Parking::call(int worker) noexcept {
  door(worker).called.store(true, std::memory_order_seq_cst);
  std::uint32_t now = gate();
  while (now >= kOneSleeper && asleep(worker)) {
    if (gate_.compare_exchange_weak(now, now - kOneSleeper, std::memory_order_seq_cst)) {
      // Another, if this one was just woken: it looks and lies down again.
      open_door(take_sleeper(worker), Door::kLook, -1);
      return true;
    }
  }
  return false;
}

void Parking::wake_one(int preferred) noexcept {
  std::uint32_t now = gate();
  while ((now & kSearching) == 0 && now >= kOneSleeper) {
    if (gate_.compare_exchange_weak(now, now - kOneSleeper + kSearching, std::memory_order_seq_cst)) {
      open_door(take_sleeper(preferred), Door::kSearch, preferred);
      return;
    }
  }
}

void Parking::wake_all() noexcept {
  std::uint32_t now = gate();
  while (now >= kOneSleeper) {
    if (gate_.compare_exchange_weak(now, now - kOneSleeper, std::memory_order_seq_cst)) {
      open_door(take_sleeper(-1), Door::kEnd, -1);
      now = gate();
    }
  }
}

bool Parking::take(int worker) noexcept {
  const auto index = static_cast<std::size_t>(worker);
  const std::uint64_t bit = std::uint64_t{1} << (index % kBitsPerWord);
  return (asleep_[index / kBitsPerWord].fetch_and(~bit, std::memory_order_acq_rel) & bit) != 0;
}

int Parking::take_sleeper(int preferred) noexcept {
  // A worker that is about to sleep takes its own wake-up rather than disturb another.
  if (preferred >= 0 && take(preferred)) return preferred;
  for (;; pause_cpu()) {
    // The lowest number first: with little to do the same few workers run, and the others stay cold.
    for (std::size_t i = 0; i < asleep_.size(); ++i) {
      const std::uint64_t bits = asleep_[i].load(std::memory_order_relaxed);
      if (bits == 0) continue;
      const int worker = static_cast<int>(i) * kBitsPerWord + std::countr_zero(bits);
      if (take(worker)) return worker;
    }
  }
}

void Parking::open_door(int worker, std::uint32_t why, int self) noexcept {
  auto& word = door(worker).word;
  word.store(why, std::memory_order_release);
  wakeups_.fetch_add(1, std::memory_order_relaxed);
  if (worker != self) futex_wake(word, 1, FutexScope::kThisProcess);
}

}  // namespace twinpool::threads
