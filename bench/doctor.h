// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/kernel_probes.h"
#include "bench/machine_card.h"

namespace twinpool::bench {

/// kDegraded: twinpool runs, but some figures are coarse or missing. kUnfit: the process twin cannot work
/// here.
enum class Status { kOk, kDegraded, kUnfit };

struct Finding {
  std::string name;
  Status status = Status::kOk;
  std::string value;
  std::string sentence;  ///< what it means and what to do about it; may be empty when all is well
};

/// Judges the machine: one finding for each thing that matters, in a fixed order. Pure.
std::vector<Finding> diagnose(const MachineCard& card, const KernelProbes& probes);

/// Gives: the findings for this machine now.
std::vector<Finding> examine_machine();

/// Gives: the worst status, which decides the exit code of `twinpool doctor`.
Status worst(const std::vector<Finding>& findings);

/// Gives: "ok", "degraded" or "unfit".
const char* describe(Status status);

/// Prints one aligned line for each finding, its sentence below, and a closing line with the worst status.
void print_findings(std::ostream& out, const std::vector<Finding>& findings, bool colour);

void to_json(nlohmann::json& json, const Finding& finding);

}  // namespace twinpool::bench
