// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "shared/pool.h"

namespace twinpool::bench {

/// Holds all workers of a pool up at fixed times of a round, by tasks that do nothing but last.
class Stalls {
 public:
  /// Takes: the length of the round; that of a stall (0: there are none); how often they come (0: one, in the
  /// middle of the round). The pool needs room for as many tasks as it has workers beside all others.
  Stalls(Pool& pool, int workers, double round_s, double stall_s, double every_s);

  /// When the next one is due, in nanoseconds from the begin of the round; INT64_MAX when none is.
  [[nodiscard]] std::int64_t next_ns() const;
  /// Begins it: each worker is held up until `now_ns` + its length (steady clock).
  /// Errors: SubmitRefused.
  void begin(std::int64_t now);
  /// Waits until the last one is over. Gives: how many workers have been held up in all.
  [[nodiscard]] int finish();
  [[nodiscard]] int begun() const { return static_cast<int>(begun_); }

 private:
  Pool& pool_;
  const int workers_;
  const std::int64_t length_ns_;
  std::vector<std::int64_t> at_ns_;
  std::size_t begun_ = 0;
  std::vector<Future<bool>> tasks_;
};

}  // namespace twinpool::bench
