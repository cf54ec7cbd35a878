// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "shared/future.h"

/// Looking at things when their time has come.
namespace twinpool {

/// One moment a key, and a thread that asks about each key when its moment has passed.
///
/// Whoever owns the keys says what is to be done: nothing has to be taken back when a task settles early, its
/// key is asked about once and forgotten. A running limit needs no message at the start of a task either: a
/// task that was not running at one look cannot be over its limit before that look plus the limit. One entry
/// a key, so memory is bounded by the keys. The thread is started by the first `set`, takes no signals, and
/// sleeps until the next moment.
/// Threads: `set` from any thread, also inside `check`; `stop` once, not inside `check`.
class Deadlines {
 public:
  /// Takes: called in the thread of the deadlines, one at a time and without any lock of theirs held. Gives:
  /// when to ask about this key again; none: no more.
  using Check = std::function<std::optional<Clock::time_point>(std::uint64_t key, Clock::time_point now)>;

  explicit Deadlines(Check check) : check_(std::move(check)) {}
  ~Deadlines() { stop(); }
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  /// Asks about `key` at `when`, or at the moment set before if that is earlier.
  ///
  /// Errors: std::system_error when the thread cannot be started.
  void set(std::uint64_t key, Clock::time_point when);
  /// Ends the thread; nothing is asked afterwards.
  void stop() noexcept;

 private:
  void run();
  void arm(std::uint64_t key, Clock::time_point when);

  const Check check_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::set<std::pair<Clock::time_point, std::uint64_t>> by_time_;
  std::unordered_map<std::uint64_t, Clock::time_point> by_key_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace twinpool
