// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace twinpool::bench {

/// Opens the file, reads `bytes` bytes from `begin` on, and counts the words that begin there: runs of bytes
/// above the blank, as isspace in the C locale has it. A word that reaches across the end counts where it
/// begins, so slices add up.
///
/// Errors: std::system_error when the file cannot be opened or read.
std::uint32_t count_words(const std::string& path, std::uint64_t begin, std::uint64_t bytes);

/// A file's words, slice by slice, from a single pass over it: the right answers.
///
/// Takes:  at most the file's first `kTextLimit` bytes.
/// Errors: std::system_error.
std::vector<std::uint32_t> count_words_in_slices(const std::string& path, std::uint64_t slice_bytes);
inline constexpr std::uint64_t kTextLimit = std::uint64_t{1} << 30;

/// A text file for those who gave none. It never has a name in the file system, so nothing can be left
/// behind; `path()` opens it in every process of the same user while this object lives.
class GeneratedText {
 public:
  /// Errors: std::system_error when the temporary directory takes no file.
  GeneratedText(std::uint64_t seed, std::uint64_t bytes);
  GeneratedText(const GeneratedText&) = delete;
  GeneratedText& operator=(const GeneratedText&) = delete;
  ~GeneratedText();
  [[nodiscard]] std::string path() const;

 private:
  int fd_ = -1;
};

}  // namespace twinpool::bench
