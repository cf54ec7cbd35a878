// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace twinpool::bench {

/// A file that is there whole or not at all: it is written under a temporary name beside its own and renamed.
///
/// "-" is standard output.
class OutputFile {
 public:
  /// Makes the temporary file now, so that a path that cannot be written is found before the work and not
  /// after it.
  ///
  /// Errors: std::system_error with a sentence that names the path.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  /// Removes the temporary file when commit() was not reached.
  ~OutputFile();

  /// Errors: std::system_error; the old file, if any, is then unchanged.
  void commit(std::string_view text);
  [[nodiscard]] bool is_standard_output() const { return path_ == "-"; }

 private:
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

/// Gives:  the file that `flag` names, ready to be written; null for an empty path.
/// Errors: UsageError with a sentence that names flag and path.
[[nodiscard]] std::unique_ptr<OutputFile> open_output(std::string_view flag, const std::string& path);

}  // namespace twinpool::bench
