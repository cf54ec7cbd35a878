// SPDX-License-Identifier: Apache-2.0
#include "bench/reporters/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "bench/cli.h"

namespace twinpool::bench {
namespace {

[[noreturn]] void fail(int error, const std::string& path) {
  throw std::system_error(error, std::generic_category(), fmt::format("cannot write '{}'", path));
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno, path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (is_standard_output()) return;
  struct stat status {};
  const bool exists = stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail(EISDIR, path_);
  if (exists && !S_ISREG(status.st_mode)) {
    fd_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);  // a pipe or device has no name to be renamed over
    if (fd_ < 0) fail(errno, path_);
    return;
  }
  temporary_ = path_ + ".XXXXXX";
  fd_ = mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    fail(error, path_);
  }
  const mode_t mask = umask(0);
  umask(mask);
  fchmod(fd_, exists ? status.st_mode & 07777 : 0666 & ~mask);
}

std::unique_ptr<OutputFile> open_output(std::string_view flag, const std::string& path) {
  if (path.empty()) return nullptr;
  try {
    return std::make_unique<OutputFile>(path);
  } catch (const std::system_error& error) {
    throw UsageError(fmt::format("{}: {}", flag, error.what()));
  }
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::commit(std::string_view text) {
  if (is_standard_output()) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(errno, path_);
    return;
  }
  write_all(fd_, text, path_);
  if (temporary_.empty()) return;
  if (close(std::exchange(fd_, -1)) != 0) fail(errno, path_);  // where a quota or a network's full disk is told
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno, path_);
  temporary_.clear();
}

}  // namespace twinpool::bench
