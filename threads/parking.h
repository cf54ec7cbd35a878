// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "shared/future.h"
#include "shared/options.h"

/// Which workers sleep, and who wakes them.
namespace twinpool::threads {

/// Threads that a pool may have at once: each worker and its replacement, and spares for stuck ones.
inline constexpr int kMaxPlaces = 2 * kMaxWorkers + 64;

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
/// A worker may also get up by itself (its time to sleep is over, or somebody calls it): it takes one off the
/// count as a waker would, and looks for tasks before it does anything else. So a publisher that no longer
/// counts it as a sleeper is seen by that look. A call is a flag at the worker's door, set before the caller
/// looks whether the worker sleeps; the worker looks at it after it counts as a sleeper.
///
/// Threads: search and sleep from the worker that `worker` names; the others from any thread.
class Parking {
 public:
  explicit Parking(int workers);

  /// What woke a worker.
  enum class Woken : std::uint8_t {
    kToSearch,  ///< it has the searcher's place
    kToLook,    ///< called: it looks for its orders and for tasks, without that place
    kTimedOut,  ///< nobody woke it; as kToLook
    kToEnd
  };

  /// Takes the searcher's place. Gives: false when somebody has it.
  [[nodiscard]] bool try_search() noexcept;
  /// Gives the searcher's place up, with a task in hand. The caller then wakes the next if more tasks wait.
  void end_search() noexcept { gate_.fetch_sub(kSearching, std::memory_order_seq_cst); }

  /// Sleeps until somebody wakes this worker. `look_again` is called once after this worker counts as a
  /// sleeper: it gives true when a task waits. `until`: for how long at most; none: for ever.
  template <typename LookAgain>
  Woken sleep(int worker, bool searching, LookAgain&& look_again,
              std::optional<Clock::time_point> until = {}) noexcept {
    lie_down(worker, searching);
    if ((gate() & kEnding) != 0) {
      wake_all();
    } else if (called(worker) && get_up(worker)) {
      return Woken::kToLook;
    } else if (look_again()) {
      wake_one(worker);
    }
    return wait_at_door(worker, until);
  }

  /// Has one worker look around, asleep or about to sleep: it finds what the caller has stored before. Gives:
  /// whether a sleeper was woken for it (that one, or another where it was just woken).
  bool call(int worker) noexcept;
  /// The called worker has begun to look. Sequentially consistent, before the look.
  void answer(int worker) noexcept { door(worker).called.store(false, std::memory_order_seq_cst); }

  /// To be called after publishing: wakes a sleeper if nobody searches. Gives: false when the pool is
  /// stopping and nobody will look at the task.
  bool published() noexcept {
    const std::uint32_t gate_now = gate();
    if ((gate_now & kSearching) == 0 && gate_now >= kOneSleeper) wake_one(-1);
    return (gate_now & kStopping) == 0;
  }

  /// What `published` would give false for.
  [[nodiscard]] bool stopping() const noexcept { return (gate() & kStopping) != 0; }
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
  /// Whether a worker sleeps or searches: then a task that was published before is or will be seen to.
  [[nodiscard]] bool somebody_free() const noexcept {
    const std::uint32_t gate_now = gate();
    return (gate_now & kSearching) != 0 || gate_now >= kOneSleeper;
  }

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
    static constexpr std::uint32_t kLook = 4;
    std::atomic<std::uint32_t> word{0};
    std::atomic<bool> called{false};
  };

  [[nodiscard]] std::uint32_t gate() const noexcept { return gate_.load(std::memory_order_seq_cst); }
  void lie_down(int worker, bool searching) noexcept;
  [[nodiscard]] Woken wait_at_door(int worker, std::optional<Clock::time_point> until) noexcept;
  [[nodiscard]] bool get_up(int worker) noexcept;
  [[nodiscard]] Door& door(int worker) const noexcept { return doors_[static_cast<std::size_t>(worker)]; }
  [[nodiscard]] bool called(int worker) const noexcept {
    return door(worker).called.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] bool asleep(int worker) const noexcept;
  void wake_one(int preferred) noexcept;
  void wake_all() noexcept;
  [[nodiscard]] int take_sleeper(int preferred) noexcept;
  [[nodiscard]] bool take(int worker) noexcept;
  void open_door(int worker, std::uint32_t why, int self) noexcept;

  // The searcher's bit, the bits of the pool's end, and above them the number of sleepers.
  alignas(64) std::atomic<std::uint32_t> gate_{0};
  // One bit a sleeper, set before it counts in gate_: who takes one off the count finds a bit to take.
  alignas(64) std::array<std::atomic<std::uint64_t>, kMaxPlaces / kBitsPerWord> asleep_{};
  std::atomic<std::uint64_t> wakeups_{0};
  std::unique_ptr<Door[]> doors_;
};

}  // namespace twinpool::threads
