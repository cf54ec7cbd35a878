// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "bench/cli.h"
#include "bench/diff.h"
#include "bench/results_reader.h"

namespace twinpool::bench {

/// What `diff` and `bench --baseline` have in common.
struct GateFlags {
  std::vector<std::string> fail_if = {};
  std::string margin = {};
  bool strict = false;
  bool force = false;
};
/// Adds --fail-if, --margin, --strict and --force.
void add_gate_flags(CLI::App& app, GateFlags& flags);
/// Errors: UsageError.
[[nodiscard]] std::vector<Gate> read_gates(const GateFlags& flags);
[[nodiscard]] double read_margin(const GateFlags& flags);
/// Writes annotations where GitHub runs the program.
void annotate(const Comparison& comparison, std::FILE* out);

/// `twinpool diff`.
extern const Command kDiffCommand;

}  // namespace twinpool::bench
