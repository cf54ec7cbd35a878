// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What a pool costs apart from dispatching: to be born, to lose a worker, to do nothing; and what a task takes from
/// the system and the heap.
namespace twinpool::bench::life {

enum class Unit { kNanoseconds, kBytes, kCount };

/// Something that one measurement gives samples of.
struct Figure {
  std::string name = {};
  Unit unit = Unit::kNanoseconds;
  std::optional<double> goal = {};  ///< the median shall not be above it
};

/// By figure.
using Samples = std::map<std::string, std::vector<double>>;

/// One contestant in one situation.
struct Case {
  std::string chapter = {};
  std::string situation = {};
  std::string contestant = {};
  std::vector<Figure> figures = {};
  int most_rounds = 1'000'000;  ///< for what is slow to measure and hardly varies
  /// Measures once, in fresh processes. Errors: std::runtime_error, std::system_error.
  std::function<Samples()> run = {};
};

/// The chapters, in the order of the report. Takes: `python`, the path of python_pools.py; empty: without Python.
[[nodiscard]] std::vector<Case> crash_cases(const std::string& python);
[[nodiscard]] std::vector<Case> start_cases(const std::string& python);
[[nodiscard]] std::vector<Case> rest_cases(const std::string& python);
[[nodiscard]] std::vector<Case> steady_cases();

}  // namespace twinpool::bench::life
