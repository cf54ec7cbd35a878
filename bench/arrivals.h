// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <cstdint>

#include "bench/load.h"

namespace twinpool::bench {

/// When each task of an open loop is meant to start. The same seed gives the same times everywhere, so both
/// backends of a pair get one schedule.
///
/// Source: exponential gaps by inversion make a Poisson process: Devroye 1986, "Non-Uniform Random Variate
/// Generation", VI.1.
class ArrivalTimes {
 public:
  /// Takes: a rate above 0, in tasks per second.
  ArrivalTimes(Arrivals arrivals, double tasks_per_s, std::uint64_t seed);
  /// Gives: nanoseconds from the begin of the schedule; never less than what it gave before. A fixed schedule
  /// begins at 0.
  [[nodiscard]] std::int64_t next();

 private:
  const Arrivals arrivals_;
  const double gap_ns_;
  boost::random::mt19937_64 engine_;
  std::uint64_t given_ = 0;
  double at_ns_ = 0;
};

}  // namespace twinpool::bench
