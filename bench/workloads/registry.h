// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/workloads/flow.h"

namespace twinpool::bench {

/// Which twin a workload is expected to favour, declared before anything is measured.
enum class Expected { kNoDifference, kThreads, kProcesses };
[[nodiscard]] std::string_view name_of(Expected expected);

/// One thing that the bench can make a pool do.
struct Workload {
  std::string_view name;
  std::string_view sentence;      ///< what a task does
  std::string_view exercises;     ///< what part of a pool it shows
  std::string_view payload = {};  ///< what --payload means here; empty: nothing
  std::uint64_t default_payload_bytes = 0;
  std::uint64_t min_payload_bytes = 0;
  std::uint64_t payload_crosses =
      0;  ///< how often the payload of a task lies in shared memory at a time (1: in, 2: in and out)
  bool payload_is_shared = false;  ///< the payload is one SharedBuffer for all tasks
  Expected expected = Expected::kNoDifference;
  double margin = 0.1;  ///< a ratio within 1 -+ margin counts as no difference that matters
  std::unique_ptr<Flow> (*open)(Pool& pool, const FlowOptions& options) = nullptr;
};

/// All workloads, in the order in which they run and are listed.
[[nodiscard]] std::span<const Workload> workloads();
/// Gives: null when there is none of that name.
[[nodiscard]] const Workload* find_workload(std::string_view name);
[[nodiscard]] std::vector<std::string> workload_names();

}  // namespace twinpool::bench
