// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <cstdint>

#include "bench/load.h"

namespace twinpool::bench {

/// How fast tasks come in over a round: evenly, or ever faster from its begin to its end.
struct RateCourse {
  double begin_per_s = 1;  ///< above 0
  double end_per_s = 1;    ///< not below it
  double length_s = 0;     ///< of the rise, above 0 where there is one; the rate stays at its end afterwards

  /// When so many tasks were due: the inverse of the integral of the rate.
  [[nodiscard]] double seconds_until(double tasks) const;
};

/// When each task of an open loop is meant to start. The same seed gives the same times everywhere, so both
/// backends of a pair get one schedule.
///
/// Source: exponential gaps by inversion make a Poisson process, and the inverse of the integral of its rate
///         one whose rate changes: Devroye 1986, "Non-Uniform Random Variate Generation", VI.1.
class ArrivalTimes {
 public:
  ArrivalTimes(Arrivals arrivals, const RateCourse& course, std::uint64_t seed);
  /// Gives: nanoseconds from the begin of the schedule; never less than what it gave before. A fixed schedule
  /// begins at 0.
  [[nodiscard]] std::int64_t next();

 private:
  const Arrivals arrivals_;
  const RateCourse course_;
  boost::random::mt19937_64 engine_;
  std::uint64_t given_ = 0;
  double due_ = 0;  // of Poisson arrivals: the integral of the rate so far
};

}  // namespace twinpool::bench
