// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr int kCharacters = 20'000;

std::uint64_t write_characters(std::uint64_t number) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/dev/null", "we"), &std::fclose);
  if (!file) throw std::system_error(errno, std::generic_category(), "cannot open /dev/null");
  std::uint64_t written = 0;
  for (int i = 0; i < kCharacters; ++i) written += std::fputc('a' + i % 26, file.get()) != EOF ? 1 : 0;
  return mix(number) + written;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kCharacters; }

}  // namespace

constinit const Workload kLibFputc{.name = "lib-fputc",
                                   .family = "library",
                                   .sentence = "writes 20,000 characters to a FILE of its own",
                                   .exercises = "the lock inside each FILE",
                                   .why = "stdio skips its lock while the program has never had a thread",
                                   .expected = Expected::kProcesses,
                                   .margin = 0.1,
                                   .task = &write_characters,
                                   .answer = &answer};

}  // namespace twinpool::bench
