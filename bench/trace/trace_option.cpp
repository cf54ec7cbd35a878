// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/trace_option.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "bench/cli.h"
#include "bench/units.h"

namespace twinpool::bench {
namespace {

std::uint64_t read_limit(const TraceFlags& flags) {
  if (flags.limit.empty()) return kDefaultTraceBytes;
  if (flags.path.empty()) throw UsageError("--trace-limit bounds the file of --trace; add --trace FILE");
  const auto size = parse_size("--trace-limit", flags.limit);
  if (!size) throw UsageError(size.error);
  return *size.value;
}

}  // namespace

void add_trace_flags(CLI::App& app, TraceFlags& flags) {
  app.add_option(
         "--trace", flags.path,
         "Also run one traced trial of each kind, and write its tasks for ui.perfetto.dev to this file")
      ->type_name("FILE");
  app.add_option("--trace-limit", flags.limit,
                 fmt::format("The longest that the trace may become ({})", print_size(kDefaultTraceBytes)))
      ->type_name("SIZE");
}

TraceOutput::TraceOutput(const TraceFlags& flags, std::size_t trials)
    : path_(flags.path), limit_bytes_(read_limit(flags)), file_(open_output("--trace", flags.path)) {
  if (file_ == nullptr) return;
  if (limit_bytes_ / trials < kLeastTraceShare) {
    throw UsageError(
        fmt::format("--trace-limit {} is too little for {} traced trials; give each {}, or trace less",
                    print_size(static_cast<double>(limit_bytes_)), trials, print_size(kLeastTraceShare)));
  }
  trace_.emplace(limit_bytes_, trials);
}

std::string TraceOutput::describe() const {
  if (!trace_) return "";
  std::string text = fmt::format(
      "The trace '{}' shows {} tasks of {} trial{} of their own, which no figure above counts; open it with "
      "ui.perfetto.dev.",
      path_, trace_->shown(), trace_->trials(), trace_->trials() == 1 ? "" : "s");
  if (trace_->left_out() != 0) {
    text += fmt::format(" {} tasks were left out (--trace-limit {}).", trace_->left_out(),
                        print_size(static_cast<double>(limit_bytes_)));
  }
  return text + "\n";
}

void TraceOutput::commit() {
  if (trace_) file_->commit(trace_->text());
}

}  // namespace twinpool::bench
