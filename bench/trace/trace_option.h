// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "bench/reporters/output_file.h"
#include "bench/trace/chrome_trace.h"

namespace CLI {
class App;
}

namespace twinpool::bench {

/// What `--trace` and `--trace-limit` were given.
struct TraceFlags {
  std::string path;
  std::string limit;  ///< empty: kDefaultTraceBytes
};
void add_trace_flags(CLI::App& app, TraceFlags& flags);

/// The trace that a command takes, and the file that it goes to.
class TraceOutput {
 public:
  /// Takes:  how many trials will be traced.
  /// Errors: UsageError: the file cannot be written, the limit is no size or leaves too little for each
  /// trial.
  TraceOutput(const TraceFlags& flags, std::size_t trials);

  /// Gives: null when no trace was asked for.
  [[nodiscard]] ChromeTrace* trace() { return trace_ ? &*trace_ : nullptr; }
  [[nodiscard]] bool is_standard_output() const { return file_ != nullptr && file_->is_standard_output(); }
  /// One sentence with a line end: what the file shows; "" without a trace.
  [[nodiscard]] std::string describe() const;
  /// Writes the file, if one was asked for. Errors: std::system_error.
  void commit();

 private:
  std::string path_;
  std::uint64_t limit_bytes_ = kDefaultTraceBytes;
  std::unique_ptr<OutputFile> file_;
  std::optional<ChromeTrace> trace_;
};

}  // namespace twinpool::bench
