// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bench/runner.h"

namespace twinpool::bench {

/// Keeps what was measured so far in a file, so that an end that nobody foresaw loses one cell at most:
/// written after each cell, and within a long one now and then, always between trials, whole or not at all.
///
/// Passes everything on to another Progress. A file that cannot be written is complained of once on standard
/// error; the run goes on.
class PartialFile final : public Progress {
 public:
  /// Takes: `path`, empty: nothing is kept; `command`, as the report has it.
  PartialFile(Progress& inner, std::string path, std::vector<std::string> command);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  /// Says on standard error where the results are when they came to no other file.
  ~PartialFile() override;

  void control(const BenchResults& results) override;
  void cell_begins(const BenchResults& results) override;
  void pair_done(const BenchResults& results, std::size_t pair) override;
  void cell_done(const BenchResults& results) override;
  void finished() override;

  /// The results are safe elsewhere: removes the file that this run wrote.
  void discard();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void write(const BenchResults& results);

  Progress& inner_;
  std::string path_;
  std::vector<std::string> command_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  bool written_ = false;
};

/// "results.json.partial"
[[nodiscard]] std::string partial_path(const std::string& json_path);
/// The file that a partial one belongs to; any other path as it is.
[[nodiscard]] std::string without_partial_suffix(const std::string& path);

}  // namespace twinpool::bench
