// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "bench/backend.h"
#include "bench/measure.h"

namespace twinpool::bench {

/// What must not happen between two runs: `[CELL: ][BACKEND.]MEASURE(<|>)LIMIT`, for example
/// "throughput<-5%", "noop: threads.p99>+10%" or "lost>0".
struct Gate {
  std::string text;  ///< as it was typed
  std::string cell = {};  ///< a pattern as for file names, of workloads or whole cells; empty: all
  std::optional<Backend> backend = {};
  const Measure* measure = nullptr;
  bool above = false;  ///< fires above the limit, else below it
  double limit = 0;    ///< of a count the count itself; else the relative change, 0.05 for 5 %

  [[nodiscard]] bool concerns(const std::string& workload, const std::string& cell_name,
                              std::optional<Backend> which) const;
};

/// Errors: UsageError with the sentence for the user.
[[nodiscard]] Gate read_gate(const std::string& text);

}  // namespace twinpool::bench
