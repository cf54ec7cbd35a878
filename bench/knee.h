// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

/// Where a curve bends. Pure.
namespace twinpool::bench {

struct CurvePoint {
  double x = 0;
  double y = 0;
};

/// What the search for a knee came to.
struct Knee {
  enum class Kind {
    kFound,
    kTooFew,    ///< points
    kFlat,      ///< lowest and highest are within kFlatShare
    kStraight,  ///< no point stands out from the straight line between the ends
  };
  Kind kind = Kind::kTooFew;
  std::size_t at = 0;  ///< index of the point; only for kFound
  bool rising = true;  ///< the last point is not below the first
};

inline constexpr std::size_t kFewestKneePoints = 4;
inline constexpr double kFlatShare = 0.1;

/// The knee of a curve that bends downwards: after it more of x brings little (rising), or begins to cost
/// (falling). Of several the one that stands out most.
///
/// Takes:  points with x rising, and above 0 where `logarithmic` says that x is to be seen on such an axis.
/// Source: Satopaa, Albrecht, Irwin & Raghavan 2011, "Finding a 'Kneedle' in a Haystack: Detecting Knee
/// Points
///         in System Behavior", section III, with sensitivity 1. Points are medians already, so the smoothing
///         by a spline is left out.
[[nodiscard]] Knee find_knee(std::span<const CurvePoint> points, bool logarithmic);

/// How a backend took one rate of an open loop.
struct RatePoint {
  double achieved_share = 1;  ///< of what was offered
  double p99_s = 0;
};

/// p99 above so many times that of the lowest rate is a queue that grows.
inline constexpr double kMostGrowth = 10;

/// Why a rate is beyond the knee.
enum class RateLimit { kNone, kNotAchieved, kLatency };

struct RateKnee {
  std::optional<std::size_t> last_good = {};  ///< none: already the lowest rate is too much
  RateLimit limit = RateLimit::kNone;         ///< what the next rate failed by; kNone: there is no knee
};

/// The last rate, from the lowest on, at which the backend does at least kKeepsUp of what is offered and p99
/// is at most kMostGrowth times that of the lowest rate. Takes: points with their rates rising.
[[nodiscard]] RateKnee find_rate_knee(std::span<const RatePoint> points);

}  // namespace twinpool::bench
