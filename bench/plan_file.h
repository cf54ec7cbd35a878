// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bench/plan.h"

/// A plan file: what to measure, as JSON, so that it can be measured again. Its names are those of the flags
/// of `twinpool bench`; bench/schema/plan.schema.json describes it.
namespace twinpool::bench {

struct PlanFile {
  struct Group {
    BenchOptions options;
    std::string place;  ///< "cells[2]"; empty: the whole file
  };
  std::string path;
  std::vector<Group> groups;  ///< one or more; what the file says once for all is in each
  std::vector<std::string> load;
};

/// Reads the file, and adds what the command line says beside it.
///
/// Takes:  `typed`, the options of the command line.
/// Errors: UsageError that names the place in the file and what to do: it cannot be read, breaks off, has a
/// name that
///         no flag has, a value of a wrong type, or sets what the command line sets too.
[[nodiscard]] PlanFile read_plan_file(const std::string& path, const BenchOptions& typed);

/// Judges what the file says, as make_plan() does what was typed. The libraries that it names are to be
/// loaded before.
///
/// Errors: UsageError that begins with the file and the place in it; also for a cell that is there twice.
[[nodiscard]] Plan make_plan(const PlanFile& file, const MachineRoom& room);

}  // namespace twinpool::bench
