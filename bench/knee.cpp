// SPDX-License-Identifier: Apache-2.0
#include "bench/knee.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/open_sample.h"

namespace twinpool::bench {
namespace {

/// How far each point stands above the straight line between the ends, in the unit square, from the side on
/// which the curve is steep to the one on which it is flat.
struct Difference {
  double x;
  double d;
  std::size_t at;  // index of the point
};

std::vector<Difference> difference_curve(std::span<const CurvePoint> points, bool logarithmic, bool rising) {
  const auto scaled = [&](double x) { return logarithmic ? std::log(x) : x; };
  const auto [low, high] = std::minmax_element(points.begin(), points.end(),
                                               [](const auto& a, const auto& b) { return a.y < b.y; });
  const double x0 = scaled(points.front().x), width = scaled(points.back().x) - x0, height = high->y - low->y;
  std::vector<Difference> curve;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double along = (scaled(points[i].x) - x0) / width;
    const double x = rising ? along : 1 - along;  // a falling curve is a rising one, seen from behind
    curve.push_back({x, (points[i].y - low->y) / height - x, i});
  }
  if (!rising) std::reverse(curve.begin(), curve.end());
  return curve;
}

}  // namespace

Knee find_knee(std::span<const CurvePoint> points, bool logarithmic) {
  if (points.size() < kFewestKneePoints) return {.kind = Knee::Kind::kTooFew};
  Knee knee{.kind = Knee::Kind::kFlat, .rising = points.back().y >= points.front().y};
  const auto [low, high] = std::minmax_element(points.begin(), points.end(),
                                               [](const auto& a, const auto& b) { return a.y < b.y; });
  if (high->y - low->y <= kFlatShare * high->y) return knee;
  knee.kind = Knee::Kind::kStraight;
  const auto curve = difference_curve(points, logarithmic, knee.rising);
  const double mean_step = 1.0 / static_cast<double>(curve.size() - 1);
  const auto is_top = [&](std::size_t i) {
    return curve[i].d > curve[i - 1].d && curve[i].d >= curve[i + 1].d;
  };
  double best = 0;
  for (std::size_t i = 1; i + 1 < curve.size(); ++i) {
    if (!is_top(i) || curve[i].d <= best) continue;
    const double threshold = curve[i].d - mean_step;
    for (std::size_t j = i + 1; j < curve.size(); ++j) {
      if (curve[j].d < threshold) {
        knee.kind = Knee::Kind::kFound;
        knee.at = curve[i].at;
        best = curve[i].d;
        break;
      }
      if (j + 1 < curve.size() && is_top(j)) break;
    }
  }
  return knee;
}

RateKnee find_rate_knee(std::span<const RatePoint> points) {
  RateKnee knee;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].achieved_share < kKeepsUp) {
      knee.limit = RateLimit::kNotAchieved;
    } else if (points[i].p99_s > kMostGrowth * points.front().p99_s) {
      knee.limit = RateLimit::kLatency;
    }
    if (knee.limit != RateLimit::kNone) break;
    knee.last_good = i;
  }
  return knee;
}

}  // namespace twinpool::bench
