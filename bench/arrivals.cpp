// SPDX-License-Identifier: Apache-2.0
#include "bench/arrivals.h"

#include <cmath>

namespace twinpool::bench {

ArrivalTimes::ArrivalTimes(Arrivals arrivals, double tasks_per_s, std::uint64_t seed)
    : arrivals_(arrivals), gap_ns_(1e9 / tasks_per_s), engine_(seed) {}

std::int64_t ArrivalTimes::next() {
  if (arrivals_ == Arrivals::kFixed) {
    // Multiplied and not added up, so that rounding does not make a long schedule drift.
    return std::llround(static_cast<double>(given_++) * gap_ns_);
  }
  // 53 bits give every double of [0, 1) alike; 1 - u is never 0.
  const double u = static_cast<double>(engine_() >> 11) * 0x1p-53;
  at_ns_ += -std::log1p(-u) * gap_ns_;
  return std::llround(at_ns_);
}

}  // namespace twinpool::bench
