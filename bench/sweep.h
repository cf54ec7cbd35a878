// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace twinpool::bench {

struct BenchOptions;

/// What a sweep changes from cell to cell.
enum class SweepAxis { kWorkers, kPayload, kWindow, kRate };
[[nodiscard]] std::string_view name_of(SweepAxis axis);

/// One parameter through several values.
struct Sweep {
  SweepAxis axis = SweepAxis::kWorkers;
  std::vector<std::string> values;  ///< as the option of the axis takes them, upwards
  bool geometric = false;           ///< its steps are factors, so that a curve over it has a logarithmic axis
};

/// More cells than this are a mistake rather than a plan.
inline constexpr std::size_t kMostSweptCells = 256;

/// Reads "NAME=FIRST..LAST", with ":N" (so many values), "*F" (each F times the one before) or "+D" (each D
/// more than the one before) at its end, or "NAME=A,B,C".
///
/// Unless told, workers step by 1, payload by a factor of 4, window by a factor of 2, and rate takes 8 values
/// in equal factors. LAST is always among the values.
/// Errors: UsageError with the sentence for the user.
[[nodiscard]] Sweep read_sweep(const std::string& text);

/// All sweeps that were asked for. Errors: as above; an axis that is swept twice or also set by its own
/// option; an open loop's axis beside none.
[[nodiscard]] std::vector<Sweep> read_sweeps(const BenchOptions& options);

/// The options of every combination of the values, the last sweep fastest. Errors: UsageError beyond
/// kMostSweptCells.
[[nodiscard]] std::vector<BenchOptions> expand_sweeps(const BenchOptions& options,
                                                      const std::vector<Sweep>& sweeps);

}  // namespace twinpool::bench
