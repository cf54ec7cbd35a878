// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "shared/options.h"

/// Which workers sleep, and who wakes them.
namespace twinpool::threads {

/// Sleeping and waking with at most one worker that searches.
///
/// A worker that runs out of tasks becomes the searcher, if there is none, looks around for a moment and then
/// sleeps. Who has published a task wakes a sleeper only when nobody searches, and claims the searcher's
/// place for it in the same step, so that a burst of submissions costs one wake-up. The searcher that finds a
/// task gives the place up and wakes the next if more is left (as Go's scheduler does).
///
/// No wake-up is lost. Publisher: publish the task, read `gate_`. Worker: leave the searcher's place and
/// count as sleeper in one step on `gate_`, look for tasks again. All four are sequentially consistent, so in
/// their single order either the worker finds the task, or the publisher finds the sleeper; and where it
/// finds a searcher instead, that one has still to take these steps itself.
///
/// Threads: search and sleep from the worker that `worker` names; the others from any thread.
class Parking {
 public:
  explicit Parking(int workers);

  /// What woke a worker.
  enum class Woken : std::uint8_t { kToSearch, kToEnd };

  /// Takes the searcher's place. Gives: false when somebody has it.
  [[nodiscard]] bool try_search() noexcept;
  /// Gives the searcher's place up, with a task in hand. The caller then wakes the next if more tasks wait.
  void end_search() noexcept { gate_.fetch_sub(kSearching, std::memory_order_seq_cst); }

  /// Sleeps until somebody wakes this worker. `look_again` is called once after this worker counts as a
  /// sleeper: it gives true when a task waits.
  template <typename LookAgain>
  Woken sleep(int worker, bool searching, LookAgain&& look_again) noexcept {
    lie_down(worker, searching);
    if ((gate() & kEnding) != 0) {
      wake_all();
    } else if (look_again()) {
      wake_one(worker);
    }
    return wait_at_door(worker);
  }

  /// To be called after publishing: wakes a sleeper if nobody searches. Gives: false when the pool is
  /// stopping and nobody will look at the task.
  bool published() noexcept {
    const std::uint32_t gate_now = gate();
    if ((gate_now & kSearching) == 0 && gate_now >= kOneSleeper) wake_one(-1);
    return (gate_now & kStopping) == 0;
  }

  /// Makes `published` give false from now on.
  void set_stopping() noexcept { gate_.fetch_or(kStopping, std::memory_order_seq_cst); }
  /// Wakes every worker, now and whenever one is about to sleep.
  void end() noexcept {
    gate_.fetch_or(kEnding, std::memory_order_seq_cst);
    wake_all();
  }
  /// Orders what the caller did before against what workers do after they have counted as sleepers, or the
  /// other way round.
  void meet_sleepers() noexcept { gate_.fetch_add(0, std::memory_order_seq_cst); }

  /// How many wake-ups have been sent. Threads: any; relaxed.
  [[nodiscard]] std::uint64_t wakeups() const noexcept { return wakeups_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t sleepers() const noexcept { return gate() / kOneSleeper; }

 private:
  static constexpr std::uint32_t kSearching = 1;
  static constexpr std::uint32_t kStopping = 2;
  static constexpr std::uint32_t kEnding = 4;
  static constexpr std::uint32_t kOneSleeper = 8;
  static constexpr int kBitsPerWord = 64;

  /// One futex a worker: two on one word take each other's wake-ups.
  struct alignas(64) Door {
    static constexpr std::uint32_t kAsleep = 1;
    static constexpr std::uint32_t kSearch = 2;
    static constexpr std::uint32_t kEnd = 3;
    std::atomic<std::uint32_t> word{0};
  };

  [[nodiscard]] std::uint32_t gate() const noexcept { return gate_.load(std::memory_order_seq_cst); }
  void lie_down(int worker, bool searching) noexcept;
  [[nodiscard]] Woken wait_at_door(int worker) noexcept;
  void wake_one(int preferred) noexcept;
  void wake_all() noexcept;
  [[nodiscard]] int take_sleeper(int preferred) noexcept;
  [[nodiscard]] bool take(int worker) noexcept;
  void open_door(int worker, std::uint32_t why, int self) noexcept;

  // The searcher's bit, the bits of the pool's end, and above them the number of sleepers.
  alignas(64) std::atomic<std::uint32_t> gate_{0};
  // One bit a sleeper, set before it counts in gate_: who takes one off the count finds a bit to take.
  alignas(64) std::array<std::atomic<std::uint64_t>, kMaxWorkers / kBitsPerWord> asleep_{};
  std::atomic<std::uint64_t> wakeups_{0};
  std::unique_ptr<Door[]> doors_;
};

}  // namespace twinpool::threads
