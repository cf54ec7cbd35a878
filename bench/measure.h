// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

/// What `twinpool diff` compares and gates ask for, by the name that users write.
struct Measure {
  enum class Kind {
    kRatio,   ///< processes over threads, pair by pair; one a cell
    kRate,    ///< larger is better, grows with the speed of the machine
    kTime,    ///< smaller is better, shrinks with the speed of the machine
    kMemory,  ///< smaller is better; one reading a run, exact
    kCount,   ///< 0 is right; one a backend, exact
    kEvents,  ///< as kCount, but one a cell
  };
  std::string_view name;
  Kind kind;
  std::string_view unit;
  std::string_view sentence;
  /// One value a trial; where it is one a run or a cell, one of the next two is used.
  std::vector<double> (*values)(const BackendResult& side) = nullptr;
  std::optional<double> (*value)(const BackendResult& side) = nullptr;
  double (*events)(const CellResult& cell) = nullptr;

  [[nodiscard]] bool is_exact() const { return kind >= Kind::kMemory; }
  [[nodiscard]] bool counts() const { return kind >= Kind::kCount; }
  [[nodiscard]] bool one_a_cell() const { return kind == Kind::kRatio || kind == Kind::kEvents; }
  /// "1.25M tasks/s", "3 ms", "2 MiB": with its unit.
  [[nodiscard]] std::string print(double figure) const;
};

[[nodiscard]] std::span<const Measure> measures();
/// Gives: null when there is none of that name.
[[nodiscard]] const Measure* find_measure(std::string_view name);

}  // namespace twinpool::bench
