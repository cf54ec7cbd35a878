// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <climits>
#include <cstdint>
#include <optional>
#include <utility>

#include "shared/cpu_aware_spin.h"
#include "shared/futex.h"
#include "shared/future.h"

/// How many tasks are accepted and not settled yet, and whether one more may come in (C9).
namespace twinpool::threads {

/// Counts accepted tasks against a limit. How many have settled is counted by those who settle them and
/// handed in as a function `settled()`, since one counter that all write would cost each of them a cache miss
/// a task.
///
/// Invariant: a task is admitted only while accepted minus settled is below the limit; and refused only when
/// it was not at some moment of the call. Threads: all members from any thread.
class Admission {
 public:
  enum class Answer : std::uint8_t { kAdmitted, kFull, kClosed };

  /// Takes: `settlers`, how many call made_room, each with a count of its own.
  Admission(std::uint64_t limit, std::uint64_t settlers)
      : limit_(limit),
        batch_mask_(std::bit_floor(std::clamp<std::uint64_t>(limit / (8 * settlers), 1, 32)) - 1) {}

  /// Takes: `settled`, which first calls back what was admitted ahead and not used.
  /// Gives: kAdmitted, and then in `sequence` how many were accepted before.
  template <typename Settled>
  Answer admit(std::uint64_t& sequence, Settled&& settled) {
    // Acquire: it is read before the sum below.
    std::uint64_t accepted = accepted_.load(std::memory_order_acquire);
    for (;;) {
      if ((accepted & kClosed) != 0) return Answer::kClosed;
      if (over_limit(accepted, settled_seen_.load(std::memory_order_acquire))) {
        // The sum is taken after `accepted` was read, so when it says full, the pool was full at that
        // reading.
        const std::uint64_t sum = settled();
        // Release, acquire: who is admitted for this sum sees what was counted before it (WaitingTasks::detour).
        settled_seen_.store(sum, std::memory_order_release);
        if (over_limit(accepted, sum)) {
          const std::uint64_t before = std::exchange(accepted, accepted_.load(std::memory_order_acquire));
          if (accepted < before) continue;  // an allowance was called back
          return Answer::kFull;
        }
      }
      if (accepted_.compare_exchange_weak(accepted, accepted + 1, std::memory_order_acq_rel)) {
        sequence = accepted;
        return Answer::kAdmitted;
      }
    }
  }

  /// Admits `count` tasks that the caller will submit one by one (Worker::allowance), while the pool is far from
  /// its limit. Gives: the first one's sequence; nothing when they have to be admitted one by one.
  [[nodiscard]] std::optional<std::uint64_t> admit_ahead(std::uint64_t count) {
    std::uint64_t accepted = accepted_.load(std::memory_order_acquire);
    do {
      if ((accepted & kClosed) != 0) return std::nullopt;
      if (over_limit(accepted + 2 * count, settled_seen_.load(std::memory_order_acquire))) return std::nullopt;
    } while (!accepted_.compare_exchange_weak(accepted, accepted + count, std::memory_order_acq_rel));
    return accepted;
  }
  /// Takes back `count` of those that were not submitted.
  void take_back(std::uint64_t count) noexcept { accepted_.fetch_sub(count, std::memory_order_seq_cst); }

  /// The same, waiting for room until `deadline`. `peer_cpu`: where the worker that makes room runs.
  template <typename Settled>
  Answer admit_when_room(std::uint64_t& sequence, Settled&& settled, Clock::time_point deadline,
                         int peer_cpu) {
    Answer answer = Answer::kFull;
    const auto try_it = [&] { return (answer = admit(sequence, settled)) != Answer::kFull; };
    if (spin_until(try_it, peer_cpu)) return answer;
    room_waiters_.fetch_add(1, std::memory_order_seq_cst);  // pairs with made_room
    for (;;) {
      const std::uint32_t turn = room_turn_.load(std::memory_order_acquire);
      if (try_it()) break;
      const auto now = Clock::now();
      if (now >= deadline) break;
      futex_wait(room_turn_, turn, FutexScope::kThisProcess, std::min(deadline, now + kLookAgain));
    }
    const bool others_wait = room_waiters_.fetch_sub(1, std::memory_order_seq_cst) > 1;
    // One wake-up may stand for a batch of places: each who got in passes it on while there is room.
    if (others_wait && answer == Answer::kAdmitted && !over_limit(accepted(), settled())) wake_waiters(1);
    return answer;
  }

  /// Admits over the limit: for a task that the caller runs itself because there is no room to queue it.
  /// Gives: false when closed.
  bool admit_beyond_limit(std::uint64_t& sequence) {
    std::uint64_t accepted = accepted_.load(std::memory_order_relaxed);
    do {
      if ((accepted & kClosed) != 0) return false;
    } while (!accepted_.compare_exchange_weak(accepted, accepted + 1, std::memory_order_acq_rel));
    sequence = accepted;
    return true;
  }

  /// Takes one admission back; the task never came to be.
  void withdraw() {
    accepted_.fetch_sub(1, std::memory_order_seq_cst);
    settler_idle();
  }

  /// To be called after a settlement was counted: either this sees the waiter, or the waiter, which counts
  /// itself before it looks at the counts, sees the room (and where the order of the two is not certain, it
  /// looks again by itself after kLookAgain).
  ///
  /// Takes: how many the caller has settled so far. Waking a submitter for each single place would cost a
  /// wake-up a task, so it is woken for a batch: small enough that all callers together, each in the midst of
  /// one, leave no more than an eighth of the limit unannounced.
  void made_room(std::uint64_t settled_by_caller) {
    if (room_waiters_.load(std::memory_order_seq_cst) == 0) return;
    if (announces(settled_by_caller)) wake_waiters(1);
  }
  /// Whether a caller's count ends a batch.
  [[nodiscard]] bool announces(std::uint64_t settled_by_caller) const {
    return (settled_by_caller & batch_mask_) == 0;
  }

  /// The caller settles nothing for a while: wakes who waits for what its last batch lacks.
  void settler_idle() {
    if (room_waiters_.load(std::memory_order_seq_cst) != 0) wake_waiters(1);
  }

  /// Refuses everything from now on, also those who wait for room.
  void close() {
    accepted_.fetch_or(kClosed, std::memory_order_seq_cst);
    wake_waiters(INT_MAX);
  }

  [[nodiscard]] std::uint64_t accepted() const {
    return accepted_.load(std::memory_order_seq_cst) & ~kClosed;
  }

 private:
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << 63;
  static constexpr std::chrono::milliseconds kLookAgain{1};

  [[nodiscard]] bool over_limit(std::uint64_t accepted, std::uint64_t settled) const {
    // Signed: `accepted` may be older than `settled`.
    return static_cast<std::int64_t>(accepted - settled) >= static_cast<std::int64_t>(limit_);
  }

  void wake_waiters(int count) {
    room_turn_.fetch_add(1, std::memory_order_release);
    futex_wake(room_turn_, count, FutexScope::kThisProcess);
  }

  const std::uint64_t limit_;
  const std::uint64_t batch_mask_;
  alignas(64) std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> settled_seen_{0};  // never more than have settled
  alignas(64) std::atomic<std::uint32_t> room_waiters_{0};
  std::atomic<std::uint32_t> room_turn_{0};
};

}  // namespace twinpool::threads
