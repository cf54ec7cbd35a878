// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/sort.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

struct Sorted {
  std::uint64_t sum = 0;
  std::uint64_t displaced = 0;  ///< how many numbers the shuffle had moved: the work was real
  bool in_order = false;
};

Sorted shuffle_and_sort(std::uint64_t seed, std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  MixSequence random(seed);
  for (std::uint64_t i = count; i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
  Sorted result;
  for (std::uint64_t i = 0; i < count; ++i) result.displaced += numbers[i] != i ? 1 : 0;
  std::sort(numbers.begin(), numbers.end());
  result.in_order = std::is_sorted(numbers.begin(), numbers.end());
  result.sum = std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
  return result;
}

class Sort {
 public:
  using Result = Sorted;
  Sort(Pool&, const FlowOptions& options)
      : seed_(options.seed),
        count_(options.payload_bytes / sizeof(std::uint64_t)),
        sum_(count_ * (count_ - 1) / 2) {}
  [[nodiscard]] Future<Result> submit(Intake& pool, std::uint64_t number) const {
    return pool.submit<shuffle_and_sort>(mix(seed_ ^ mix(number)), count_);
  }
  [[nodiscard]] bool right(std::uint64_t, const Result& result) const {
    return result.in_order && result.sum == sum_ && result.displaced <= count_;
  }
  static std::uint64_t digest(const Result& result) { return result.sum ^ mix(result.displaced); }

 private:
  std::uint64_t seed_, count_, sum_;
};

}  // namespace

constinit const Workload kSort{
    .name = "sort",
    .family = "cpu",
    .sentence = "allocates numbers, shuffles them by seed, sorts them, checks order and sum",
    .exercises = "allocation and memory",
    .why = "the work outweighs the hand-over",
    .payload = "bytes sorted by a task (8 a number)",
    .default_payload_bytes = 32 * 1024,
    .min_payload_bytes = 16,
    .expected = Expected::kNoDifference,
    .margin = 0.1,
    .open = &make_flow<Sort>};

}  // namespace twinpool::bench
