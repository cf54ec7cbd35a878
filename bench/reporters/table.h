// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bench/reporters/terminal.h"
#include "bench/results.h"

namespace twinpool::bench {

/// "primes", and what tells it from the other cells of the plan: "primes w=4".
[[nodiscard]] std::string label_of(const Cell& cell, const Plan& plan);

/// The tables of a report: throughput with the comparison, latency, CPU, memory and start-up.
[[nodiscard]] std::string print_tables(const BenchResults& results, const TextStyle& style);

}  // namespace twinpool::bench
