// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "bench/workloads/flow.h"

namespace twinpool::bench {

/// A flow of requests, one at a time, for workloads in which one unit of work is more than one task.
///
/// The window of a Stretch means nothing to it.
class SerialFlow : public Flow {
 public:
  Tally run(const Stretch& stretch, TrialPage* page) final;
  /// Makes the requests and calls `held` after the last: a request leaves nothing that could be held.
  Tally hold(std::uint64_t tasks, void (*held)(void*), void* argument) final;
  /// Makes the request, so it returns when that is done.
  void submit_one(std::uint64_t number) final;
  std::optional<Taken> take_one(std::optional<Clock::time_point> until, Tally& tally) final;

 private:
  /// Gives: right_answer(number) when all went well. Errors: whatever it throws counts as a failure.
  virtual std::uint64_t request(std::uint64_t number) = 0;
  [[nodiscard]] virtual std::uint64_t right_answer(std::uint64_t number) const = 0;

  TaskTiming take(std::uint64_t number, Tally& tally);

  std::deque<TaskTiming> done_;  // of submit_one(), the oldest first
  Tally done_tally_;
};

}  // namespace twinpool::bench
