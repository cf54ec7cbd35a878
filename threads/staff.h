// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "shared/affinity.h"
#include "shared/deadlines.h"
#include "shared/events.h"
#include "shared/histogram.h"
#include "shared/options.h"
#include "shared/pulse.h"
#include "shared/restart_policy.h"
#include "shared/stats.h"

/// Who works in a pool of threads: starting, leaving, replacing, counting heads.
namespace twinpool::threads {

class PoolCore;
class Worker;

/// The workers of one pool and their threads.
///
/// A *seat* is a logical worker, what users see as worker 3; a *place* (Worker) is where one thread works. Each
/// seat has two places, so that a fresh worker is ready before the old one leaves, and behind those lie the
/// places of spares, which stand in for stuck workers. At most one worker is the *occupant* of a seat.
///
/// Invariant: a place's thread is joined, detached, or the last that left; so at most one thread that has ended
/// is kept. A worker calls user code (set-up, tear-down) and settles tasks without the lock.
/// Locks: `mutex_` before those of EventQueue and Deadlines, after that of PoolCore's latency.
/// Threads: open, close and see_off from those who make and end the pool; the rest from any.
class Staff {
 public:
  Staff(PoolCore& core, const PoolOptions& options);
  ~Staff();
  Staff(const Staff&) = delete;
  Staff& operator=(const Staff&) = delete;

  /// How many places a pool of these options has at most.
  [[nodiscard]] static int places_of(const PoolOptions& options) {
    return 2 * options.workers.max + options.max_spares;
  }

  // The beginning and the end (staff.cpp).
  /// Starts the first workers and waits until one of them is set up.
  ///
  /// Errors: std::system_error when a thread cannot be started; std::runtime_error when set-up fails until the
  ///         restart intensity is exceeded. The caller then ends what was started.
  void open();
  /// Starts nobody any more.
  void close() noexcept;
  /// Waits until the workers have left, then leaves behind who is inside user code that does not return.
  ///
  /// Gives: false when somebody was left behind. Requires: close(), and that the core sends workers home.
  bool see_off(std::optional<Clock::time_point> deadline);
  /// Whether some worker is inside a task that has settled without it.
  [[nodiscard]] bool anybody_stuck() const;

  // The size (staff_size.cpp).
  /// A task waits and nobody is free: starts workers, several at once in a burst.
  void task_waits() noexcept;
  /// Whether a worker that slept for the idle time may leave. When it may, it has to.
  [[nodiscard]] bool may_retire(Worker& worker) noexcept;
  /// Errors: std::invalid_argument.
  void resize(const WorkerRange& range);

  // Fresh workers for old ones (staff_renewal.cpp).
  /// The calling worker has done enough: it goes on until a fresh one is ready.
  void due(Worker& worker) noexcept;
  [[nodiscard]] bool reload(std::optional<Clock::time_point> deadline);

  // Trouble (staff_trouble.cpp).
  /// A task's Future settled while `worker` goes on with it. `why`: completes "worker 3 ...".
  void overran(Worker& worker, const std::string& why) noexcept;
  /// The calling worker's task has returned after all.
  void resumed(Worker& worker) noexcept;

  // Numbers (staff_numbers.cpp).
  /// Fills in the workers, and what is counted of them. Requires: the core's lock of latencies.
  void add_stats(PoolStats& stats) const;
  /// Requires: the core's lock of latencies.
  void reset_latency();

 private:
  enum class Post : std::uint8_t { kEmpty, kStarting, kWorking, kLeaving };
  enum class Leave : std::uint8_t { kEnd, kRecycled, kRetired, kSpare, kFailed };
  struct Place {
    std::thread thread;
    Post post = Post::kEmpty;
    Leave why = Leave::kEnd;
    int seat = 0;
    std::uint64_t number = 0;  // of its start
    Clock::time_point ready{};
    Clock::time_point leaves_at = Clock::time_point::max();  // max_age
    int replaces = -1;       // the place that leaves once this one is ready
    int stands_in_for = -1;  // the stuck place, for a spare
    std::optional<std::chrono::milliseconds> restart_delay;  // it stands in for one that died so long ago
    bool due = false;
    bool stuck = false;
  };
  struct Seat {
    int occupant = -1;
    int successor = -1;  // starting
    bool vacant_by_death = false;
    Clock::time_point died{};
    std::uint64_t restarts = 0;
    std::uint64_t recycled = 0;
    std::string last_death;
  };
  struct Latency {
    Histogram waiting;
    Histogram running;
  };
  static constexpr std::uint64_t kMendKey = 0;
  static constexpr std::uint64_t kPulseKey = 1;
  static constexpr std::uint64_t kAgeKeys = 2;

  void work(int place) noexcept;
  [[nodiscard]] bool set_up(const Place& at, std::string& why) const noexcept;
  void tear_down(const Place& at) const noexcept;
  [[nodiscard]] WorkerInfo info_of(const Place& at) const;
  void announce(int place) noexcept;
  void arrived(int place);
  void left(int place) noexcept;
  void set_up_failed(int place, const std::string& why) noexcept;
  void give_up_hope(const std::string& why) noexcept;

  // All below require mutex_.
  void start(int place, int seat, int replaces);
  [[nodiscard]] bool start_in_free_seat();
  void occupy(int seat, int place);
  void vacate(int seat);
  void order_leave(int place, Leave why) noexcept;
  [[nodiscard]] bool renew(int place) noexcept;
  void mark_stuck(int place, const std::string& why) noexcept;
  void start_spare(int stuck) noexcept;
  void end_stuck(int place) noexcept;
  [[nodiscard]] std::optional<Clock::time_point> mend(Clock::time_point now) noexcept;
  [[nodiscard]] std::optional<Clock::time_point> look_at_all(Clock::time_point now) noexcept;
  [[nodiscard]] int count_of(Post post) const;
  [[nodiscard]] bool beyond_reach(int place) const;
  [[nodiscard]] bool is_spare(int place) const { return place >= 2 * seats(); }
  [[nodiscard]] int seats() const { return options_.workers.max; }
  void tell(EventKind kind, int place, const std::string& what, std::chrono::milliseconds delay = {}) noexcept;
  void tell_pool(EventKind kind, const std::string& what) noexcept;
  void set_timer(std::uint64_t key, Clock::time_point when) noexcept;

  [[nodiscard]] std::optional<Clock::time_point> look(std::uint64_t key, Clock::time_point now) noexcept;
  [[nodiscard]] Place& at(int place) { return places_[static_cast<std::size_t>(place)]; }
  [[nodiscard]] const Place& at(int place) const { return places_[static_cast<std::size_t>(place)]; }
  [[nodiscard]] Seat& seat(int index) { return seats_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] WorkerState state_of(int seat_index) const;
  [[nodiscard]] WorkerStats stats_of(int seat_index) const;
  void add_place(WorkerStats& stats, int place) const;

  PoolCore& core_;
  const PoolOptions& options_;  // the core's
  const std::vector<CpuPlace> cpus_;
  std::atomic<int> present_{0};  // occupied seats; written with mutex_
  std::atomic<int> most_{0};     // range_.max

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<Place> places_;
  std::vector<Seat> seats_;
  std::thread last_left_;
  WorkerRange range_;
  RestartPolicy policy_;
  std::optional<Pulse> pulse_;
  std::minstd_rand random_;
  std::uint64_t starts_ = 0;
  std::uint64_t deaths_ = 0;
  std::uint64_t recycled_ = 0;
  std::string last_failure_;
  bool degraded_ = false;
  bool closed_ = false;

  std::vector<std::unique_ptr<Latency>> before_;  // a seat or spare; guarded by the core's lock of latencies
  Deadlines deadlines_;
};

}  // namespace twinpool::threads
