// SPDX-License-Identifier: Apache-2.0
#include "bench/arrivals.h"

#include <cmath>

namespace twinpool::bench {

double RateCourse::seconds_until(double tasks) const {
  const double rise = end_per_s - begin_per_s;
  if (rise <= 0 || length_s <= 0) return tasks / begin_per_s;
  const double during_rise = (begin_per_s + end_per_s) / 2 * length_s;
  if (tasks > during_rise) return length_s + (tasks - during_rise) / end_per_s;
  // The root of begin t + rise t^2 / (2 length) = tasks, in the form that does not cancel for small ones.
  const double root = std::sqrt(begin_per_s * begin_per_s + 2 * rise * tasks / length_s);
  return 2 * tasks / (begin_per_s + root);
}

ArrivalTimes::ArrivalTimes(Arrivals arrivals, const RateCourse& course, std::uint64_t seed)
    : arrivals_(arrivals), course_(course), engine_(seed) {}

std::int64_t ArrivalTimes::next() {
  double tasks =
      static_cast<double>(given_++);  // counted, so that rounding does not make a long schedule drift
  if (arrivals_ == Arrivals::kPoisson) {
    // 53 bits give every double of [0, 1) alike; 1 - u is never 0.
    const double u = static_cast<double>(engine_() >> 11) * 0x1p-53;
    tasks = due_ += -std::log1p(-u);
  }
  return std::llround(course_.seconds_until(tasks) * 1e9);
}

}  // namespace twinpool::bench
