// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A file that is open for reading as long as this lives.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail(fmt::format("cannot open '{}'", path));
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { close(fd_); }

  /// Reads until `bytes` bytes are there or the file ends. Gives: how many were read.
  std::size_t read_at(std::uint64_t begin, char* to, std::size_t bytes) const {
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t got = pread(fd_, to + done, bytes - done, static_cast<off_t>(begin + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail(fmt::format("cannot read '{}'", path_));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  const std::string& path_;
  int fd_;
};

constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Counts word beginnings; `inside` says whether the byte before was part of a word, and then whether the
/// last one was.
std::uint32_t count_beginnings(const char* text, std::size_t bytes, bool& inside) {
  std::uint32_t words = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    const bool in_word = !is_blank(text[i]);
    words += in_word && !inside ? 1 : 0;
    inside = in_word;
  }
  return words;
}

}  // namespace

std::uint32_t count_words(const std::string& path, std::uint64_t begin, std::uint64_t bytes) {
  const OpenFile file(path);
  // One byte before the slice tells whether its first word began earlier.
  const std::uint64_t before = begin > 0 ? 1 : 0;
  std::string text(bytes + before, '\0');
  const std::size_t got = file.read_at(begin - before, text.data(), text.size());
  if (got <= before) return 0;
  bool inside = before != 0 && !is_blank(text[0]);
  return count_beginnings(text.data() + before, got - before, inside);
}

std::vector<std::uint32_t> count_words_in_slices(const std::string& path, std::uint64_t slice_bytes) {
  const OpenFile file(path);
  std::vector<std::uint32_t> words;
  std::string text(slice_bytes, '\0');
  bool inside = false;
  for (std::uint64_t at = 0; at < kTextLimit; at += slice_bytes) {
    const std::size_t got = file.read_at(at, text.data(), text.size());
    if (got == 0) break;
    words.push_back(count_beginnings(text.data(), got, inside));
    if (got < text.size()) break;
  }
  return words;
}

GeneratedText::GeneratedText(std::uint64_t seed, std::uint64_t bytes) {
  const std::string directory = std::filesystem::temp_directory_path().string();
  fd_ = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ < 0) {  // not every file system knows O_TMPFILE
    std::string name = directory + "/twinpool-text-XXXXXX";
    fd_ = mkostemp(name.data(), O_CLOEXEC);
    if (fd_ < 0) fail(fmt::format("cannot make a temporary file in '{}'", directory));
    unlink(name.c_str());
  }
  MixSequence random(seed);
  std::string text;
  text.reserve(bytes + 16);
  while (text.size() < bytes) {
    for (std::uint64_t letters = 1 + random.below(12); letters > 0; --letters) {
      text += static_cast<char>('a' + random.below(26));
    }
    text += random.below(12) == 0 ? '\n' : ' ';
  }
  text.resize(bytes);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = write(fd_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      close(fd_);
      errno = error;
      fail(fmt::format("cannot write a temporary file in '{}'", directory));
    }
    done += static_cast<std::size_t>(written);
  }
}

GeneratedText::~GeneratedText() { close(fd_); }

std::string GeneratedText::path() const { return fmt::format("/proc/{}/fd/{}", getpid(), fd_); }

}  // namespace twinpool::bench
