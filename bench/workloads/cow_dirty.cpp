// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "shared/options.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"megabytes", "size of the data set in MiB", 16, 1, 16'384},
                                     {"percent", "pages that a task writes to", 10, 1, 100},
                                     {"recycle", "tasks after which a worker is replaced", 8, 1, 1'000'000}};
constexpr std::size_t kPage = 4096;

std::vector<unsigned char> data;
std::size_t pages_written = 0;
void set_up(const Settings& settings) {
  data.assign(settings["megabytes"] << 20, 1);
  pages_written = std::max<std::size_t>(1, data.size() / kPage * settings["percent"] / 100);
}
// A worker that has written to all pages once has them for itself; fresh ones meet the bill again.
void shape(PoolOptions& options, const Settings& settings) {
  options.recycling.max_tasks = settings["recycle"];
}

std::uint64_t dirty(std::uint64_t number) {
  const std::size_t pages = data.size() / kPage;
  std::uint64_t written = 0;
  for (std::size_t i = 0; i < pages_written; ++i) {
    auto* const byte =
        static_cast<volatile unsigned char*>(&data[(number * pages_written + i) % pages * kPage]);
    *byte = 2;
    ++written;
  }
  return mix(number) + written;
}
std::uint64_t answer(std::uint64_t number) { return mix(number) + pages_written; }

}  // namespace

constinit const Workload kCowDirty{
    .name = "cow-dirty",
    .family = "data",
    .sentence = "writes to a tenth of a data set that was loaded before the pool",
    .exercises = "copy-on-write in fresh workers",
    .why = "a process copies each page at its first write to it; threads write where it lies",
    .parameters = kParameters,
    .expected = Expected::kThreads,
    .margin = 0.1,
    .set_up = &set_up,
    .shape = &shape,
    .task = &dirty,
    .answer = &answer};

}  // namespace twinpool::bench
