// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

/// One backend of one workload along a sweep, or along the steps of a ramp.
struct Curve {
  struct Point {
    std::size_t cell = 0;  ///< index into the results' cells
    double x = 0;          ///< the swept value: workers, bytes, tasks, or per cent or tasks per second
    std::string value;     ///< the same, for people
    double throughput_tasks_per_s = 0;
    double p99_s = 0;
    double achieved_share = 1;  ///< 1 in a closed loop
  };
  std::string workload;
  std::string rest;  ///< the values of the other sweeps, as "window=64", or of a ramp's cell, as
                     ///< "workers:2/rate:10%..120%"; empty: there are none
  SweepAxis axis = SweepAxis::kWorkers;
  bool geometric = false;
  bool ramp = false;  ///< its points are the steps of one cell
  Backend backend = Backend::kThreads;
  std::vector<Point> points = {};        ///< upwards
  std::optional<std::size_t> knee = {};  ///< index of a point
  std::string sentence = {};             ///< names the knee, or says why there is none
};

/// The curves of all sweeps: of each workload, backend and set of values of the other sweeps one for each
/// sweep, and one of each backend of each cell that is a ramp. Curves over rates have their knee by
/// find_rate_knee(), the others that of throughput by find_knee(). Pure.
[[nodiscard]] std::vector<Curve> find_curves(const BenchResults& results);

void to_json(nlohmann::json& json, const Curve& curve);

}  // namespace twinpool::bench
