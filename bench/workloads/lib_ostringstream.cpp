// SPDX-License-Identifier: Apache-2.0
#include <locale>
#include <sstream>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

// While the global locale is the classic one, streams need no lock to copy it. Most programs that speak a
// language have another; this one changes nothing but that.
void set_up(const Settings&) {
  std::locale::global(std::locale(std::locale::classic(), new std::numpunct<char>));
}

constexpr std::uint64_t kStreams = 500;
constexpr std::uint64_t kLength = 7;  // of "1234.56" with the six digits that a stream prints

std::uint64_t print_numbers(std::uint64_t number) {
  std::uint64_t written = 0;
  for (std::uint64_t i = 0; i < kStreams; ++i) {
    std::ostringstream stream;  // a new one each time, as most programs do
    const std::uint64_t hundredths = 100'001 + mix(number * kStreams + i) % 80'000 * 10;
    stream << static_cast<double>(hundredths) / 100;
    written += stream.str().size();
  }
  return mix(number) + written;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + kStreams * kLength; }

}  // namespace

constinit const Workload kLibOstringstream{
    .name = "lib-ostringstream",
    .family = "library",
    .sentence = "prints 500 numbers, each with an ostringstream of its own",
    .exercises = "the lock and the reference count of a global locale that is not the classic one",
    .why = "each stream copies the global locale under one lock, which each process has to itself",
    .expected = Expected::kProcesses,
    .margin = 0.1,
    .set_up = &set_up,
    .task = &print_numbers,
    .answer = &answer};

}  // namespace twinpool::bench
