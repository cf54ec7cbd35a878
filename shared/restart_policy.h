// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>

#include "shared/future.h"
#include "shared/options.h"

namespace twinpool {

/// When dead workers may be replaced, and when there are too many deaths (C4). Pure: facts and `now` in,
/// decisions out.
///
/// The first replacement comes at once. A death is *unproductive* when that worker had not finished a single
/// task; while such deaths follow each other, replacements of the whole pool are spaced by a delay that
/// doubles from `backoff_first` to `backoff_limit`, so a worker that cannot start costs a bounded number of
/// forks whatever the pool's size. More than `intensity` deaths within `period`, or more than
/// `start_failures` unproductive ones in a row, make the pool degraded; it recovers when a replacement
/// finishes a task, or lives for a whole `backoff_limit`. Source: Erlang/OTP supervisor behaviour (intensity
/// and period), here with a back-off that OTP leaves out. Threads: one.
class RestartPolicy {
 public:
  /// Takes: `seed`: for `backoff_jitter`; none: delays are not shortened.
  explicit RestartPolicy(const RestartOptions& options, std::optional<std::uint32_t> seed = std::nullopt)
      : options_(options) {
    if (seed) random_.emplace(*seed);
  }

  /// A worker died unasked. `productive`: it had finished a task, or had lived for a whole `backoff_limit`.
  void died(Clock::time_point now, bool productive);
  /// A worker finished a task, or has lived long enough to be trusted.
  void proved();

  /// When the next replacement may be made; `now` or earlier: at once.
  [[nodiscard]] Clock::time_point next_start() const { return next_start_; }
  /// A replacement was made.
  void started(Clock::time_point now);
  [[nodiscard]] bool degraded() const { return degraded_; }
  /// A replacement has yet to prove itself.
  [[nodiscard]] bool troubled() const { return degraded_ || unproductive_ > 0; }
  /// Deaths within the period before `now`.
  [[nodiscard]] int recent_deaths(Clock::time_point now) const;

 private:
  [[nodiscard]] std::chrono::milliseconds delay() const;
  /// The same, shortened by a random share.
  [[nodiscard]] std::chrono::milliseconds next_delay();

  RestartOptions options_;
  std::deque<Clock::time_point> deaths_;
  int unproductive_ = 0;
  bool degraded_ = false;
  Clock::time_point next_start_{};
  std::optional<std::minstd_rand> random_;
};

}  // namespace twinpool
