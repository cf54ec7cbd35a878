// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/results.h"

/// The formats in which `twinpool bench` writes its results for other programs; bench/FORMATS.md says who
/// reads which.
namespace twinpool::bench {

struct DrillResults;
struct Comparison;

/// All that a format may tell.
struct Report {
  const BenchResults& results;
  std::vector<std::string> command = {};   ///< the command line as it was typed
  const DrillResults* crash = nullptr;     ///< what one crash costs; null: not tried
  const Comparison* comparison = nullptr;  ///< with a baseline, and its gates; null: there is none
};

struct Format {
  std::string_view name;
  std::string_view suffix;  ///< that chooses it; empty: by --format only
  std::string_view sentence;
  bool one_side = false;  ///< a file holds one backend of one cell only
  std::string (*write)(const Report& report) = nullptr;
};

/// All formats, in the order in which they are listed.
[[nodiscard]] std::span<const Format> formats();
/// Gives:  the format that `name` names, or where that is empty the one of the path's suffix.
/// Errors: UsageError that names the flag's value and the formats.
[[nodiscard]] const Format& choose_format(const std::string& path, const std::string& name);

/// Each gives the whole file. No figure that is not a finite number is ever written: its key is left out.
[[nodiscard]] std::string write_json(const Report& report);
[[nodiscard]] std::string write_csv(const Report& report);
[[nodiscard]] std::string write_markdown(const Report& report);
[[nodiscard]] std::string write_google_benchmark(const Report& report);
[[nodiscard]] std::string write_google_benchmark_flat(const Report& report);
[[nodiscard]] std::string write_smaller_is_better(const Report& report);
[[nodiscard]] std::string write_bigger_is_better(const Report& report);
[[nodiscard]] std::string write_bencher(const Report& report);
[[nodiscard]] std::string write_go_benchmark(const Report& report);
[[nodiscard]] std::string write_hyperfine(const Report& report);
[[nodiscard]] std::string write_junit(const Report& report);
[[nodiscard]] std::string write_openmetrics(const Report& report);
[[nodiscard]] std::string write_hgrm(const Report& report);

}  // namespace twinpool::bench
