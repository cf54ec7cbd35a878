// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/shared_sum.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kSliceNumbers = 16 * 1024;  // 64 KiB: well inside a core's L2

std::uint64_t sum_slice(SharedBuffer<std::uint32_t> slice) {
  return std::accumulate(slice.begin(), slice.end(), std::uint64_t{0});
}

class SharedSum {
 public:
  using Result = std::uint64_t;
  SharedSum(Pool& pool, const FlowOptions& options) {
    const std::uint64_t count = options.payload_bytes / sizeof(std::uint32_t);
    const auto buffer = pool.make_shared_buffer<std::uint32_t>(count);
    MixSequence random(options.seed);
    for (std::uint32_t& number : buffer) number = static_cast<std::uint32_t>(random());
    for (std::uint64_t first = 0; first < count; first += kSliceNumbers) {
      slices_.push_back(buffer.slice(first, std::min(kSliceNumbers, count - first)));
      expected_.push_back(std::accumulate(slices_.back().begin(), slices_.back().end(), std::uint64_t{0}));
    }
  }
  Future<Result> submit(Intake& pool, std::uint64_t number) {
    return pool.submit<sum_slice>(slices_[number % slices_.size()]);
  }
  [[nodiscard]] bool right(std::uint64_t number, Result result) const {
    return result == expected_[number % expected_.size()];
  }
  static std::uint64_t digest(Result result) { return result; }

 private:
  std::vector<SharedBuffer<std::uint32_t>> slices_;
  std::vector<std::uint64_t> expected_;
};

}  // namespace

constinit const Workload kSharedSum{.name = "shared-sum",
                                    .family = "data",
                                    .sentence = "sums a 64 KiB slice of one buffer that all workers share",
                                    .exercises = "memory that no twin copies",
                                    .why = "both twins read the same pages",
                                    .payload = "bytes of the shared buffer",
                                    .default_payload_bytes = 16 * 1024 * 1024,
                                    .min_payload_bytes = 4,
                                    .payload_crosses = 1,
                                    .payload_is_shared = true,
                                    .expected = Expected::kNoDifference,
                                    .margin = 0.1,
                                    .open = &make_flow<SharedSum>};

}  // namespace twinpool::bench
