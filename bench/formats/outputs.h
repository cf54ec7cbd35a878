// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/formats/format.h"
#include "bench/plan.h"
#include "bench/reporters/output_file.h"

namespace twinpool::bench {

/// All files that one run writes. They are opened before the work, so that a path that cannot be written is
/// found then, and each is there whole or not at all.
class Outputs {
 public:
  /// Takes:  `paths` and `format` as --out and --format were given, `json` as --json; `plan`, since a format
  /// with
  ///         one file a backend needs to know them. Where there is more than one such file, "x.hgrm" becomes
  ///         "x.noop,workers=2.threads.hgrm" and so on.
  /// Errors: UsageError.
  Outputs(const std::vector<std::string>& paths, const std::string& format, const std::string& json,
          const Plan& plan);

  [[nodiscard]] bool use_standard_output() const;
  /// Writes every file, also when another one could not be written.
  ///
  /// Errors: std::system_error of the first that failed.
  void commit(const Report& report);

 private:
  struct One {
    const Format* format;
    std::unique_ptr<OutputFile> file;
    std::string cell = {};  ///< empty: all
    Backend backend = Backend::kThreads;
  };
  void add(const Format& format, const std::string& flag, const std::string& path, const Plan& plan);
  std::vector<One> files_;
};

/// The formats of what holds no samples: a comparison, a fault drill.
///
/// Takes:  `what` has the result, for the sentence: "a comparison".
/// Gives:  "json", "csv", "markdown" or "junit", by --format or by the path's suffix.
/// Errors: UsageError.
[[nodiscard]] std::string_view choose_summary_format(std::string_view what, const std::string& path,
                                                     const std::string& name);

/// Gives:  the paths, none of them twice and "-" at most once.
/// Errors: UsageError, also for a --format with several paths or with none.
void check_outputs(const std::vector<std::string>& paths, const std::string& format, const std::string& json,
                   const std::string& trace = {});

}  // namespace twinpool::bench
