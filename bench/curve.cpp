// SPDX-License-Identifier: Apache-2.0
#include "bench/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/cell_name.h"
#include "bench/knee.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

double x_of(SweepAxis axis, const Cell& cell) {
  switch (axis) {
    case SweepAxis::kWorkers:
      return cell.workers;
    case SweepAxis::kPayload:
      return static_cast<double>(cell.payload_bytes);
    case SweepAxis::kWindow:
      return static_cast<double>(cell.window);
    case SweepAxis::kRate:
      break;
  }
  return cell.open->rate();
}

/// A rate in the unit in which the load was asked for.
std::string rate_text(const OpenLoad& load, double x) {
  return load.percent > 0 ? fmt::format("{:.4g} %", x) : print_rate(x);
}

std::string value_of(SweepAxis axis, const Cell& cell) {
  if (axis == SweepAxis::kPayload) return print_size(static_cast<double>(cell.payload_bytes));
  if (axis == SweepAxis::kRate) return rate_text(*cell.open, x_of(axis, cell));
  return fmt::format("{}", x_of(axis, cell));
}

/// The cell's name but for the swept value: equal in all cells of one curve.
std::string name_without(SweepAxis axis, Cell cell, bool window_is_swept) {
  switch (axis) {
    case SweepAxis::kWorkers:
      cell.workers = 1;
      break;
    case SweepAxis::kPayload:
      cell.payload_bytes = cell.workload->default_payload_bytes;
      if (!window_is_swept) cell.window = default_window(cell.open);  // huge payloads have a smaller one
      break;
    case SweepAxis::kWindow:
      cell.window = default_window(cell.open);
      break;
    case SweepAxis::kRate:
      cell.open->tasks_per_s = cell.open->percent = 1;
      break;
  }
  return name_of(cell);
}

std::optional<Curve::Point> point_of(const BenchResults& results, std::size_t at, SweepAxis axis,
                                     Backend backend) {
  const CellResult& cell = results.cells[at];
  const BackendResult* const side = cell.side(backend);
  const auto rate = side != nullptr ? median_of(*side, throughput_of) : std::nullopt;
  if (!rate) return std::nullopt;
  const auto latency = latency_of(*side);
  return Curve::Point{.cell = at,
                      .x = x_of(axis, cell.cell),
                      .value = value_of(axis, cell.cell),
                      .throughput_tasks_per_s = *rate,
                      .p99_s = latency ? latency->p99 : 0,
                      .achieved_share = achieved_share(*side).value_or(1)};
}

std::string throughput_sentence(const Curve& curve, const Knee& knee) {
  const auto& points = curve.points;
  switch (knee.kind) {
    case Knee::Kind::kTooFew:
      return fmt::format("{} points are too few for a knee ({})", points.size(), kFewestKneePoints);
    case Knee::Kind::kFlat:
      return fmt::format("no knee: throughput is the same within {:.0f} %", kFlatShare * 100);
    case Knee::Kind::kStraight:
      return fmt::format("no knee: throughput {} evenly from {} to {}", knee.rising ? "rises" : "falls",
                         print_rate(points.front().throughput_tasks_per_s),
                         print_rate(points.back().throughput_tasks_per_s));
    case Knee::Kind::kFound:
      break;
  }
  const auto most = std::max_element(points.begin(), points.end(), [](const auto& a, const auto& b) {
    return a.throughput_tasks_per_s < b.throughput_tasks_per_s;
  });
  const Curve::Point& at = points[knee.at];
  return fmt::format("the knee is at {} ({}, {:.0f} % of the most); beyond it {}", at.value,
                     print_rate(at.throughput_tasks_per_s),
                     at.throughput_tasks_per_s / most->throughput_tasks_per_s * 100,
                     knee.rising ? "more brings little" : "throughput falls");
}

std::string rate_sentence(const Curve& curve, const RateKnee& knee) {
  const auto& points = curve.points;
  const std::string rule = fmt::format("at least {:.0f} % done and p99 within {:.0f} times that at {}",
                                       kKeepsUp * 100, kMostGrowth, points.front().value);
  if (knee.limit == RateLimit::kNone) return fmt::format("no knee up to {}: {}", points.back().value, rule);
  const Curve::Point& failed = points[knee.last_good ? *knee.last_good + 1 : 0];
  const std::string why = knee.limit == RateLimit::kNotAchieved
                              ? fmt::format("{:.1f} % of what was offered at {} was done",
                                            failed.achieved_share * 100, failed.value)
                              : fmt::format("p99 at {} was {}", failed.value, print_duration(failed.p99_s));
  if (!knee.last_good) return fmt::format("the knee lies below {}: {}", failed.value, why);
  return fmt::format("the knee is at {}, the last rate with {}: {}", points[*knee.last_good].value, rule,
                     why);
}

void find_knee_of(Curve& curve) {
  if (curve.axis == SweepAxis::kRate) {
    std::vector<RatePoint> points;
    for (const Curve::Point& point : curve.points) points.push_back({point.achieved_share, point.p99_s});
    const RateKnee knee = find_rate_knee(points);
    if (knee.limit != RateLimit::kNone) curve.knee = knee.last_good;
    curve.sentence = rate_sentence(curve, knee);
    return;
  }
  std::vector<CurvePoint> points;
  for (const Curve::Point& point : curve.points) points.push_back({point.x, point.throughput_tasks_per_s});
  const Knee knee = find_knee(points, curve.geometric);
  if (knee.kind == Knee::Kind::kFound) curve.knee = knee.at;
  curve.sentence = throughput_sentence(curve, knee);
}

/// The curves along one sweep.
std::vector<Curve> curves_along(const BenchResults& results, const Sweep& sweep) {
  const auto& sweeps = results.plan.sweeps;
  const bool window_is_swept = std::any_of(sweeps.begin(), sweeps.end(),
                                           [](const Sweep& one) { return one.axis == SweepAxis::kWindow; });
  std::vector<std::pair<std::string, Curve>> curves;  // by the name of their cells
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    const Cell& cell = results.cells[i].cell;
    if (sweep.axis == SweepAxis::kRate && !cell.open) continue;
    for (const BackendResult& side : results.cells[i].sides) {
      const auto point = point_of(results, i, sweep.axis, side.backend);
      if (!point) continue;
      const std::string key =
          fmt::format("{} {}", name_without(sweep.axis, cell, window_is_swept), name_of(side.backend));
      auto found =
          std::find_if(curves.begin(), curves.end(), [&](const auto& one) { return one.first == key; });
      if (found == curves.end()) {
        Curve curve{.workload = std::string(cell.workload->name),
                    .rest = {},
                    .axis = sweep.axis,
                    .geometric = sweep.geometric,
                    .backend = side.backend};
        for (const Sweep& other : sweeps) {
          if (other.axis == sweep.axis || (other.axis == SweepAxis::kRate && !cell.open)) continue;
          curve.rest += fmt::format("{}{}={}", curve.rest.empty() ? "" : " ", name_of(other.axis),
                                    value_of(other.axis, cell));
        }
        found = curves.insert(curves.end(), {key, std::move(curve)});
      }
      found->second.points.push_back(*point);
    }
  }
  std::vector<Curve> found;
  for (auto& [key, curve] : curves) {
    if (curve.points.size() < 2) continue;  // the sweep means nothing to this workload
    std::sort(curve.points.begin(), curve.points.end(),
              [](const auto& a, const auto& b) { return a.x < b.x; });
    find_knee_of(curve);
    found.push_back(std::move(curve));
  }
  return found;
}

/// The steps of a ramp over all trials.
std::vector<RampStep> steps_of(const BackendResult& side) {
  std::vector<RampStep> steps(kRampSteps);
  for (const Sample& sample : side.samples) {
    for (std::size_t i = 0; sample.open && i < std::min(steps.size(), sample.open->ramp.size()); ++i) {
      const RampStep& one = sample.open->ramp[i];
      steps[i].offered_tasks_per_s = one.offered_tasks_per_s;
      steps[i].offered += one.offered;
      steps[i].done += one.done;
      steps[i].latency.merge(one.latency);
    }
  }
  return steps;
}

Curve curve_of_ramp(const CellResult& cell, std::size_t at, const BackendResult& side) {
  const OpenLoad& load = *cell.cell.open;
  const std::string_view workload = cell.cell.workload->name;
  Curve curve{.workload = std::string(workload),
              .rest = name_of(cell.cell).substr(workload.size() + 1),
              .axis = SweepAxis::kRate,
              .ramp = true,
              .backend = side.backend};
  const auto steps = steps_of(side);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const RampStep& step = steps[i];
    if (step.offered == 0) continue;
    const double x = rate_of_step(load.rate(), load.rise_to, i);
    const double share = static_cast<double>(step.done) / static_cast<double>(step.offered);
    curve.points.push_back({.cell = at,
                            .x = x,
                            .value = rate_text(load, x),
                            .throughput_tasks_per_s = step.offered_tasks_per_s * share,
                            .p99_s = step.latency.count() == 0 ? 0 : percentiles(step.latency).p99,
                            .achieved_share = share});
  }
  if (!curve.points.empty()) find_knee_of(curve);
  return curve;
}

}  // namespace

std::vector<Curve> find_curves(const BenchResults& results) {
  std::vector<Curve> all;
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    const CellResult& cell = results.cells[i];
    if (!cell.cell.open || !cell.cell.open->is_ramp()) continue;
    for (const BackendResult& side : cell.sides) {
      Curve curve = curve_of_ramp(cell, i, side);
      if (curve.points.size() > 1) all.push_back(std::move(curve));
    }
  }
  for (const Sweep& sweep : results.plan.sweeps) {
    for (Curve& curve : curves_along(results, sweep)) all.push_back(std::move(curve));
  }
  return all;
}

void to_json(nlohmann::json& json, const Curve& curve) {
  auto points = nlohmann::json::array();
  for (const Curve::Point& point : curve.points) {
    points.push_back({{"cell", point.cell},
                      {"x", point.x},
                      {"throughput_tasks_per_s", point.throughput_tasks_per_s},
                      {"p99_s", point.p99_s},
                      {"achieved_share", point.achieved_share}});
  }
  json = {{"workload", curve.workload},
          {"rest", curve.rest},
          {"axis", name_of(curve.axis)},
          {"scale", curve.geometric ? "logarithmic" : "linear"},
          {"ramp", curve.ramp},
          {"backend", name_of(curve.backend)},
          {"points", points},
          {"knee", curve.knee ? nlohmann::json(*curve.knee) : nlohmann::json(nullptr)},
          {"sentence", curve.sentence}};
}

}  // namespace twinpool::bench
