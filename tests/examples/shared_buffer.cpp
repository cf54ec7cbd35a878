// SPDX-License-Identifier: Apache-2.0
// One memory for the caller and all workers, here processes: nothing of it is copied.
#include <atomic>
#include <cstdio>
#include <numeric>
#include <vector>

#include "processes/process_pool.h"

using Numbers = twinpool::SharedBuffer<std::uint64_t>;

static std::uint64_t square_all(Numbers part, Numbers total) {
  for (auto& number : part) number *= number;
  const auto sum = std::accumulate(part.begin(), part.end(), std::uint64_t{0});
  std::atomic_ref<std::uint64_t>(total[0]).fetch_add(sum);  // works across processes
  return sum;
}

int main() {
  constexpr std::size_t kParts = 8;
  constexpr std::size_t kEach = 125'000;
  twinpool::processes::ProcessPool pool({.workers = 2});
  const Numbers numbers = pool.make_shared_buffer<std::uint64_t>(kParts * kEach);
  const Numbers total = pool.make_shared_buffer<std::uint64_t>(1);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{1});

  std::vector<twinpool::Future<std::uint64_t>> sums;
  for (std::size_t i = 0; i < kParts; ++i) {
    sums.push_back(pool.submit<square_all>(numbers.slice(i * kEach, kEach), total));
  }
  std::uint64_t sum = 0;
  for (auto& part : sums) sum += part.get();
  std::printf("sum of squares %llu, last square %llu\n", static_cast<unsigned long long>(sum),
              static_cast<unsigned long long>(numbers[kParts * kEach - 1]));
  return total[0] == sum ? 0 : 1;
}
