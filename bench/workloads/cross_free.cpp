// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"numbers", "numbers of 8 bytes in a result", 4096, 1, 1 << 20}};

using Numbers = std::vector<std::uint64_t>;

Numbers make_numbers(std::uint64_t number, std::uint64_t count) {
  Numbers numbers(count);
  for (std::uint64_t i = 0; i < count; ++i) numbers[i] = number + i;
  return numbers;
}

class CrossFree {
 public:
  using Result = Numbers;
  CrossFree(Pool&, const FlowOptions& options)
      : count_(options.parameters.empty() ? kParameters[0].value : options.parameters[0]) {}
  Future<Result> submit(Intake& pool, std::uint64_t number) const {
    return pool.submit<make_numbers>(number, count_);
  }
  [[nodiscard]] bool right(std::uint64_t number, const Result& result) const {
    return result.size() == count_ && result.front() == number && result.back() == number + count_ - 1;
  }
  static std::uint64_t digest(const Result& result) { return result.front() ^ mix(result.back()); }

 private:
  std::uint64_t count_;
};

}  // namespace

constinit const Workload kCrossFree{
    .name = "cross-free",
    .family = "memory",
    .sentence = "makes a vector of 32 KiB that the owner of the pool frees",
    .exercises = "memory that one allocates and another frees",
    .why = "a thread's result changes hands where it lies; a process copies it into shared memory",
    .parameters = kParameters,
    .expected = Expected::kThreads,
    .margin = 0.1,
    .open = &make_flow<CrossFree>};

}  // namespace twinpool::bench
