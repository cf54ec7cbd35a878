// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/primes.h"

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

constexpr std::uint32_t kBelow = 10'000;
constexpr std::uint32_t kPrimesBelow = 1'229;  // the known answer, OEIS A006880

bool is_prime(std::uint32_t n) {
  if (n < 4) return n >= 2;
  if (n % 2 == 0) return false;
  for (std::uint32_t divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor == 0) return false;
  }
  return true;
}

std::uint32_t count_primes(std::uint32_t below) {
  std::uint32_t count = 0;
  for (std::uint32_t n = 2; n < below; ++n) count += is_prime(n) ? 1 : 0;
  return count;
}

struct Primes {
  using Result = std::uint32_t;
  Primes(Pool&, const FlowOptions&) {}
  static Future<Result> submit(Intake& pool, std::uint64_t) { return pool.submit<count_primes>(kBelow); }
  static bool right(std::uint64_t, Result result) { return result == kPrimesBelow; }
  static std::uint64_t digest(Result result) { return result; }
};

}  // namespace

constinit const Workload kPrimes{.name = "primes",
                                 .family = "control",
                                 .sentence = "counts the primes below 10,000 by trial division",
                                 .exercises = "pure CPU: nothing is shared, the twins should be equal",
                                 .why = "nothing is shared, so nothing can differ",
                                 .expected = Expected::kNoDifference,
                                 .margin = 0.05,
                                 .open = &make_flow<Primes>};

}  // namespace twinpool::bench
