// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "shared/pool.h"
#include "shared/scoreboard_reader.h"

namespace twinpool::bench::micro {

/// Watches a pool as a monitoring program would: has its scoreboard open, and reads it and stats() every 100
/// ms from a thread of its own, for as long as it lives.
class Observer {
 public:
  static constexpr std::chrono::milliseconds kPeriod{100};

  /// Errors: as Scoreboard's constructor; a pool without a scoreboard is watched by its stats() alone.
  explicit Observer(const Pool& pool);

  /// How often it has looked.
  [[nodiscard]] std::uint64_t looks() const { return looks_.load(std::memory_order_relaxed); }

 private:
  void watch(const std::stop_token& stop);

  const Pool& pool_;
  std::optional<Scoreboard> board_;
  std::atomic<std::uint64_t> looks_ = 0;  // a statistic: guards nothing
  std::jthread thread_;                   // the last: it ends before what it uses
};

}  // namespace twinpool::bench::micro
