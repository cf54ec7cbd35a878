// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/results.h"

namespace twinpool::bench {

/// A workload as a file tells of it; this program may not know it.
struct RecordedWorkload {
  std::string name;
  std::vector<std::string> parameter_names;
  std::vector<Parameter> parameters;
  Workload workload;  ///< refers to what stands above; it cannot be run
};

/// What `twinpool bench` wrote, read back. Not copied: its cells point to its workloads.
struct Recording {
  Recording() = default;
  Recording(Recording&&) = default;
  Recording& operator=(Recording&&) = default;

  std::string path;
  std::string version;
  std::string build_type;
  std::string finished_at;
  std::string machine_hash;
  std::string machine;  ///< the machine card, as JSON
  std::string options;  ///< as JSON
  bool partial = false;
  BenchResults results;
  std::vector<std::unique_ptr<RecordedWorkload>> workloads;
};

/// Which cells of an interrupted run are wanted.
enum class Cells {
  kComplete,  ///< those that can be compared; a file without any is refused
  kAll,       ///< also the one that it was interrupted in
};

/// Reads a result strictly: every figure that counts has to be there, of the right type and finite. Unknown
/// names are skipped, as bench/json_schema.md asks of readers.
///
/// Errors: UsageError with one sentence that names the file and the place in it: it cannot be read, breaks
/// off, is
///         not of `twinpool bench`, has a newer schema, or holds no samples or a figure that is none.
[[nodiscard]] Recording read_recording(const std::string& path, Cells cells = Cells::kComplete);
/// The same from a text; `path` only names it.
[[nodiscard]] Recording parse_recording(const std::string& path, std::string_view text,
                                        Cells cells = Cells::kComplete);

/// Gives: what makes a comparison of the two doubtful, one sentence each: another machine, another build.
[[nodiscard]] std::vector<std::string> find_obstacles(const Recording& before, const Recording& after);
/// Gives: what a reader of a comparison should know, one sentence each: other options, an interrupted run.
[[nodiscard]] std::vector<std::string> find_differences(const Recording& before, const Recording& after);

}  // namespace twinpool::bench
