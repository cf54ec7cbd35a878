// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "bench/trial.h"

namespace twinpool::bench {

/// How long a trial's process may stand still.
inline constexpr std::chrono::milliseconds kStandstillLimit{1'000};

/// Ends a trial whose process has been stopped (SIGSTOP): it would stand still until its deadline.
class Standstill {
 public:
  explicit Standstill(Trial& trial) : trial_(trial), last_moving_(Clock::now()) {}

  /// Looks at the process and kills it when it has been stopped for kStandstillLimit. To be called again and
  /// again. Gives: whether it was killed, now or before.
  bool look();

 private:
  Trial& trial_;
  Clock::time_point last_moving_;
  bool killed_ = false;
};

}  // namespace twinpool::bench
