// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/registry.h"

#include <array>

#include "bench/workloads/echo.h"
#include "bench/workloads/noop.h"
#include "bench/workloads/primes.h"
#include "bench/workloads/sha256.h"
#include "bench/workloads/shared_sum.h"
#include "bench/workloads/sort.h"
#include "bench/workloads/wordcount.h"

namespace twinpool::bench {

std::string_view name_of(Expected expected) {
  switch (expected) {
    case Expected::kNoDifference:
      return "no difference";
    case Expected::kThreads:
      return "threads";
    case Expected::kProcesses:
      return "processes";
  }
  return "unknown";
}

std::span<const Workload> workloads() {
  static const std::array all{kNoop, kPrimes, kSha256, kSort, kEcho, kSharedSum, kWordcount};
  return all;
}

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

std::vector<std::string> workload_names() {
  std::vector<std::string> names;
  for (const Workload& workload : workloads()) names.emplace_back(workload.name);
  return names;
}

}  // namespace twinpool::bench
