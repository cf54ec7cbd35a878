// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace twinpool::bench {

/// What the kernel and the CPU charge for the steps that pools are made of: medians, in nanoseconds. Nothing
/// where a step could not be measured (with one CPU no cache line travels).
struct PrimitiveCosts {
  std::optional<double> system_call_ns;            ///< getppid(2)
  std::optional<double> clock_read_ns;             ///< clock_gettime(CLOCK_MONOTONIC)
  std::optional<double> page_fault_ns;             ///< first write to an anonymous page
  std::optional<double> fork_wait_ns;              ///< fork(2) of a small process, _exit, waitpid
  std::optional<double> thread_start_join_ns;      ///< pthread_create and pthread_join of an empty function
  std::optional<double> cache_line_round_trip_ns;  ///< two spinning threads on different CPUs, there and back
  std::optional<double> futex_round_trip_ns;       ///< two sleeping threads wake each other, there and back
};

/// Measures all of them in under a second, in a forked child: the caller never becomes multi-threaded, for a
/// process that once had a second thread loses glibc's single-threaded fast paths for good.
///
/// Gives: nothing for every figure when the child could not be started or did not answer within 5 s.
PrimitiveCosts measure_primitive_costs();

void to_json(nlohmann::json& json, const PrimitiveCosts& costs);

}  // namespace twinpool::bench
