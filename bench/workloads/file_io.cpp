// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kBlocks = 16;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// A file without a name, closed with this object.
class Scratch {
 public:
  Scratch() {
    const char* const folder = std::getenv("TMPDIR");
    fd_ = open(folder != nullptr && *folder != '\0' ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd_ < 0) fail("cannot make a temporary file");
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { close(fd_); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

std::uint64_t write_and_read(std::uint64_t number) {
  const Scratch file;
  std::vector<std::byte> block = make_payload(number, kBlock);
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (pwrite(file.fd(), block.data(), kBlock, static_cast<off_t>(i * kBlock)) != ssize_t{kBlock})
      fail("cannot write to a temporary file");
  }
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (pread(file.fd(), block.data(), kBlock, static_cast<off_t>(i * kBlock)) != ssize_t{kBlock})
      fail("cannot read a temporary file");
    sum = mix(sum ^ hash_bytes(block));
  }
  return sum;
}

}  // namespace

constinit const Workload kFileIo{.name = "file-io",
                                 .family = "io",
                                 .sentence = "writes 64 KiB to a temporary file and reads it back",
                                 .exercises = "system calls on descriptors",
                                 .why = "the work lies in the kernel and in files that nobody shares",
                                 .expected = Expected::kNoDifference,
                                 .margin = 0.15,
                                 .task = &write_and_read};

}  // namespace twinpool::bench
