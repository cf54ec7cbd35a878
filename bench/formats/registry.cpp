// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "bench/cli.h"
#include "bench/formats/format.h"
#include "bench/nearest_name.h"

namespace twinpool::bench {
namespace {

// Where suffixes overlap the longer one comes first: the first match is taken.
constexpr std::array kFormats{
    Format{"google", ".google.json", "Google Benchmark, all repetitions: compare.py", false,
           write_google_benchmark},
    Format{"google-flat", ".google-flat.json",
           "Google Benchmark, medians only: github-action-benchmark's googlecpp, Bencher", false,
           write_google_benchmark_flat},
    Format{"smaller-is-better", ".smaller.json", "github-action-benchmark's customSmallerIsBetter", false,
           write_smaller_is_better},
    Format{"bigger-is-better", ".bigger.json", "github-action-benchmark's customBiggerIsBetter", false,
           write_bigger_is_better},
    Format{"bencher", ".bmf.json", "Bencher Metric Format", false, write_bencher},
    Format{"hyperfine", ".hyperfine.json", "hyperfine's JSON: one run is one trial", false, write_hyperfine},
    Format{"json", ".json", "everything; what `twinpool diff` reads", false, write_json},
    Format{"csv", ".csv", "one sample a row", false, write_csv},
    Format{"markdown", ".md", "a job summary or comment, under 64 KiB", false, write_markdown},
    Format{"go", ".txt", "Go benchmark text: benchstat -col /backend", false, write_go_benchmark},
    Format{"junit", ".xml", "JUnit: a gate, or else a cell's results, is a test case", false, write_junit},
    Format{"openmetrics", ".prom", "OpenMetrics text: Prometheus", false, write_openmetrics},
    Format{"hgrm", ".hgrm", "HdrHistogram's percentiles, one file for each backend of each cell", true,
           write_hgrm},
};

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format& choose_format(const std::string& path, const std::string& name) {
  std::vector<std::string> names, suffixes;
  for (const Format& format : kFormats) {
    if (name.empty() ? path.ends_with(format.suffix) : name == format.name) return format;
    names.emplace_back(format.name);
    suffixes.emplace_back(format.suffix);
  }
  if (!name.empty()) throw UsageError(fmt::format("unknown format '{}'{}", name, suggest_name(name, names)));
  if (path == "-") throw UsageError("--out - needs --format: standard output has no suffix to choose one by");
  throw UsageError(fmt::format("--out '{}' ends in no suffix that chooses a format ({}); add --format NAME",
                               path, fmt::join(suffixes, " ")));
}

}  // namespace twinpool::bench
